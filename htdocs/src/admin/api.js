// The way to the server: JSON by the session's cookie. A call gives the answer's JSON or throws a Problem, or an AbortError
// when it was called off. docs/api.md says what the server promises.
const TIMEOUT_MS = 60_000;

let csrf = null;
let listeners = {};

export const setAuthority = (token) => (csrf = token);

// {unauthenticated, password_must_change}: what the console does when the server says so in the middle of its work.
export const listen = (to) => (listeners = to);

// An error answer. `code` is stable, `detail` the server's own sentence, `fields` {name: what was expected}, `waitMs` how long to
// wait before the next try. Without any answer the status is 0 and the code "unreachable".
export class Problem extends Error {
  constructor({ status = 0, code = 'unreachable', detail = '', trace_id: traceId = '', errors = [] }, waitMs = 0) {
    super(detail || code);
    Object.assign(this, { name: 'Problem', status, code, detail, traceId, waitMs });
    this.fields = Object.fromEntries(errors.map(({ field, expected }) => [field, expected]));
  }

  get isForbidden() {
    return this.status === 403;
  }
}

// Only addresses of this server; what is undefined, null or empty is left out of the query.
export function address(path, query = {}) {
  if (!path.startsWith('/') || path.startsWith('//')) throw new Error(`not an address of this server: ${path}`);
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== '');
  // The server takes "+" for a plus, so a space must be %20.
  const text = given.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join('&');
  return text ? `${path}${path.includes('?') ? '&' : '?'}${text}` : path;
}

// Also where the page was opened over plain http, and randomUUID is not there.
export function freshKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

async function problemOf(answer) {
  const waitMs = Number(answer.headers.get('Retry-After') ?? 0) * 1000;
  const told = answer.headers.get('Content-Type')?.includes('json') ? await answer.json().catch(() => ({})) : {};
  // What stands before wecomd answers in its own words, as HTML.
  const code = answer.status === 413 ? 'too_large' : answer.status >= 502 && answer.status <= 504 ? 'gateway' : 'unexpected';
  return new Problem({ code, ...told, status: answer.status }, waitMs);
}

async function send(method, path, { body, headers, signal } = {}) {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), TIMEOUT_MS);
  const calledOff = () => limit.abort();
  signal?.addEventListener('abort', calledOff);
  if (signal?.aborted) calledOff();
  try {
    return await fetch(path, { method, body, headers, signal: limit.signal, cache: 'no-store', credentials: 'same-origin', redirect: 'error' });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem({ detail: limit.signal.aborted ? `no answer in ${TIMEOUT_MS / 1000} s` : error.message });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', calledOff);
  }
}

const isWrite = (method) => method !== 'GET';

function headersFor(method, body, key) {
  return {
    Accept: 'application/json',
    ...(body !== undefined && { 'Content-Type': 'application/json' }),
    ...(isWrite(method) && csrf && { 'X-CSRF-Token': csrf, 'Idempotency-Key': key }),
  };
}

// The token changes when the password was changed in another tab.
async function renewToken(signal) {
  const answer = await send('GET', '/api/session', { signal, headers: headersFor('GET') });
  if (answer.ok) csrf = (await answer.json()).csrf;
  return answer.ok;
}

// Options: query, body, signal, key (an Idempotency-Key of one's own, for a second try of the same write), quiet (the caller deals
// with 401 itself).
export async function call(method, path, { query, body, signal, key = freshKey(), quiet = false } = {}, again = true) {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const answer = await send(method, address(path, query), { body: text, signal, headers: headersFor(method, text, key) });
  if (answer.status === 204) return null;
  if (answer.ok) return answer.json();
  const problem = await problemOf(answer);
  if (problem.code === 'csrf' && again && await renewToken(signal)) return call(method, path, { query, body, signal, key, quiet }, false);
  if (!quiet) listeners[problem.code]?.(problem);
  throw problem;
}

// A write whose answer comes in server-sent events: each one's data, as it arrives.
export async function* stream(path, body, { signal } = {}) {
  const headers = { ...headersFor('POST', '', freshKey()), Accept: 'text/event-stream' };
  const answer = await fetch(path, { method: 'POST', body: JSON.stringify(body), headers, signal, cache: 'no-store', credentials: 'same-origin', redirect: 'error' });
  if (!answer.ok) {
    const problem = await problemOf(answer);
    listeners[problem.code]?.(problem);
    throw problem;
  }
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ''; ;) {
    const { done, value } = await reader.read();
    if (done) return;
    const events = (rest + value).split('\n\n');
    rest = events.pop();
    for (const event of events) yield JSON.parse(event.replace(/^data: /, ''));
  }
}

// A file of the server, as a Blob.
export async function getBlob(path, { signal } = {}) {
  const answer = await send('GET', address(path), { signal, headers: { Accept: '*/*' } });
  if (!answer.ok) throw await problemOf(answer);
  return answer.blob();
}

// A file for the server, as the body; onProgress hears the part that is on its way, 0 to 1. fetch does not tell, so by the older way.
export function upload(path, file, { query, signal, onProgress } = {}) {
  return new Promise((resolve, reject) => {
    const rq = new XMLHttpRequest();
    const unreachable = () => reject(new Problem({ detail: 'the upload broke off' }));
    rq.open('POST', address(path, query));
    rq.setRequestHeader('Accept', 'application/json');
    rq.setRequestHeader('Content-Type', 'application/octet-stream');
    rq.setRequestHeader('Idempotency-Key', freshKey());
    if (csrf) rq.setRequestHeader('X-CSRF-Token', csrf);
    rq.upload.onprogress = (event) => event.lengthComputable && onProgress?.(event.loaded / event.total);
    rq.onerror = unreachable;
    rq.onabort = () => reject(new DOMException('called off', 'AbortError'));
    rq.onload = () => {
      let told = {};
      try {
        told = JSON.parse(rq.responseText);
      } catch {
        // Words of what stands before wecomd.
      }
      if (rq.status >= 200 && rq.status < 300) resolve(told);
      else if (!rq.status) unreachable();
      else reject(new Problem({ code: rq.status === 413 ? 'too_large' : 'unexpected', ...told, status: rq.status }));
    };
    signal?.addEventListener('abort', () => rq.abort());
    rq.send(file);
  });
}

export const get = (path, query, options) => call('GET', path, { query, ...options });
export const post = (path, body = {}, options) => call('POST', path, { body, ...options });
export const put = (path, body, options) => call('PUT', path, { body, ...options });
export const del = (path, options) => call('DELETE', path, options);

// All items of a list, page by page; onPage hears how many there are so far. At most `most` of them.
export async function getAll(path, query = {}, { signal, onPage, most = Infinity } = {}) {
  const items = [];
  for (let cursor; cursor !== null && items.length < most;) {
    const page = await get(path, { limit: 200, ...query, cursor }, { signal });
    items.push(...page.items);
    cursor = page.next ?? null;
    onPage?.(items.length);
  }
  return items;
}
