// SPDX-License-Identifier: Apache-2.0
// What a history document says, as plots: headroom against the threshold, demand, the cone of the days left, and the
// bursts of the tightest minute.

import { el } from './draw.js';
import { plot } from './plot.js';
import { amount, clock, days, factor, interval, number, RESOURCES, resource, when } from './words.js';

const DAY_MS = 86400000, HORIZON_DAYS = 91;

function figure(box, label, ...more) {
  const f = el('figure', {}, el('figcaption', {}, label), ...more);
  box.append(f);
  return f;
}

/** Middle of each step; a whole day is told by its date. */
function times(doc) {
  const from = Date.parse(doc.from), step = doc.step_seconds * 1000, n = doc.headroom ? doc.headroom.at_least.length : doc.series[0].values.length;
  return Array.from({ length: n }, (_, i) => new Date(from + (i + 0.5) * step));
}

const tellTime = (doc, x) => (doc.step_seconds >= 86400 ? x.toLocaleDateString(undefined, { dateStyle: 'medium', timeZone: 'UTC' }) : clock(x));

/** Below 1 today's load does not fit; up to the threshold it fits without reserve. */
const zones = (threshold) => [{ colour: '--short', y: [0.11, 1] }, { colour: '--tight', y: [1, threshold] }];

function headroomPlot(doc, x, cone) {
  const low = doc.headroom.at_least.slice(), high = (doc.headroom.likely || []).slice();
  const known = low.filter((v) => v !== null);
  const least = known.length ? Math.min(...known) : null;
  const series = [{ name: 'at least', low, mid: low, high: low.map((v, i) => (v === null ? null : Math.max(v, high[i] ?? v))) }];
  let all = x;
  if (cone) {
    all = [...x, ...cone.x];
    series[0] = { ...series[0], ...Object.fromEntries(['low', 'mid', 'high'].map((k) => [k, [...series[0][k], ...cone.x.map(() => null)]])) };
    series.push({ name: 'forecast', colour: '--resize', dash: 'dots', ...Object.fromEntries(['low', 'mid', 'high'].map((k) => [k, [...x.map(() => null), ...cone[k]]])) });
  }
  const told = least === null ? 'no claim' : `least ${factor(least)}, latest ${factor(known[known.length - 1])}`;
  return {
    label: 'Headroom', tall: true, scale: 'factor', narrow: true, x: all, series, limit: { name: 'wanted', value: doc.threshold }, under: zones(doc.threshold),
    summary: `Headroom: ${told}; wanted ${factor(doc.threshold)}` + (cone ? `; ${cone.words}` : ''),
    none: 'No minute of this time has enough evidence for a claim.',
    format: (v) => v + '×',
    tell: (t, i) => (i < x.length ? `${tellTime(doc, t)}: ${interval({ at_least: low[i] ?? null, likely: high[i] ?? null, at_most: null })}`
      : `${tellTime({ step_seconds: 86400 }, t)}: forecast`),
  };
}

/**
 * Where the days left lie: from the last known headroom to the threshold, reached at the earliest in @d.at_least days and
 * at the latest in @d.at_most (open where that is not known). Null when there is nothing to draw.
 */
export function coneOf(doc, d, now = Date.now()) {
  const last = doc.headroom.at_least.findLast?.((v) => v !== null) ?? null;
  if (!d || d.at_least === null || last === null || last <= doc.threshold) return null;
  // as far ahead as the days go back: a date in two years would press them flat
  const end = Math.min(HORIZON_DAYS, Math.max(d.at_least, d.likely ?? 0, d.at_most ?? HORIZON_DAYS) || 1);
  const at = (gone, left) => (left === null || left === undefined ? last : Math.max(doc.threshold * 0.9, last + (doc.threshold - last) * Math.min(1.1, left > 0 ? gone / left : 1.1)));
  const steps = Array.from({ length: 25 }, (_, i) => end * i / 24);
  return {
    x: steps.map((s) => new Date(now + s * DAY_MS)),
    low: steps.map((s) => at(s, d.at_least)), mid: steps.map((s) => at(s, d.likely ?? d.at_least)), high: steps.map((s) => at(s, d.at_most)),
    words: `${resource(d.resource)} reaches it in ${days(d.at_least)} ${d.at_most !== null && d.at_most !== undefined ? 'to ' + days(d.at_most) : 'or more'} days`,
  };
}

