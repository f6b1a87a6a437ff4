// SPDX-License-Identifier: Apache-2.0
// The printable report of one VM, for a team that asks whether it has to distribute. `headroom report` puts the modules
// named in its list, and this one last, into one script: import lines go, "export" goes.

import { burstWords, drawBursts, drawHistory, tightWords } from './charts.js';
import { badge, el, picture, table } from './draw.js';
import { cost, facts, missing, resources, sizes, users } from './parts.js';
import { amount, factor, interval, NONE, REASONS, resource, span, when } from './words.js';

/** What the answer means for the question whether to add machines. */
const MEANING = {
  'headroom-left': 'No. This VM carries the wanted reserve as it is.',
  'bigger-size-helps': 'Not yet. A larger size of the same VM gives the wanted reserve.',
  'serial-thread': 'Not before that thread is changed: every machine of a distributed version would run the same thread against the same limit, unless the work is split, and work that is split runs on this VM, too.',
  steal: 'No. The CPUs were sold, and others use them: another host or family of machines, not more machines.',
  'local-limit': 'No. A limit set inside this VM binds; the VM itself has room.',
  'external-limit': 'No. A limit of a volume or link binds; it can be raised without a second machine.',
  'at-ceiling': 'This is the one case that speaks for it: a larger size would help, and none exists. See below what is cheaper first.',
  'missing-evidence': 'Not known. Deciding now would be guessing; below is what is missing and when it will be there.',
};

/** The ways out, cheapest first, each with what it costs and what was measured about it. */
function ways(a) {
  const s = a.size, rows = [];
  const k = (h) => interval(h);
  const gain = (r) => (s && s.vcpus ? `${Number((r.vcpus / s.vcpus).toPrecision(3))}× the vCPUs` : `${r.vcpus} vCPUs`) +
    (s?.memory_bytes && r.memory_bytes ? `, ${Number((r.memory_bytes / s.memory_bytes).toPrecision(2))}× the memory` : '');
  rows.push(['Change nothing', 'nothing', k(a.headroom)]);
  if (a.advice && a.answer !== 'yes') rows.push(['The advice above', 'work on this VM', 'removes what binds; measure again afterwards']);
  if (s?.smaller) rows.push([`A smaller size: ${s.smaller.name}`, `saves: ${gain(s.smaller)}`, k(s.smaller.headroom)]);
  if (s?.next) rows.push([`The next size: ${s.next.name}`, `${gain(s.next)}, a restart`, k(s.next.headroom)]);
  if (s?.largest && s.largest.name !== s.next?.name) rows.push([`The largest of its family: ${s.largest.name}`, `${gain(s.largest)}, a restart`, k(s.largest.headroom)]);
  for (const b of a.bigger) rows.push([`${b.change.replace(/\bx(?=\d)/g, '×').replace('vcpus', 'vCPUs')}, whatever it is called`, 'a restart', 'gain: ' + k(b.gain)]);
  const low = a.headroom?.at_least;
  rows.push(['Two such VMs', 'twice the VM; a load balancer or a split of the data; deploys, failures and debugging across machines',
    low ? `at least ${factor(Math.min(8, 2 * low))} at best, and only if the load splits in two halves that need nothing of each other` : 'not known']);
  return el('section', { 'aria-labelledby': 'h-ways' }, el('h2', { id: 'h-ways' }, 'The ways out, and what each costs'),
    table(['Way', 'Cost', 'Headroom then'], rows),
    el('p', { class: 'legend' }, 'Predicted from this VM’s measurements and the catalogue of sizes; where a limit of another size is not in the catalogue it is taken as here. Prices are not in the catalogue: the cost of a size is given in what is bought. What work costs was not measured.'));
}

function bottleneck(a, target) {
  const of = a.resources.find((r) => r.resource === a.binding?.resource && (r.device ?? null) === (a.binding?.device ?? null));
  const h = of?.headroom ?? a.headroom;
  return el('section', { 'aria-labelledby': 'h-bind' }, el('h2', { id: 'h-bind' }, 'The bottleneck'),
    el('p', {}, el('b', {}, resource(a.binding?.resource, a.binding?.device)), a.binding?.share ? ` binds in ${amount(a.binding.share, 'ratio')} of the tight minutes: ` : ': ', interval(h), '.'),
    h ? el('div', { class: 'res-pic' }, picture(h, target)) : null,
    of?.evidence.length ? table(['Measured', 'Value', 'Source'], of.evidence.map((e) => [e.signal.replace(/_/g, ' '), amount(e.value, e.unit), e.source])) : null);
}

async function report() {
  const { answer: a, history: doc, days, sizes: rungs, made_at: made } = JSON.parse(document.getElementById('data').textContent);
  const box = document.getElementById('report');
  document.title = `headroom report: ${a.host}`;
  const past = el('div', { class: 'plots' }), long = el('div', { class: 'plots' }), bursts = el('div', { class: 'plots' });
  const t = doc?.tightest, target = rungs?.target ?? doc?.threshold ?? 1.3;
  box.replaceChildren(...[
    el('div', { class: 'title' }, el('h1', {}, a.host), badge(a.answer), el('span', { class: 'why' }, REASONS[a.reason] || a.reason)),
    el('p', { class: 'legend' }, `Is vertical scaling headroom left? Measured ${span(a.window.seconds)} to ${when(a.window.to)}, ${amount(a.window.covered, 'ratio')} of it seen. Report of ${when(made)}.`),
    el('p', { class: 'sentence' }, a.sentence),
    a.advice ? el('p', { class: 'advice' }, el('b', {}, 'Simpler first: '), a.advice) : null,
    el('section', { 'aria-labelledby': 'h-need' }, el('h2', { id: 'h-need' }, 'Do we need to distribute?'), el('p', {}, MEANING[a.reason] || NONE)),
    facts(a), bottleneck(a, target), ways(a),
    a.missing?.length ? el('section', { 'aria-labelledby': 'h-miss' }, el('h2', { id: 'h-miss' }, 'What is missing'), missing(a.missing)) : null,
    el('section', { 'aria-labelledby': 'h-past' }, el('h2', { id: 'h-past' }, 'Headroom and demand, the last 6 hours'), past),
    days?.headroom.at_least.length ? el('section', { 'aria-labelledby': 'h-long' }, el('h2', { id: 'h-long' }, 'Day by day'), long) : null,
    t ? el('section', { 'aria-labelledby': 'h-tight' }, el('h2', { id: 'h-tight' }, 'The tightest minute of these hours'), el('p', { class: 'tight-when' }, tightWords(t)), el('p', {}, burstWords(t)), bursts) : null,
    resources(a, target), sizes(a, rungs), users(a), cost(a),
  ].filter(Boolean));
  for (const d of box.querySelectorAll('details')) d.open = true; // paper has no clicks
  if (doc) await drawHistory(past, doc, a);
  if (days?.headroom.at_least.length) await drawHistory(long, days, a);
  if (t) await drawBursts(bursts, t);
  document.body.dataset.done = 'true';
}

await report();
