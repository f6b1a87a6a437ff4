// SPDX-License-Identifier: Apache-2.0
// Words and numbers as a person reads them. Unknown is an em dash, never 0.

export const NONE = '—';

export const KINDS = {
  no: { mark: '✕', word: 'No', what: 'a larger size is not the way out' },
  resize: { mark: '▲', word: 'Resize', what: 'a larger size would help' },
  unknown: { mark: '?', word: 'Unknown', what: 'evidence is missing' },
  yes: { mark: '✓', word: 'Yes', what: 'headroom left' },
};

export const REASONS = {
  'headroom-left': 'headroom left',
  'bigger-size-helps': 'a larger size helps',
  'serial-thread': 'one thread is the limit',
  steal: 'the host does not deliver its CPUs',
  'local-limit': 'a limit set inside the VM',
  'external-limit': 'a volume or link limit',
  'at-ceiling': 'no larger size exists',
  'missing-evidence': 'evidence is missing',
};

export const RESOURCES = {
  cpu: 'CPU', serial: 'One thread', steal: 'Stolen time', memory: 'Memory', disk: 'Disk', network: 'Network', softirq: 'Interrupt work', filesystem: 'File system',
};

export const CONFIDENCE = { high: 'high', medium: 'medium', low: 'low', none: 'none' };

export function resource(name, device) {
  if (!name) return NONE;
  return (RESOURCES[name] || name) + (device ? ' ' + device : '');
}

/** A headroom factor.  None is above 8: what carries more says 8, too. */
export function factor(k) {
  if (k === null || k === undefined) return NONE;
  if (k >= 8) return '8×+';
  return (k >= 2 ? k.toFixed(1) : k.toFixed(2)) + '×';
}

function scaled(v, step, units, suffix) {
  let i = 0;
  while (Math.abs(v) >= step && i < units.length - 1) { v /= step; i++; }
  const digits = v >= 100 || Number.isInteger(v) ? 0 : v >= 10 ? 1 : 2;
  return v.toFixed(digits) + ' ' + units[i] + suffix;
}

export function number(v) {
  if (v === 0) return '0';
  const a = Math.abs(v);
  if (a >= 10000) return scaled(v, 1000, ['', 'k', 'M', 'G'], '').trim();
  if (a >= 100 || Number.isInteger(v)) return String(Math.round(v));
  return a >= 10 ? v.toFixed(1) : a >= 1 ? v.toFixed(2) : a >= 0.001 ? String(Number(v.toPrecision(2))) : v.toExponential(1);
}

/** A value with its unit, as the API names it. */
export function amount(v, unit) {
  if (v === null || v === undefined) return NONE;
  switch (unit) {
    case 'bytes': return scaled(v, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB'], '');
    case 'bytes_per_second': return scaled(v, 1000, ['B', 'kB', 'MB', 'GB'], '/s');
    case 'iops': return number(v) + ' IO/s';
    case 'cores': return number(v) + (v === 1 ? ' core' : ' cores');
    case 'ratio': return Number((v * 100).toPrecision(3)) + ' %';
    case 'ms': return number(v) + ' ms';
    case 'per_second': return number(v) + '/s';
    default: return number(v);
  }
}

export function days(d) {
  if (d === null || d === undefined) return NONE;
  return d >= 100 ? Math.round(d / 10) * 10 + '' : d >= 10 ? String(Math.round(d)) : d.toFixed(1);
}

/** How long ago, in one unit. */
export function ago(iso, now = Date.now()) {
  if (!iso) return 'never';
  const s = Math.max(0, (now - Date.parse(iso)) / 1000);
  if (s < 90) return Math.round(s) + ' s ago';
  if (s < 5400) return Math.round(s / 60) + ' min ago';
  if (s < 172800) return Math.round(s / 3600) + ' h ago';
  return Math.round(s / 86400) + ' days ago';
}

export function when(iso) {
  return iso ? new Date(iso).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' }) : NONE;
}

export function clock(date) {
  return date.toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
}

export function span(seconds) {
  if (seconds < 120) return Math.round(seconds) + ' s';
  if (seconds < 7200) return Math.round(seconds / 60) + ' min';
  if (seconds < 172800) return Number((seconds / 3600).toFixed(1)) + ' h';
  return Number((seconds / 86400).toFixed(1)) + ' days';
}

/** The interval in words, for those who do not see the picture. */
export function interval(h) {
  if (!h) return 'no claim';
  const part = [];
  if (h.at_least !== null) part.push('at least ' + factor(h.at_least));
  if (h.likely !== null) part.push('likely ' + factor(h.likely));
  if (h.at_most !== null) part.push('at most ' + factor(h.at_most));
  return part.length ? part.join(', ') : 'no claim';
}
