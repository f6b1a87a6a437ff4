// SPDX-License-Identifier: Apache-2.0
// Elements, and the picture of an interval. Text of peers enters only as text nodes.

import { interval, KINDS } from './words.js';

export function el(tag, attrs = {}, ...kids) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(attrs)) {
    if (v === null || v === undefined || v === false) continue;
    if (k.startsWith('on')) e.addEventListener(k.slice(2), v);
    else e.setAttribute(k, v === true ? '' : v);
  }
  e.append(...kids.filter((x) => x !== null && x !== undefined && x !== false));
  return e;
}

const SVG = 'http://www.w3.org/2000/svg';
function shape(tag, attrs) {
  const e = document.createElementNS(SVG, tag);
  for (const [k, v] of Object.entries(attrs)) e.setAttribute(k, v);
  return e;
}

/** Place of factor k on the logarithmic axis, in percent: 1/8 is 2, 1 is the middle, 8 is 98, so that marks have room. */
export function place(k) {
  return Math.min(98, Math.max(2, (Math.log2(k) + 3) / 6 * 96 + 2));
}

const pc = (v) => v.toFixed(2) + '%';

/**
 * The interval [at_least, at_most] with its likely value. Left of 1x today's load does not fit; between 1x and
 * the target it fits without reserve. Open to the right where at_most is not known: dashes to the edge.
 */
export function picture(h, target) {
  const svg = shape('svg', { class: 'pic', height: '18', width: '100%', role: 'img' });
  const title = shape('title', {});
  title.textContent = interval(h);
  svg.append(title);
  svg.append(shape('rect', { class: 'p-short', x: '0', y: '0', width: pc(place(1)), height: '18' }));
  svg.append(shape('rect', { class: 'p-tight', x: pc(place(1)), y: '0', width: pc(place(target) - place(1)), height: '18' }));
  for (const k of [0.5, 1, 2, 4]) {
    svg.append(shape('line', { class: k === 1 ? 'p-one' : 'p-tick', x1: pc(place(k)), x2: pc(place(k)), y1: '0', y2: '18' }));
  }
  if (!h || (h.at_least === null && h.likely === null && h.at_most === null)) {
    svg.classList.add('p-none');
    return svg;
  }
  const low = h.at_least ?? h.likely ?? h.at_most;
  const mid = h.likely ?? low;
  const high = h.at_most ?? null;
  if (high === null) {
    svg.append(shape('line', { class: 'p-open', x1: pc(place(mid)), x2: '100%', y1: '9', y2: '9' }));
  } else {
    svg.append(shape('line', { class: 'p-range', x1: pc(place(low)), x2: pc(place(high)), y1: '9', y2: '9' }));
    svg.append(shape('line', { class: 'p-range', x1: pc(place(high)), x2: pc(place(high)), y1: '5', y2: '13' }));
  }
  svg.append(shape('line', { class: 'p-sure', x1: pc(place(low)), x2: pc(place(mid)), y1: '9', y2: '9' }));
  svg.append(shape('line', { class: 'p-low', x1: pc(place(low)), x2: pc(place(low)), y1: '3', y2: '15' }));
  if (h.likely !== null) svg.append(shape('circle', { class: 'p-dot', cx: pc(place(mid)), cy: '9', r: '4' }));
  return svg;
}

/** The answer as mark and word: shape and text carry it, colour only helps. */
export function badge(kind) {
  const k = KINDS[kind] || { mark: '?', word: kind };
  return el('span', { class: 'badge k-' + (KINDS[kind] ? kind : 'unknown') }, el('span', { class: 'mark', 'aria-hidden': 'true' }, k.mark), k.word);
}

/** A share of 0..1 and more as a bar. */
export function meter(share) {
  const svg = shape('svg', { class: 'meter', height: '10', width: '100%', 'aria-hidden': 'true' });
  svg.append(shape('rect', { class: 'm-back', x: '0', y: '0', width: '100%', height: '10' }));
  svg.append(shape('rect', { class: 'm-bar', x: '0', y: '0', width: pc(Math.min(1, share) * 100), height: '10' }));
  return svg;
}

export function table(heads, rows, caption) {
  const t = el('table', {}, caption ? el('caption', {}, caption) : null,
    el('thead', {}, el('tr', {}, ...heads.map((h) => el('th', { scope: 'col' }, h)))));
  t.append(el('tbody', {}, ...rows.map((r) => el('tr', {}, ...r.map((c, i) => (i ? el('td', {}, c) : el('th', { scope: 'row' }, c)))))));
  // wider than a phone it scrolls, and what scrolls must be reached by key
  return el('div', { class: 'wide', tabindex: 0, role: 'group', 'aria-label': heads.join(', ') }, t);
}
