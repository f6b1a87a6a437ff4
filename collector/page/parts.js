// SPDX-License-Identifier: Apache-2.0
// The parts of one VM's answer that the page and the printable report share.

import { el, meter, picture, table } from './draw.js';
import { amount, days, factor, interval, NONE, RESOURCES, resource, span, when } from './words.js';

function fact(name, ...value) {
  return el('div', {}, el('dt', {}, name), el('dd', {}, ...value));
}

export function facts(a) {
  const h = a.headroom, d = a.days_left;
  return el('dl', { class: 'facts' },
    fact('At least', el('b', {}, factor(h?.at_least)), el('small', {}, 'if growth lands in today’s bursts')),
    fact('Likely', el('b', {}, factor(h?.likely)), el('small', {}, 'if growth is independent of them')),
    fact('At most', el('b', {}, factor(h?.at_most)), el('small', {}, h && h.at_most === null ? 'not known' : 'where something gives')),
    fact('Binds', el('b', {}, resource(a.binding?.resource, a.binding?.device)),
      el('small', {}, a.binding?.share ? amount(a.binding.share, 'ratio') + ' of the tight minutes' : '')),
    fact('Days left', el('b', {}, d ? days(d.at_least) + (d.at_most !== null ? ' to ' + days(d.at_most) : ' or more') : NONE),
      el('small', {}, d ? 'until ' + resource(d.resource) + ' ends' : a.outlook?.trend || 'no forecast')),
    fact('Measured', el('b', {}, span(a.window.seconds)), el('small', {}, amount(a.window.covered, 'ratio') + ' of it seen')));
}

