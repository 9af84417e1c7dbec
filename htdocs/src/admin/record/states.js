// How states look; the words are in the pages' words.
export const jobTone = { waiting: 'quiet', ready: 'busy', running: 'busy', done: 'good', dead: 'bad' };
export const outTone = { intent: 'busy', done: 'good', failed: 'bad', uncertain: 'warn', given_up: 'warn' };
export const healthTone = { ok: 'good', warn: 'warn', fail: 'bad', unknown: 'quiet' };
