// One conversation as the page knows it: what the simulator told, and what is still on its way there.
import { keptForTab } from '../common/store.js';

const KEPT_MESSAGES = 400;
const KEPT_MSGIDS = 200;
const UNDER_WAY = new Set(['sending', 'waiting', 'streaming']);

export const chatKey = ({ person, bot, group }) => JSON.stringify([person, bot, group]);

export function newChat(place) {
  return { ...place, key: chatKey(place), rev: 0, loaded: false, messages: {}, outbox: [], seen: 0, draft: '', quoting: null, entered: false };
}

export const underWay = (message) => UNDER_WAY.has(message.state);
export const isMine = (chat, message) => message.from === 'person' && message.person === chat.person;

// The simulator names WeCom's msgid only when it takes a message; the tab remembers it for the path shown later.
let msgids = keptForTab.get('msgids', {});

export function rememberMsgid(id, msgid) {
  msgids = Object.fromEntries([...Object.entries(msgids), [id, msgid]].slice(-KEPT_MSGIDS));
  keptForTab.set('msgids', msgids);
}

export const msgidOf = (message) => message.msgid || msgids[message.id] || '';

function inOrder(a, b) {
  return a.sent_ms - b.sent_ms || (a.from === b.from ? 0 : a.from === 'person' ? -1 : 1) || a.id - b.id || 0;
}

function forgetOldest(chat) {
  const old = Object.values(chat.messages).sort(inOrder).slice(0, -KEPT_MESSAGES);
  for (const { id } of old) delete chat.messages[id];
}

// Takes in what changed after chat.rev; after 0 that is the whole chat, and what was known before is forgotten.
export function merge(chat, { rev, messages }) {
  if (chat.rev === 0) chat.messages = {};
  for (const message of messages) chat.messages[message.id] = message;
  chat.outbox = chat.outbox.filter(({ id }) => !(id && id in chat.messages));
  forgetOldest(chat);
  chat.rev = rev;
  chat.seen = chat.loaded ? Math.min(chat.seen, rev) : rev;
  chat.loaded = true;
}

function asMessage(chat, waiting) {
  const { key, name, text, extra, sent_ms, error, reason } = waiting;
  return { id: key, rev: 0, from: 'person', person: chat.person, name, text, error, reason, sent_ms,
    changed_ms: sent_ms, reply_to: null, msgtype: extra.msgtype ?? 'text', quote: extra.quote ?? null,
    media: extra.base64 ? { name: extra.file_name, base64: extra.base64 } : null, extra, state: error ? 'failed' : 'sending', local: true };
}

// What is still being sent comes last, whatever the two clocks say; what was refused stays where it was said.
export function messagesOf(chat) {
  const local = chat.outbox.map((waiting) => asMessage(chat, waiting));
  const settled = [...Object.values(chat.messages), ...local.filter(({ state }) => state === 'failed')].sort(inOrder);
  return [...settled, ...local.filter(({ state }) => state === 'sending')];
}

export const bubbleOf = (chat, message) =>
  Object.values(chat.messages).find(({ from, reply_to }) => from === 'bot' && reply_to === message.id);

export const isBusy = (chat) => chat.outbox.some(({ error }) => !error) || Object.values(chat.messages).some(underWay);

export const unreadIn = (chat) =>
  Object.values(chat.messages).filter((message) => message.rev > chat.seen && !isMine(chat, message)).length;
