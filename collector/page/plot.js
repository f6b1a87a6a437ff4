// SPDX-License-Identifier: Apache-2.0
// Time series drawn by dygraphs, which the collector serves from where its package puts it. This file is the only one
// that knows dygraphs; without it the page shows the same numbers as a table.

import { el, table } from './draw.js';
import { amount, when } from './words.js';

let loading = null;

/** dygraphs' legend styles its text inline, which the page's policy forbids; the readout below a plot replaces it. */
function withoutLegend() {
  const d = window.Dygraph;
  d.PLUGINS = d.PLUGINS.filter((p) => p !== d.Plugins.Legend);
}

function load() {
  loading ??= new Promise((done) => {
    if (window.Dygraph) { done(true); return; }
    const css = el('link', { rel: 'stylesheet', href: 'dygraph.min.css' });
    const js = el('script', { src: 'dygraph.min.js', onload: () => { withoutLegend(); done(true); }, onerror: () => done(false) });
    document.head.append(css, js);
  });
  return loading;
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/**
 * One series into @box. @s: {values, unit, what}, @limit: a capacity to draw as a line, or null.
 * Returns what ends the plot. Gaps stay gaps.
 */
export async function plot(box, s, fromMs, stepMs, limit, label) {
  const points = s.values.map((v, i) => [new Date(fromMs + (i + 0.5) * stepMs), v]);
  const known = points.filter((p) => p[1] !== null);
  const readout = el('output', { class: 'readout' });
  if (known.length === 0) {
    box.append(el('p', { class: 'none' }, 'Nothing stored for this time.'));
    return () => {};
  }
  const least = Math.min(...known.map((p) => p[1])), most = Math.max(...known.map((p) => p[1]));
  const summary = `${label}: ${amount(least, s.unit)} to ${amount(most, s.unit)}` + (limit ? `, limit ${amount(limit, s.unit)}` : '');
  if (!await load()) {
    const step = Math.max(1, Math.ceil(known.length / 12));
    box.append(table(['Time', label], known.filter((_, i) => i % step === 0).map((p) => [when(p[0].toISOString()), amount(p[1], s.unit)])));
    return () => {};
  }
  const draw = el('div', { class: 'plot', role: 'img', 'aria-label': summary });
  readout.textContent = summary;
  box.append(draw, readout);
  // a limit far above what happened would press the curve flat: it is drawn when it is near
  const near = limit && most > limit / 6;
  const g = new window.Dygraph(draw, points.map((p) => (near ? [p[0], p[1], limit] : p)), {
    labels: near ? ['time', label, 'limit'] : ['time', label],
    legend: 'never',
    includeZero: true,
    labelsKMG2: s.unit === 'bytes',
    valueRange: [0, Math.max(near ? limit : 0, most) * 1.08 || 1],
    connectSeparatedPoints: false,
    drawPoints: known.length === 1,
    fillGraph: true,
    fillAlpha: 0.15,
    strokeWidth: 1.5,
    gridLineColor: colour('--line'),
    axisLineColor: colour('--line'),
    axisLabelFontSize: 12,
    colors: near ? [colour('--plot'), colour('--no')] : [colour('--plot')],
    series: near ? { limit: { strokePattern: [6, 4], fillGraph: false } } : {},
    axes: { y: { axisLabelWidth: 76, pixelsPerLabel: 34, axisLabelFormatter: (v) => amount(v, s.unit) }, x: { pixelsPerLabel: 70 } },
    highlightCircleSize: 3,
    highlightCallback: (e, x, pts) => {
      const p = pts.find((q) => q.name === label);
      if (p) readout.textContent = `${new Date(x).toLocaleTimeString()}: ${amount(p.yval, s.unit)}`;
    },
    unhighlightCallback: () => { readout.textContent = summary; },
    interactionModel: {}, // no drag or wheel: the page scrolls, the span is chosen by buttons
  });
  return () => g.destroy();
}
