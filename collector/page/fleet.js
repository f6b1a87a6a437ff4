// SPDX-License-Identifier: Apache-2.0
// The fleet: counts, filters, and a list of which only the rows in sight exist in the document.

import { badge, el, picture } from './draw.js';
import { ago, days, factor, KINDS, NONE, REASONS, resource } from './words.js';

const MARGIN = 8; // rows kept above and below what is seen, so that a quick scroll shows no gap
const $ = (id) => document.getElementById(id);

let view = { q: '', answer: '', reason: '', sort: 'headroom' };
let all = [], seen = [], counts = null, loaded = false, target = 1.3;
let chosen = -1, go = () => {};
let from = -1, to = -1, rowHeight = 0;

const low = (r) => (r.headroom && r.headroom.at_least !== null ? r.headroom.at_least : Infinity);
const byName = (a, b) => (a.host < b.host ? -1 : a.host > b.host ? 1 : a.host_id < b.host_id ? -1 : 1);
const orders = {
  headroom: (a, b) => low(a) - low(b) || byName(a, b),
  days: (a, b) => (a.days_left?.at_least ?? Infinity) - (b.days_left?.at_least ?? Infinity) || low(a) - low(b) || byName(a, b),
  name: byName,
};

function matches(r, words) {
  if (view.answer && r.answer !== view.answer) return false;
  if (view.reason && r.reason !== view.reason) return false;
  if (words.length === 0) return true;
  r.text ??= [r.host, r.answer, KINDS[r.answer]?.what, r.reason, REASONS[r.reason], r.binding?.resource, r.binding?.device].join(' ').toLowerCase();
  return words.every((w) => r.text.includes(w));
}

/** One line that says where to look. */
function lead() {
  const n = counts.count, act = counts.answers.no + counts.answers.resize;
  if (n === 0) return 'No VM has reported yet.';
  const one = n === 1 ? '1 VM' : n.toLocaleString() + ' VMs';
  const tight = all.find((r) => low(r) < Infinity);
  const where = tight ? ` Tightest: ${tight.host}, at least ${factor(tight.headroom.at_least)}.` : '';
  if (act === 0 && counts.answers.unknown === n) return `${one}, none with enough evidence for an answer yet.`;
  if (act === 0) return `${one}: none is short.${where}`;
  return `${act.toLocaleString()} of ${one} ${act === 1 ? 'is' : 'are'} short of headroom.${where}`;
}

function button(kind, pressed, press, ...kids) {
  return el('button', { type: 'button', class: kind, 'aria-pressed': String(pressed), onclick: press }, ...kids);
}

function showCounts() {
  $('lead').textContent = lead();
  $('kinds').replaceChildren(...Object.entries(KINDS).map(([k, v]) =>
    button('kind k-' + k, view.answer === k, () => go({ answer: view.answer === k ? '' : k, reason: '' }),
      el('span', { class: 'mark', 'aria-hidden': 'true' }, v.mark),
      el('b', {}, counts.answers[k].toLocaleString()), el('span', {}, v.word), el('small', {}, v.what))));
  const reasons = Object.entries(counts.reasons).filter(([k, n]) => n > 0 && k !== 'headroom-left' && k !== 'missing-evidence');
  if (view.reason && !reasons.some(([k]) => k === view.reason)) reasons.push([view.reason, 0]);
  $('reasons').replaceChildren(...reasons.sort((a, b) => b[1] - a[1]).map(([k, n]) =>
    button('reason', view.reason === k, () => go({ reason: view.reason === k ? '' : k }), `${REASONS[k] || k} `, el('b', {}, n.toLocaleString()))));
}

function cell(cls, ...kids) {
  return el('span', { role: 'cell', class: cls }, ...kids);
}

function row(i) {
  const r = seen[i], h = r.headroom;
  const quiet = r.heard_at && Date.now() - Date.parse(r.heard_at) > 300000;
  // a row is no link (a link has no cells): the name is one, and its area is stretched over the row
  const e = el('div', { role: 'row', class: 'row' + (i === chosen ? ' chosen' : ''), 'aria-rowindex': i + 2, 'data-i': i },
  cell('c-name', el('a', { href: '?host=' + encodeURIComponent(r.host_id), 'data-nav': true, title: r.host, tabindex: i === chosen || (chosen < 0 && i === 0) ? 0 : -1 }, r.host), quiet ? el('small', {}, ' silent, last heard ' + ago(r.heard_at)) : null),
  cell('c-kind', badge(r.answer)),
  cell('c-why', REASONS[r.reason] || r.reason, r.binding?.resource && r.reason !== 'headroom-left' ? el('small', {}, resource(r.binding.resource, r.binding.device)) : null),
  cell('c-k', h ? factor(h.at_least) : NONE),
  cell('c-pic', picture(h, target)),
  cell('c-days', r.days_left ? days(r.days_left.at_least) : NONE));
  e.style.transform = `translateY(${i * rowHeight}px)`;
  return e;
}

