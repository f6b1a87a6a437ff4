// SPDX-License-Identifier: Apache-2.0
// One VM: the sentence, the advice, each resource with its interval and evidence, history, what is missing, cost.

import { history } from './api.js';
import { badge, el, meter, picture, table } from './draw.js';
import { plot } from './plot.js';
import { ago, amount, days, factor, interval, NONE, REASONS, RESOURCES, resource, span, when } from './words.js';

const TARGET = 1.3;
const SPANS = { '1 h': [3600, '30s', 30], '6 h': [21600, '2m', 120] };
let ends = [], chosenSpan = '1 h';

function fact(name, ...value) {
  return el('div', {}, el('dt', {}, name), el('dd', {}, ...value));
}

function facts(a) {
  const h = a.headroom, d = a.days_left;
  return el('dl', { class: 'facts' },
    fact('At least', el('b', {}, factor(h?.at_least, h?.capped)), el('small', {}, 'if growth lands in today’s bursts')),
    fact('Likely', el('b', {}, factor(h?.likely, h?.capped)), el('small', {}, 'if growth is independent of them')),
    fact('At most', el('b', {}, factor(h?.at_most, h?.capped)), el('small', {}, h && h.at_most === null ? 'not known' : 'where something gives')),
    fact('Binds', el('b', {}, resource(a.binding?.resource, a.binding?.device)),
      el('small', {}, a.binding?.share ? amount(a.binding.share, 'ratio') + ' of the tight minutes' : '')),
    fact('Days left', el('b', {}, d ? days(d.at_least) + (d.at_most !== null ? ' to ' + days(d.at_most) : ' or more') : NONE),
      el('small', {}, d ? 'until ' + resource(d.resource) + ' ends' : 'no forecast')),
    fact('Measured', el('b', {}, span(a.window.seconds)), el('small', {}, amount(a.window.covered, 'ratio') + ' of it seen')));
}

function missing(list) {
  return el('ul', { class: 'missing' }, ...list.map((m) => el('li', {}, m.evidence,
    el('small', {}, m.available_at ? ' known ' + when(m.available_at) : ''))));
}

function use(r) {
  const d = r.demand, c = r.capacity;
  const part = [];
  if (d.mean !== null) part.push('mean ' + amount(d.mean, d.unit));
  if (d.p99 !== null) part.push('99 % of the time below ' + amount(d.p99, d.unit));
  if (c.value !== null) part.push(`${c.source === 'lower-bound' ? 'carried at least' : r.resource === 'steal' ? 'tolerated' : 'capacity'} ${amount(c.value, c.unit)}` +
    (c.source === 'known' ? '' : c.source === 'lower-bound' ? ' so far' : ` (${c.source})`));
  return part.join(', ');
}

function evidence(r) {
  const rows = r.evidence.map((e) => [e.signal.replace(/_/g, ' '), amount(e.value, e.unit), e.source]);
  if (rows.length === 0) return null;
  return el('details', {}, el('summary', {}, `Evidence (${rows.length})`), table(['Signal', 'Value', 'Source'], rows));
}

/** Tightest first; what makes no claim last. */
function order(list) {
  const key = (r) => r.headroom?.at_least ?? (r.headroom?.likely ?? 99);
  return list.slice().sort((a, b) => key(a) - key(b));
}

function resources(a) {
  return el('section', { 'aria-labelledby': 'h-res' }, el('h2', { id: 'h-res' }, 'Each resource'),
    el('p', { class: 'legend' }, 'The dot is the likely factor, the thick part reaches down to what is certain even if growth lands in today’s bursts. Left of 1× today’s load does not fit; the pale part is the reserve wanted.'),
    el('div', { class: 'axis wide-axis', 'aria-hidden': 'true' }, el('i', {}, '½×'), el('i', {}, '1×'), el('i', {}, '2×'), el('i', {}, '4×')),
    ...order(a.resources).map((r) => el('div', { class: 'res' },
      el('h3', {}, resource(r.resource, r.device), r.saturated ? el('span', { class: 'sat' }, 'saturated') : null),
      el('div', { class: 'res-pic' }, picture(r.headroom, TARGET)),
      el('p', { class: 'res-k' }, interval(r.headroom)),
      el('p', { class: 'res-use' }, use(r), el('small', {}, ` confidence: ${r.confidence}`)),
      r.missing.length ? missing(r.missing) : null,
      evidence(r))));
}

function bigger(a) {
  if (!a.bigger.length) return null;
  return el('section', { 'aria-labelledby': 'h-big' }, el('h2', { id: 'h-big' }, 'What a larger size would change'),
    ...a.bigger.map((b) => el('div', { class: 'res' }, el('h3', {}, b.change.replace(/\bx(?=\d)/g, '×').replace('vcpus', 'vCPUs')),
      el('div', { class: 'res-pic' }, picture(b.gain, 1.25)), el('p', { class: 'res-k' }, 'gain: ' + interval(b.gain)))));
}

