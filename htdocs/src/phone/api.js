// The simulator's REST interface. A call gives the answer's JSON or throws: AbortError when it was called off,
// else an Error whose `reason` is 'unreachable', 'busy' (too many answers under way) or 'refused'.
const TIMEOUT_MS = 10_000;

function failure(reason, message) {
  return Object.assign(new Error(message), { reason });
}

async function refusal(response) {
  const problem = await response.json().catch(() => ({}));
  const words = problem.detail || problem.title || response.statusText;
  // A gateway that cannot reach the simulator answers 502 to 504: to the reader that is the same as no answer.
  const unreachable = response.status >= 502 && response.status <= 504;
  const busy = problem.code === 'too_many_interactions';
  return failure(unreachable ? 'unreachable' : busy ? 'busy' : 'refused', `${response.status} ${words}`);
}

async function call(path, options = {}, signal = undefined) {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), TIMEOUT_MS);
  const calledOff = () => limit.abort();
  signal?.addEventListener('abort', calledOff);
  if (signal?.aborted) calledOff();
  try {
    const response = await fetch(`/sim/api/${path}`, { cache: 'no-store', signal: limit.signal, ...options });
    if (!response.ok) throw await refusal(response);
    return await response.json();
  } catch (error) {
    if (error.reason || signal?.aborted) throw error;
    throw failure('unreachable', limit.signal.aborted ? `${TIMEOUT_MS / 1000} s` : error.message);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', calledOff);
  }
}

const post = (path, body) =>
  call(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });

export const getWorld = (signal) => call('world', {}, signal);
export const getControl = (signal) => call('control', {}, signal);
export const postControl = (values) => post('control', values);
export const postMessage = (message) => post('messages', message);
export const getDeliveries = (msgid, signal) => call(`deliveries?${new URLSearchParams({ msgid })}`, {}, signal);
export const getMessages = ({ person, bot, group }, after, signal) =>
  call(`messages?${new URLSearchParams({ person, bot, group, after })}`, {}, signal);
export const getMedia = (id) => call(`media/${id}`);
export const postEnter = (person, bot) => post('enter', { person, bot });
export const postCard = (press) => post('cards', press);
export const postFeedback = (rating) => post('feedback', rating);
export const getKf = (what) => call(`kf/${what}`);
export const postKf = (what, body) => post(`kf/${what}`, body);