/** Builds the rows in sight; all others are only room. */
function paint(force) {
  const box = $('scroll'), list = $('rows');
  if (!rowHeight) {
    rowHeight = parseFloat(getComputedStyle(document.documentElement).getPropertyValue('--row')) || 44;
    list.style.height = seen.length * rowHeight + 'px';
  }
  const a = Math.max(0, Math.floor(box.scrollTop / rowHeight) - MARGIN);
  const b = Math.min(seen.length, Math.ceil((box.scrollTop + box.clientHeight) / rowHeight) + MARGIN);
  if (!force && a === from && b === to) return;
  const focused = list.contains(document.activeElement);
  from = a; to = b;
  const made = [];
  for (let i = a; i < b; i++) made.push(row(i));
  list.replaceChildren(...made);
  if (focused) list.querySelector(`[data-i="${chosen}"] a`)?.focus({ preventScroll: true });
}

function select() {
  const words = view.q.toLowerCase().split(/\s+/).filter(Boolean);
  seen = all.filter((r) => matches(r, words)).sort(orders[view.sort] || orders.headroom);
  chosen = -1;
  $('rows').style.height = seen.length * rowHeight + 'px';
  $('table').setAttribute('aria-rowcount', seen.length + 1);
  $('found').textContent = counts && !loaded
    ? `loading, ${all.length.toLocaleString()} so far`
    : seen.length === 1 ? '1 VM' : seen.length.toLocaleString() + ' VMs';
  $('table').classList.toggle('empty', seen.length === 0);
  paint(true);
}

/** Moves the choice by @by rows and into sight. */
export function move(by) {
  if (seen.length === 0) return;
  chosen = Math.min(seen.length - 1, Math.max(0, chosen < 0 ? 0 : chosen + by));
  const box = $('scroll'), top = chosen * rowHeight;
  if (top < box.scrollTop) box.scrollTop = top;
  if (top + rowHeight > box.scrollTop + box.clientHeight) box.scrollTop = top + rowHeight - box.clientHeight;
  paint(true);
  $('rows').querySelector(`[data-i="${chosen}"] a`)?.focus({ preventScroll: true });
}

export const picked = () => seen[chosen];

export function setView(v) {
  const changed = JSON.stringify(v) !== JSON.stringify(view);
  view = v;
  if ($('q').value !== v.q) $('q').value = v.q;
  $('sort').value = orders[v.sort] ? v.sort : 'headroom';
  if (counts) showCounts();
  if (changed) $('scroll').scrollTop = 0;
  select();
}

/** @doc: a /v1/fleet document for the counts; @rows: all rows known by now; @complete: none are to come. */
export function setRows(doc, rows, complete) {
  counts = doc;
  loaded = complete;
  target = doc.target ?? 1.3;
  const at = chosen >= 0 ? seen[chosen]?.host_id : null;
  all = rows.slice().sort(orders.headroom);
  showCounts();
  select();
  if (at) chosen = seen.findIndex((r) => r.host_id === at);
  if (chosen >= 0) paint(true);
}

function csv() {
  const quote = (v) => (v === null || v === undefined ? '' : /[",\n\r]/.test(v) || /^[=+@-]/.test(v) ? '"' + String(v).replace(/"/g, '""').replace(/^(?=[=+@-])/, "'") + '"' : v);
  const line = (r) => [r.host, r.host_id, r.answer, r.reason, r.binding?.resource, r.binding?.device, r.headroom?.at_least, r.headroom?.likely,
    r.headroom?.at_most, r.days_left?.at_least, r.days_left?.likely, r.at, r.heard_at].map(quote).join(',');
  return 'host,host_id,answer,reason,binding,device,at_least,likely,at_most,days_at_least,days_likely,at,heard_at\r\n' + seen.map(line).join('\r\n') + '\r\n';
}

/** @navigate({q, answer, ...}): what the URL is to say from now on. */
export function init(navigate) {
  go = navigate;
  $('scroll').addEventListener('scroll', () => paint(false), { passive: true });
  new ResizeObserver(() => { rowHeight = 0; from = -1; paint(true); }).observe($('scroll'));
  $('q').addEventListener('input', () => go({ q: $('q').value }, true));
  $('sort').addEventListener('change', () => go({ sort: $('sort').value }));
  $('csv').addEventListener('click', () => {
    const url = URL.createObjectURL(new Blob([csv()], { type: 'text/csv' }));
    $('csv').href = url;
    setTimeout(() => URL.revokeObjectURL(url), 60000);
  });
  $('rows').addEventListener('focusin', (e) => {
    const i = Number(e.target.closest('.row')?.dataset.i);
    if (Number.isInteger(i) && i !== chosen) {
      chosen = i;
      for (const r of $('rows').children) {
        r.classList.toggle('chosen', Number(r.dataset.i) === i);
        r.querySelector('a').tabIndex = Number(r.dataset.i) === i ? 0 : -1;
      }
    }
  });
}
