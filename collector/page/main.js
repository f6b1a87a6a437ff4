// SPDX-License-Identifier: Apache-2.0
// What is shown is what the URL says: ?q=&answer=&reason=&sort= the fleet, ?host= one VM. Keys, refresh, errors.

import * as api from './api.js';
import { el } from './draw.js';
import * as fleet from './fleet.js';
import * as vm from './vm.js';

const REFRESH_MS = 30000;
const $ = (id) => document.getElementById(id);
let asked = null, timer = 0, shownHost = null, fleetUrl = '/';

function readUrl() {
  const p = new URLSearchParams(location.search);
  return { host: p.get('host') || '', view: { q: p.get('q') || '', answer: p.get('answer') || '', reason: p.get('reason') || '', sort: p.get('sort') || 'headroom' } };
}

/** Changes parts of the fleet's view; typing replaces the history entry instead of adding one per letter. */
function change(part, replace) {
  const p = new URLSearchParams();
  for (const [k, v] of Object.entries({ ...readUrl().view, ...part })) if (v && !(k === 'sort' && v === 'headroom')) p.set(k, v);
  history[replace ? 'replaceState' : 'pushState'](null, '', '/' + (p.size ? '?' + p : ''));
  fleet.setView(readUrl().view);
}

function notice(...what) {
  $('notice').replaceChildren(...what);
  $('notice').hidden = what.length === 0;
}

function askToken(why) {
  const field = el('input', { type: 'password', autocomplete: 'off', 'aria-label': 'Token' });
  notice(why + ' ', field, ' ', el('button', { type: 'button', onclick: () => { api.setToken(field.value); notice(); load(); } }, 'Use this token'));
  field.focus();
}

function failed(e) {
  if (e.name === 'AbortError') return;
  if (e.status === 401 || e.status === 403) { askToken('This collector wants a token with the right to read.'); return; }
  notice(e.message + (e.status === 0 ? ' What is shown may be old; trying again every 30 s.' : ''));
  if (e.status === 404 && shownHost !== null) $('vm').replaceChildren(el('p', { class: 'back' }, el('a', { href: '/', 'data-nav': true }, '← all VMs')));
}

const FIRST = 100, PAGE = 1000; // what fills every window, and what the collector gives at most

/** The tightest first and at once, then the rest in pages side by side. */
async function loadFleet(signal) {
  const first = await api.fleetPage(FIRST, 0, signal);
  fleet.setRows(first, first.hosts, first.next === null);
  performance.mark('fleet-usable');
  if (first.next !== null) {
    const starts = Array.from({ length: Math.ceil((first.count - first.next) / PAGE) }, (_, i) => first.next + i * PAGE);
    const rest = await Promise.all(starts.map((at) => api.fleetPage(PAGE, at, signal)));
    // the order may have moved between two pages: a VM seen twice is one
    const rows = new Map([first, ...rest].flatMap((doc) => doc.hosts).map((r) => [r.host_id, r]));
    fleet.setRows(rest.length ? rest[rest.length - 1] : first, [...rows.values()], true);
  }
  performance.mark('fleet-complete');
}

async function load() {
  clearTimeout(timer);
  asked?.abort();
  asked = new AbortController();
  const { signal } = asked;
  const { host } = readUrl();
  try {
    if (host) {
      // an answer without a ladder is an answer, too
      const [a, ladder] = await Promise.all([api.answer(host, signal), api.sizes(host, signal).catch(() => null)]);
      vm.show($('vm'), a, ladder, signal);
      document.title = `${a.host}: headroom`;
    }
    else await loadFleet(signal);
    notice();
    $('fresh').textContent = 'as of ' + new Date().toLocaleTimeString();
  } catch (e) {
    failed(e);
  }
  if (!signal.aborted) timer = setTimeout(() => (document.hidden ? load.late = true : load()), REFRESH_MS);
}

function route() {
  const { host, view } = readUrl();
  const was = shownHost;
  shownHost = host || null;
  $('fleet').hidden = !!host;
  $('vm').hidden = !host;
  document.title = host ? 'headroom: VM' : 'headroom';
  if (!host) { fleetUrl = location.pathname + location.search; fleet.setView(view); }
  if (was !== shownHost) {
    vm.hide();
    $('vm').replaceChildren();
    if (host) window.scrollTo(0, 0);
    if (was !== null || host) $('main').focus({ preventScroll: true });
  }
  load();
}

function open(url) {
  history.pushState(null, '', url);
  route();
}

document.addEventListener('click', (e) => {
  const a = e.target.closest('a[data-nav]');
  if (!a || e.button !== 0 || e.metaKey || e.ctrlKey || e.shiftKey) return;
  e.preventDefault();
  open(a.dataset.back !== undefined ? fleetUrl : a.getAttribute('href'));
});

document.addEventListener('keydown', (e) => {
  if (e.metaKey || e.ctrlKey || e.altKey) return;
  const typing = e.target.matches('input, select, textarea');
  if (e.key === 'Escape') {
    if (shownHost) open(fleetUrl);
    else if (e.target === $('q') && $('q').value) change({ q: '' }, true);
    else e.target.blur?.();
  } else if (shownHost === null && e.key === '/' && !typing) {
    e.preventDefault();
    $('q').focus();
  } else if (shownHost === null && (e.key === 'ArrowDown' || e.key === 'ArrowUp') && !e.target.matches('select')) {
    e.preventDefault();
    fleet.move(e.key === 'ArrowDown' ? 1 : -1);
  } else if (shownHost === null && (e.key === 'PageDown' || e.key === 'PageUp') && !typing) {
    e.preventDefault();
    fleet.move(e.key === 'PageDown' ? 10 : -10);
  } else if (shownHost === null && e.key === 'Enter' && e.target === $('q') && fleet.picked()) {
    open('?host=' + encodeURIComponent(fleet.picked().host_id));
  }
});

document.addEventListener('visibilitychange', () => { if (!document.hidden && load.late) { load.late = false; load(); } });
window.addEventListener('popstate', route);
fleet.init(change);
route();
