// SPDX-License-Identifier: Apache-2.0
// Plots drawn by dygraphs, which the collector serves from where its package puts it. This file is the only one that
// knows dygraphs; without it the page shows the same numbers as a table.

import { el, table } from './draw.js';
import { when } from './words.js';

let loading = null;

function load() {
  loading ??= new Promise((done) => {
    // dygraphs' legend styles its text inline, which the page's policy forbids; the readout below a plot replaces it
    const ready = () => { const d = window.Dygraph; d.PLUGINS = d.PLUGINS.filter((p) => p !== d.Plugins.Legend); done(true); };
    if (window.Dygraph) { ready(); return; }
    document.head.append(el('link', { rel: 'stylesheet', href: 'dygraph.min.css' }),
      el('script', { src: 'dygraph.min.js', onload: ready, onerror: () => done(false) }));
  });
  return loading;
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

const STROKES = { dash: [8, 4], dots: [2, 3] }; // none: a whole line
const FACTORS = [0.125, 0.25, 0.5, 1, 2, 4, 8];

/** What dygraphs is told for a plot of @s with the series @names; its looks come from the page's colours. */
function options(s, names, most, few, readout) {
  const log = s.scale === 'factor';
  const strokes = Object.fromEntries(names.map((n) => [n, s.limit && n === s.limit.name ? { strokePattern: [6, 4], strokeWidth: 1.5 }
    : { strokePattern: STROKES[s.series.find((x) => x.name === n)?.dash] }]));
  return {
    labels: [s.xName || 'time', ...names],
    series: strokes,
    customBars: true,
    logscale: log,
    legend: 'never',
    valueRange: log ? [0.11, 9] : [0, (s.top || most * 1.08) || 1],
    connectSeparatedPoints: !!s.steps,
    drawPoints: few,
    pointSize: 2.5,
    stepPlot: !!s.steps,
    fillAlpha: 0.22,
    strokeWidth: 1.8,
    gridLineColor: colour('--line'),
    axisLineColor: colour('--line'),
    axisLabelFontSize: 12,
    colors: names.map((n) => colour(s.limit && n === s.limit.name ? '--no' : s.series.find((x) => x.name === n).colour || '--plot')),
    axes: {
      y: { axisLabelWidth: s.narrow ? 44 : 76, pixelsPerLabel: 34, axisLabelFormatter: (v) => s.format(v),
        ...(log ? { ticker: () => FACTORS.map((v) => ({ v, label: (v < 1 ? { 0.125: '⅛', 0.25: '¼', 0.5: '½' }[v] : v) + '×' })) } : {}) },
      x: { pixelsPerLabel: 70, ...(s.xFormat ? { axisLabelFormatter: s.xFormat } : {}) },
    },
    highlightCircleSize: 3,
    highlightCallback: (e, x, pts, row) => { readout.textContent = s.tell(x, row); },
    unhighlightCallback: () => { readout.textContent = s.summary; },
    underlayCallback: s.under ? (ctx, area, g) => s.under.forEach((u) => {
      ctx.fillStyle = colour(u.colour);
      const [a, b] = u.x ? u.x.map((v) => g.toDomXCoord(v)) : [area.x, area.x + area.w];
      const [c, d] = u.y ? u.y.map((v) => g.toDomYCoord(v)) : [area.y + area.h, area.y];
      ctx.fillRect(Math.max(a, area.x), Math.max(d, area.y), Math.max(1.5, b - a), Math.min(c, area.y + area.h) - Math.max(d, area.y));
    }) : undefined,
    interactionModel: {}, // no drag or wheel: the page scrolls, the span is chosen by buttons
  };
}

/**
 * Draws @s into @box; returns what ends the plot. Gaps stay gaps.
 * @s: {label, summary, x: [Date or number], series: [{name, low, mid, high, colour, dash: 'dash', 'dots' or none}], limit: {name, value} or null,
 *      format(v), tell(x, row): the readout, scale: 'factor' or none, under: [{colour, x|y: [from, to]}], steps, xName, xFormat, tall}
 * A series is its middle as a line and a band from low to high; each a list as long as x, with null where nothing is known.
 */
export async function plot(box, s) {
  const known = s.x.filter((_, i) => s.series.some((one) => one.mid[i] !== null && one.mid[i] !== undefined));
  if (known.length === 0) {
    box.append(el('p', { class: 'none' }, s.none || 'Nothing stored for this time.'));
    return () => {};
  }
  if (!await load()) {
    const step = Math.max(1, Math.ceil(known.length / 12));
    box.append(table([s.xName || 'Time', s.label], known.filter((_, i) => i % step === 0).map((x) =>
      [x instanceof Date ? when(x.toISOString()) : String(x), s.tell(x, s.x.indexOf(x))])));
    return () => {};
  }
  const values = s.series.flatMap((one) => [...one.mid, ...(one.high || [])]).filter((v) => v !== null && v !== undefined);
  const most = Math.max(...values, s.limit ? s.limit.value : 0);
  const rows = s.x.map((x, i) => [x, ...s.series.map((one) => {
    const m = one.mid[i] ?? null;
    return m === null ? null : [one.low?.[i] ?? m, m, one.high?.[i] ?? m];
  }), ...(s.limit ? [[s.limit.value, s.limit.value, s.limit.value]] : [])]);
  const draw = el('div', { class: s.tall ? 'plot tall' : 'plot', role: 'img', 'aria-label': s.summary });
  const readout = el('output', { class: 'readout' }, s.summary);
  box.append(draw, readout);
  const names = [...s.series.map((one) => one.name), ...(s.limit ? [s.limit.name] : [])];
  const g = new window.Dygraph(draw, rows, options(s, names, most, known.length <= 3, readout));
  return () => g.destroy();
}
