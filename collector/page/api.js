// SPDX-License-Identifier: Apache-2.0
// Requests to the collector this page came from, and to nobody else.

export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

let token = sessionStorage.getItem('headroom-token');

export function setToken(t) {
  token = t;
  sessionStorage.setItem('headroom-token', t);
}

export async function get(path, signal) {
  const headers = token ? { Authorization: 'Bearer ' + token } : {};
  let r;
  try {
    r = await fetch(path, { headers, signal, cache: 'no-store' });
  } catch (e) {
    if (e.name === 'AbortError') throw e;
    throw new Problem(0, 'The collector does not answer.');
  }
  if (!r.ok) {
    let detail = 'The collector answered ' + r.status + '.';
    try {
      detail = (await r.json()).detail || detail;
    } catch { /* no problem document: the status has to do */ }
    throw new Problem(r.status, detail);
  }
  return r.json();
}

export const fleetPage = (limit, cursor, signal) => get(`/v1/fleet?sort=headroom&limit=${limit}&cursor=${cursor}`, signal);
export const answer = (id, signal) => get(`/v1/hosts/${encodeURIComponent(id)}/answer`, signal);
export const sizes = (id, signal) => get(`/v1/hosts/${encodeURIComponent(id)}/sizes`, signal);
export const history = (id, query, signal) => get(`/v1/hosts/${encodeURIComponent(id)}/history${query}`, signal);