export function missing(list) {
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

/**
 * The interval to show: none for a device whose limit was never reached and whose only bound says that it carries what
 * it carries now ("at least 0.91x" of an idle disk). As the terminal's hr_render_unproven().
 */
function shown(a, r) {
  const h = r.headroom, binds = r.resource === a.binding?.resource && (r.device ?? null) === (a.binding?.device ?? null);
  return h && r.capacity.source === 'lower-bound' && !r.saturated && !binds && h.likely === null && h.at_least !== null && h.at_least <= 1 ? null : h;
}

/** Tightest first; what makes no claim last. */
function order(a) {
  const key = (r) => shown(a, r)?.at_least ?? (shown(a, r)?.likely ?? 99);
  return a.resources.slice().sort((x, y) => key(x) - key(y));
}

/** @target: the factor wanted, [model] target. */
export function resources(a, target) {
  return el('section', { 'aria-labelledby': 'h-res' }, el('h2', { id: 'h-res' }, 'Each resource'),
    el('p', { class: 'legend' }, 'The dot is the likely factor, the thick part reaches down to what is certain even if growth lands in today’s bursts. Left of 1× today’s load does not fit; the pale part is the reserve wanted.'),
    el('div', { class: 'axis wide-axis', 'aria-hidden': 'true' }, el('i', {}, '½×'), el('i', {}, '1×'), el('i', {}, '2×'), el('i', {}, '4×')),
    ...order(a).map((r) => el('div', { class: 'res' },
      el('h3', {}, resource(r.resource, r.device), r.saturated ? el('span', { class: 'sat' }, 'saturated') : null),
      el('div', { class: 'res-pic' }, picture(shown(a, r), target)),
      el('p', { class: 'res-k' }, interval(shown(a, r))),
      el('p', { class: 'res-use' }, use(r), el('small', {}, ` confidence: ${r.confidence}`)),
      r.missing.length ? missing(r.missing) : null,
      evidence(r))));
}

const note = (unknown) => (unknown.length ? `Not in the catalogue, taken as on this size: limits of ${unknown.map((u) => resource(u).toLowerCase()).join(', ')}.` : '');

/** What a rung is to this VM, in words; nothing for most. */
function role(doc, i) {
  const r = doc.sizes[i];
  if (r.current) return 'this size';
  if (i === doc.next) return 'next size';
  if (i === doc.smaller) return 'would do, too';
  return i === doc.ceiling ? 'largest of its family' : '';
}

/** Every size of the VM's family, smallest first, as a picture: below 1× it would not carry today's load. */
function ladder(doc) {
  const priced = doc.sizes.some((r) => r.price);
  const unknown = [...new Set(doc.sizes.flatMap((r) => r.unknown))];
  const rows = doc.sizes.map((r, i) => el('tr', { class: r.current ? 'now' : null },
    el('th', { scope: 'row' }, r.name, el('small', {}, role(doc, i))),
    el('td', { class: 'num l-wide' }, String(r.vcpus)), el('td', { class: 'num l-wide' }, r.memory_bytes === null ? NONE : amount(r.memory_bytes, 'bytes')),
    el('td', { class: 'l-pic' }, picture(r.headroom, doc.target)),
    el('td', { class: 'num' }, factor(r.headroom?.at_least)),
    el('td', { class: 'l-wide' }, r.binding ? resource(r.binding) : NONE),
    priced ? el('td', { class: 'num l-wide' }, r.price ? `${r.price.value} ${r.price.unit}` : NONE) : null));
  const head = (text, cls) => el('th', { scope: 'col', class: cls }, text);
  return [el('p', { class: 'legend' }, `Predicted for every size of ${doc.size}’s family, for today’s load. ${note(unknown)}`),
    el('div', { class: 'wide', tabindex: 0, role: 'group', 'aria-label': 'Sizes of the family' },
      el('table', { class: 'ladder' },
        el('thead', {}, el('tr', {}, head('Size'), head('vCPUs', 'num l-wide'), head('Memory', 'num l-wide'),
          el('th', { scope: 'col', class: 'l-pic' }, 'How much of today’s load it carries', el('span', { class: 'axis', 'aria-hidden': 'true' }, el('i', {}, '½×'), el('i', {}, '1×'), el('i', {}, '2×'), el('i', {}, '4×'))),
          head('At least', 'num'), head('Binds there', 'l-wide'), priced ? head('Price', 'num l-wide') : null)),
        el('tbody', {}, ...rows)))];
}

/** What another size would change: the ladder where the VM's size is known, and what more of each would gain anyhow. */
export function sizes(a, doc) {
  const rungs = doc?.sizes.length ? ladder(doc) : [];
  if (!rungs.length && !a.bigger.length) return null;
  return el('section', { 'aria-labelledby': 'h-size' }, el('h2', { id: 'h-size' }, 'What another size would change'), ...rungs,
    rungs.length || !a.size ? null : el('p', { class: 'legend' }, `Which size this VM has is not known${a.size.name ? `: ${a.size.name} is not in the catalogue, or has other vCPUs or memory` : ''}. Told to the agent (instance_type in agent.conf), every size of its family stands here.`),
    ...a.bigger.map((b) => el('div', { class: 'res' }, el('h3', {}, b.change.replace(/\bx(?=\d)/g, '×').replace('vcpus', 'vCPUs'), el('small', {}, ' gain')),
      el('div', { class: 'res-pic' }, picture(b.gain, 1.25)), el('p', { class: 'res-k' }, 'gain: ' + interval(b.gain)))));
}

export function users(a) {
  const groups = a.groups || [];
  if (!a.top.length && !groups.length) return null;
  return el('section', { 'aria-labelledby': 'h-top' }, el('h2', { id: 'h-top' }, 'Who uses it'),
    groups.length ? table(['Service or container (cgroup)', 'Share of one CPU', 'Waiting for a CPU'], groups.map((g) => [
      g.cgroup, el('span', { class: 'share' }, amount(g.share, 'ratio'), meter(g.share)), amount(g.wait, 'ratio')])) : null,
    table(['Process', 'Resource', 'Share of one CPU'], a.top.map((t) => [
      `${t.process}${t.thread && t.thread !== t.process ? ' / ' + t.thread : ''} (${t.pid})`, RESOURCES[t.resource] || t.resource, el('span', { class: 'share' }, amount(t.share, 'ratio'), meter(t.share))])));
}

export function cost(a) {
  const c = a.cost, ns = Object.entries(c.ns_per_event || {}).map(([k, v]) => `${k} ${Math.round(v)} ns`).join(', ');
  return el('section', { 'aria-labelledby': 'h-cost' }, el('h2', { id: 'h-cost' }, 'What measuring costs here'),
    el('p', {}, `${c.cpu_ratio === null ? NONE : amount(c.cpu_ratio, 'ratio')} of one CPU, ${amount(c.rss_bytes, 'bytes')} resident, ${amount(c.map_bytes, 'bytes')} of maps` +
      (ns ? `, per event: ${ns}` : '') + (c.shed?.length ? `; given up to stay within budget: ${c.shed.join(', ')}` : '') + '.'));
}