function top(a) {
  if (!a.top.length) return null;
  return el('section', { 'aria-labelledby': 'h-top' }, el('h2', { id: 'h-top' }, 'Who uses it'),
    table(['Process', 'Resource', 'Share of one CPU', ''], a.top.map((t) => [
      `${t.process}${t.thread && t.thread !== t.process ? ' / ' + t.thread : ''} (${t.pid})`, RESOURCES[t.resource] || t.resource, amount(t.share, 'ratio'), meter(t.share)])));
}

function cost(a) {
  const c = a.cost, ns = Object.entries(c.ns_per_event || {}).map(([k, v]) => `${k} ${Math.round(v)} ns`).join(', ');
  return el('section', { 'aria-labelledby': 'h-cost' }, el('h2', { id: 'h-cost' }, 'What measuring costs here'),
    el('p', {}, `${c.cpu_ratio === null ? NONE : amount(c.cpu_ratio, 'ratio')} of one CPU, ${amount(c.rss_bytes, 'bytes')} resident, ${amount(c.map_bytes, 'bytes')} of maps` +
      (ns ? `, per event: ${ns}` : '') + (c.shed?.length ? `; given up to stay within budget: ${c.shed.join(', ')}` : '') + '.'));
}

async function drawHistory(a, box, signal) {
  const [seconds, step, stepS] = SPANS[chosenSpan];
  ends.forEach((f) => f());
  ends = [];
  let doc;
  try {
    doc = await history(a.host_id || a.host, seconds, step, signal);
  } catch (e) {
    if (e.name !== 'AbortError') box.replaceChildren(el('p', { class: 'none' }, 'No history: ' + e.message));
    return;
  }
  box.replaceChildren();
  for (const s of doc.series) {
    const of = a.resources.find((r) => r.resource === s.resource);
    const limit = of && of.capacity.unit === s.unit && of.capacity.source !== 'lower-bound' && s.what === 'demand' ? of.capacity.value : null;
    const label = `${RESOURCES[s.resource] || s.resource} ${s.what}`;
    const one = el('figure', {}, el('figcaption', {}, label));
    box.append(one);
    ends.push(await plot(one, s, Date.parse(doc.from), (doc.step_seconds || stepS) * 1000, limit, label));
  }
}

function past(a, signal) {
  const box = el('div', { class: 'plots' });
  const choose = el('div', { class: 'spans', role: 'group', 'aria-label': 'Time shown' });
  const fill = () => {
    choose.replaceChildren(...Object.keys(SPANS).map((s) => el('button', { type: 'button', 'aria-pressed': String(s === chosenSpan),
      onclick: () => { chosenSpan = s; fill(); drawHistory(a, box, signal); } }, s)));
  };
  fill();
  const s = el('section', { 'aria-labelledby': 'h-past' }, el('div', { class: 'head2' }, el('h2', { id: 'h-past' }, 'History'), choose), box);
  drawHistory(a, box, signal);
  return s;
}

/** Fills @box with answer @a; @signal ends requests that are no longer wanted. */
export function show(box, a, signal) {
  const id = encodeURIComponent(a.host_id || a.host);
  const open = new Set([...box.querySelectorAll('details[open]')].map((d) => d.closest('.res')?.querySelector('h3')?.textContent));
  box.replaceChildren(...[
    el('p', { class: 'back' }, el('a', { href: '/', 'data-nav': true, 'data-back': true }, '← all VMs')),
    el('div', { class: 'title' }, el('h1', {}, a.host), badge(a.answer), el('span', { class: 'why' }, REASONS[a.reason] || a.reason)),
    el('p', { class: 'sentence' }, a.sentence),
    a.advice ? el('p', { class: 'advice' }, el('b', {}, 'Next: '), a.advice) : null,
    facts(a),
    a.missing?.length ? el('section', { 'aria-labelledby': 'h-miss' }, el('h2', { id: 'h-miss' }, 'What is missing'), missing(a.missing)) : null,
    resources(a), bigger(a), past(a, signal), top(a), cost(a),
    el('p', { class: 'export' }, `Answer of ${when(a.at)} (${ago(a.at)}). `, el('a', { href: `/v1/hosts/${id}/answer` }, 'JSON'), ' ',
      el('a', { href: `/v1/hosts/${id}/explain` }, 'every number'), ' ', el('button', { type: 'button', onclick: () => window.print() }, 'Print')),
  ].filter(Boolean));
  for (const d of box.querySelectorAll('details')) d.open = open.has(d.closest('.res')?.querySelector('h3')?.textContent);
}

export function hide() {
  ends.forEach((f) => f());
  ends = [];
}
