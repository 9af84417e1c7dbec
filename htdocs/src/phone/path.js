// The way of one message as a list of steps, from what the simulator wrote down about its deliveries.

const succeeded = ({ status, error }) => status >= 200 && status < 300 && !error;

// A local message is one that the simulator has not taken yet, or did not take at all.
function sent({ local, state, sent_ms, error }) {
  if (!local) return { kind: 'sent', state: 'done', at: sent_ms };
  return { kind: 'sent', state: state === 'failed' ? 'bad' : 'now', error };
}

// Without a record the message itself tells whether it was delivered.
function untold({ local, state }) {
  if (local) return 'ahead';
  return state === 'sending' ? 'now' : state === 'failed' ? 'bad' : 'done';
}

function callbacks(tries, message) {
  if (!tries.length) return [{ kind: 'callback', state: untold(message) }];
  const steps = tries.map((one) => ({ ...one, kind: 'callback', state: succeeded(one) ? 'done' : 'bad' }));
  if (message.state === 'sending' && steps.at(-1).state === 'bad') steps.push({ kind: 'callback', state: 'now', try: tries.length + 1 });
  return steps;
}

function refreshes(list, bubble) {
  const under = bubble?.state === 'waiting' || bubble?.state === 'streaming';
  const bad = list.filter((one) => !succeeded(one)).length;
  const state = under ? 'now' : list.length && bad === list.length ? 'bad' : list.length || bubble?.state === 'finished' ? 'done' : 'ahead';
  const mean = list.length ? list.reduce((sum, { ms }) => sum + ms, 0) / list.length : 0;
  return { kind: 'refresh', state, count: list.length, bad, mean, list: list.map((one) => ({ ...one, good: succeeded(one) })) };
}

function end(message, bubble) {
  if (message.state === 'failed' && !message.local) return { kind: 'end', state: 'bad', at: message.changed_ms, error: message.error };
  if (bubble?.state === 'failed') return { kind: 'end', state: 'bad', at: bubble.changed_ms, error: bubble.error };
  if (bubble?.state === 'finished') return { kind: 'end', state: 'done', at: bubble.changed_ms };
  return { kind: 'end', state: 'ahead' };
}

export function stepsOf(message, bubble, deliveries) {
  if (!message)
    return ['sent', 'callback', 'refresh', 'end'].map((kind) => ({ kind, state: 'ahead', count: 0, list: [] }));
  const of = (kind) => deliveries.filter((one) => one.kind === kind);
  return [
    sent(message),
    ...callbacks(of('message'), message),
    refreshes(of('refresh'), bubble),
    end(message, bubble),
  ];
}
