// SPDX-License-Identifier: Apache-2.0
// One VM: the sentence, the advice, each resource with its interval and evidence, history, bursts, what is missing, cost.

import { history } from './api.js';
import { burstWords, drawBursts, drawHistory, historyCsv, tightWords } from './charts.js';
import { badge, el } from './draw.js';
import { cost, facts, missing, resources, sizes, users } from './parts.js';
import { ago, REASONS, when } from './words.js';

const SPANS = { '10 min': '?from=-10m&step=10s', '1 h': '?from=-1h&step=30s', '6 h': '?from=-6h&step=2m', '91 days': '?step=1d' };
let ends = [], chosenSpan = null, drawn = 0;

export function hide() {
  ends.forEach((f) => f());
  ends = [];
}

/** Fetches the chosen span and draws it, and the bursts of its tightest minute; the last one asked for wins. */
async function draw(a, to, signal) {
  const mine = ++drawn;
  let doc;
  try {
    doc = await history(a.host_id || a.host, SPANS[chosenSpan], signal);
  } catch (e) {
    if (e.name !== 'AbortError') to.plots.replaceChildren(el('p', { class: 'none' }, 'No history: ' + e.message));
    return;
  }
  if (mine !== drawn) return;
  hide();
  to.plots.replaceChildren();
  to.bursts.replaceChildren();
  to.csv.onclick = () => {
    const url = URL.createObjectURL(new Blob([historyCsv(doc)], { type: 'text/csv' }));
    to.csv.href = url;
    setTimeout(() => URL.revokeObjectURL(url), 60000);
  };
  to.json.href = `/v1/hosts/${encodeURIComponent(a.host_id || a.host)}/history${SPANS[chosenSpan]}`;
  const t = doc.tightest;
  to.tight.hidden = !t || chosenSpan === '91 days';
  if (t) {
    to.tight.querySelector('.tight-when').textContent = tightWords(t);
    to.tight.querySelector('.tight-words').textContent = burstWords(t);
  }
  ends.push(await drawHistory(to.plots, doc, a));
  if (t && mine === drawn) ends.push(await drawBursts(to.bursts, t));
}

function past(a, signal) {
  chosenSpan ??= a.window.seconds < 1800 ? '10 min' : '1 h'; // a new VM's first minutes are a dot in an hour
  const to = { plots: el('div', { class: 'plots' }), bursts: el('div', { class: 'plots' }),
    csv: el('a', { href: '#', download: 'headroom-history.csv' }, 'CSV'), json: el('a', { href: '#' }, 'JSON') };
  to.tight = el('section', { 'aria-labelledby': 'h-tight', hidden: true }, el('h2', { id: 'h-tight' }, 'The tightest minute, in slots of 8 ms'),
    el('p', { class: 'tight-when' }), el('p', { class: 'tight-words' }), to.bursts);
  const choose = el('div', { class: 'spans', role: 'group', 'aria-label': 'Time shown' });
  const fill = () => {
    choose.replaceChildren(...Object.keys(SPANS).map((s) => el('button', { type: 'button', 'aria-pressed': String(s === chosenSpan),
      onclick: () => { chosenSpan = s; fill(); choose.querySelector('[aria-pressed=true]').focus(); draw(a, to, signal); } }, s)));
  };
  fill();
  draw(a, to, signal);
  return [el('section', { 'aria-labelledby': 'h-past' }, el('div', { class: 'head2' }, el('h2', { id: 'h-past' }, 'History'), choose), to.plots,
    el('p', { class: 'export' }, 'These numbers: ', to.csv, ' ', to.json)), to.tight];
}

/** Fills @box with answer @a and the @ladder of its sizes, which may be null; @signal ends requests that are no longer wanted. */
export function show(box, a, ladder, signal) {
  const id = encodeURIComponent(a.host_id || a.host);
  const open = new Set([...box.querySelectorAll('details[open]')].map((d) => d.closest('.res')?.querySelector('h3')?.textContent));
  hide();
  box.replaceChildren(...[
    el('p', { class: 'back' }, el('a', { href: '/', 'data-nav': true, 'data-back': true }, '← all VMs')),
    el('div', { class: 'title' }, el('h1', {}, a.host), badge(a.answer), el('span', { class: 'why' }, REASONS[a.reason] || a.reason)),
    el('p', { class: 'sentence' }, a.sentence),
    a.advice ? el('p', { class: 'advice' }, el('b', {}, 'Next: '), a.advice) : null,
    facts(a),
    a.missing?.length ? el('section', { 'aria-labelledby': 'h-miss' }, el('h2', { id: 'h-miss' }, 'What is missing'), missing(a.missing)) : null,
    resources(a, ladder?.target ?? 1.3), sizes(a, ladder), ...past(a, signal), users(a), cost(a),
    el('p', { class: 'export' }, `Answer of ${when(a.at)} (${ago(a.at)}). `, el('a', { href: `/v1/hosts/${id}/answer` }, 'JSON'), ' ',
      el('a', { href: `/v1/hosts/${id}/explain` }, 'every number'), ' ', el('button', { type: 'button', onclick: () => window.print() }, 'Print'),
      el('small', {}, ' as one file: headroom report ' + a.host)),
  ].filter(Boolean));
  for (const d of box.querySelectorAll('details')) d.open = open.has(d.closest('.res')?.querySelector('h3')?.textContent);
}