function demandPlot(doc, s, x, limit) {
  const label = `${RESOURCES[s.resource] || s.resource} ${s.what}`;
  const mid = s.values || s.p95, known = mid.filter((v) => v !== null), peaks = (s.max || s.p99 || mid).filter((v) => v !== null);
  const most = peaks.length ? Math.max(...peaks) : 0;
  const name = s.values ? (s.what === 'demand' ? 'mean' : 'least') : '95th percentile';
  // a limit far above what happened would press the curve flat: it is drawn when it is near
  const near = limit && most > limit / 6;
  return {
    label, x, limit: near ? { name: 'limit', value: limit } : null,
    series: [{ name, low: mid, mid, high: s.p99 || mid }],
    summary: known.length ? `${name} ${amount(Math.min(...known), s.unit)} to ${amount(Math.max(...known), s.unit)}` +
      (s.p99 ? `; band to the 99th percentile over ${s.over}, most ${amount(most, s.unit)}` : '') + (limit ? `; limit ${amount(limit, s.unit)}` : '') : '',
    format: (v) => amount(v, s.unit),
    tell: (t, i) => `${tellTime(doc, t)}: ${name} ${amount(mid[i], s.unit)}` + (s.p99 ? `, 99 % below ${amount(s.p99[i], s.unit)}, most ${amount(s.max[i], s.unit)}` : ''),
  };
}

/** The bound of the next week, hour by hour (document's "forecast" of a series). */
function forecastPlot(s) {
  const f = s.forecast, from = Date.parse(f.from), x = f.values.map((_, i) => new Date(from + (i + 0.5) * f.step_seconds * 1000));
  const words = f.bound === 'at_most' ? 'at most' : 'at least', share = `${Math.round(f.share * 10)} hours of 10`;
  return {
    label: 'next week', x, limit: null, series: [{ name: 'bound', colour: '--resize', mid: f.values }],
    summary: `${words} ${amount(Math.min(...f.values), s.unit)} to ${amount(Math.max(...f.values), s.unit)} in ${share}` +
      (f.hours ? `; it held in ${f.hours_held} of the ${f.hours} hours before` : '; not proved on its own past yet'),
    format: (v) => amount(v, s.unit),
    tell: (t, i) => `${t.toLocaleString(undefined, { weekday: 'short', hour: '2-digit', minute: '2-digit' })}: ${words} ${amount(f.values[i], s.unit)} in ${share}`,
  };
}

/** Plots of @doc for the VM of answer @a into @box. Returns what ends them. */
export async function drawHistory(box, doc, a) {
  const x = times(doc), ends = [];
  const byDay = doc.step_seconds >= 86400;
  ends.push(await plot(figure(box, byDay ? 'Headroom, tightest of each day' : 'Headroom, tightest of each step'), headroomPlot(doc, x, byDay ? coneOf(doc, a.days_left) : null)));
  box.lastElementChild.classList.add('whole');
  for (const s of doc.series) {
    const of = a.resources.find((r) => r.resource === s.resource);
    const limit = of && of.capacity.unit === s.unit && of.capacity.source !== 'lower-bound' && s.what === 'demand' ? of.capacity.value : null;
    const label = s.unit === 'ratio' ? `${RESOURCES[s.resource]}, 95th percentile of 5 minutes, share of its capacity` : `${RESOURCES[s.resource] || s.resource} ${s.what}`;
    ends.push(await plot(figure(box, label), demandPlot(doc, s, x, limit)));
  }
  for (const s of doc.series.filter((one) => one.forecast && Date.parse(doc.to) - Date.parse(doc.from) > 2 * 3600000)) {
    ends.push(await plot(figure(box, `${RESOURCES[s.resource]} ${s.what}, next week`), forecastPlot(s)));
  }
  return () => ends.forEach((f) => f());
}

/** Share of values at or above the start of each bucket of @list ([from, to, count]), and quantiles of it. */
function tail(list) {
  const all = list.reduce((n, b) => n + b[2], 0);
  let left = all;
  const at = list.map(([from, , n]) => { const p = [from, left / all]; left -= n; return p; });
  if (at[0][0] > 0) at.unshift([0, 1]);
  return { all, at: [...at, [list[list.length - 1][1] + 0.001, 0]] };
}

function quantile(list, p) {
  const all = list.reduce((n, b) => n + b[2], 0);
  let n = 0;
  for (const [, to, c] of list) { n += c; if (n >= p * all) return to; }
  return list[list.length - 1][1];
}

/** What the slots of the tightest minute say that a second's average hides, in words. */
export function burstWords(t) {
  const out = [];
  if (t.slots) {
    out.push(`In ${amount(t.slots_all_busy / t.slots, 'ratio')} of its ${t.slots.toLocaleString()} slots of ${t.slot_ms.toFixed(1)} ms ${t.cpus === 1 ? 'the CPU was' : `all ${t.cpus} CPUs were`} busy` +
      (t.busy_cores_1s ? `; averaged over a second, the busiest used ${number(quantile(t.busy_cores_1s, 1))} of ${t.cpus}.` : '.'));
  }
  if (t.runnable) out.push(`At most ${Math.ceil(quantile(t.runnable, 0.99))} tasks ran or waited in 99 % of the slots, ${Math.ceil(quantile(t.runnable, 1))} in the worst.`);
  if (t.burst_cpu_ms && t.burst_wait_ms) {
    out.push(`Half of the bursts needed ${number(quantile(t.burst_cpu_ms, 0.5))} ms of CPU or less, 99 % ${number(quantile(t.burst_cpu_ms, 0.99))} ms; 99 % waited ${number(quantile(t.burst_wait_ms, 0.99))} ms or less.`);
  }
  return out.join(' ');
}

/** The burst view: how often how many tasks ran or waited in a slot, against what averages over a second show. */
export async function drawBursts(box, t) {
  // three lines, three strokes: in grey the colours of two are one
  const lines = [['busy_cores_1s', 'CPUs busy, averaged over 1 s', '--unknown', 'dash'], ['busy_cores', 'CPUs busy in a slot', '--plot', ''], ['runnable', 'tasks running or waiting in a slot', '--resize', 'dots']]
    .filter(([k]) => t[k]).map(([k, name, colour, dash]) => ({ name, colour, dash, ...tail(t[k]) }));
  if (lines.length === 0) return () => {};
  const x = [...new Set(lines.flatMap((l) => l.at.map(([v]) => v)))].sort((a, b) => a - b);
  const series = lines.map((l) => { const at = new Map(l.at); return { ...l, mid: x.map((v) => at.get(v) ?? null) }; });
  const last = x[x.length - 1];
  const held = (l, v) => { let p = 0; for (const [from, share] of l.at) if (from <= v) p = share; return p; };
  const f = figure(box, 'Share of the time in which at least so many were at work',
    el('p', { class: 'key' }, ...lines.map((l) => el('span', {}, el('i', { class: `line c${l.colour}` + (l.dash ? ' ' + l.dash : '') }), ' ' + l.name))));
  return plot(f, {
    label: 'share of the time', xName: 'At work', x, series, steps: true, tall: true, narrow: true, top: 1.02, format: (v) => amount(v, 'ratio'),
    xFormat: (v) => number(v), under: t.cpus && last > t.cpus ? [{ colour: '--no', x: [t.cpus, t.cpus] }, { colour: '--tight', x: [t.cpus, last] }] : [],
    summary: `Right of the line at ${t.cpus} CPUs somebody waits. ` + (t.slots ? `All CPUs busy in ${amount(t.slots_all_busy / t.slots, 'ratio')} of the slots.` : ''),
    tell: (v) => `${number(Number(v.toFixed(2)))} or more: ` + lines.map((l) => `${l.name} ${amount(held(l, v), 'ratio')} of the time`).join('; '),
  });
}

/** Title of the tightest minute. */
export function tightWords(t) {
  return `${when(t.from)}, ${interval(t.headroom)}` + (t.resource ? `, ${resource(t.resource, t.device)} binds` : '');
}

/** Every number of a history document as CSV. */
export function historyCsv(doc) {
  const from = Date.parse(doc.from), cols = [];
  for (const k of ['at_least', 'likely']) if (doc.headroom?.[k]) cols.push([`headroom_${k}`, doc.headroom[k]]);
  for (const s of doc.series) for (const k of ['values', 'p95', 'p99', 'max']) if (s[k]) cols.push([`${s.resource}_${s.what}_${k === 'values' ? (s.what === 'demand' ? 'mean' : 'least') : k}_${s.unit}`, s[k]]);
  const n = Math.max(0, ...cols.map((c) => c[1].length));
  const lines = [['from', 'threshold', ...cols.map((c) => c[0])].join(',')];
  for (let i = 0; i < n; i++) lines.push([new Date(from + i * doc.step_seconds * 1000).toISOString(), doc.threshold, ...cols.map((c) => c[1][i] ?? '')].join(','));
  return lines.join('\r\n') + '\r\n';
}
