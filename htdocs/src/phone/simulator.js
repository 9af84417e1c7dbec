// The page's link to the simulator. One loop makes every request, one at a time, so that answers cannot overtake
// each other: what waits to be sent, then the open chat, the path shown beside it, and the person's other chats.
import { reactive } from 'vue';
import * as api from './api.js';
import { bubbleOf, chatKey, isBusy, isMine, merge, messagesOf, msgidOf, newChat, rememberMsgid, underWay } from './chat.js';

const BUSY_MS = 250;
const IDLE_MS = 2000;
const RETRY_MS = [1000, 2000, 4000, 5000];
const LATE_DELIVERIES = 2; // the last refresh may be written down just after the bubble is finished

export const sim = reactive({
  world: null,
  control: null,
  problem: null,
  place: null, // {person, bot, group} of the open chat
  botIn: {}, // by group: the bot spoken to last
  chats: {},
  path: { shown: 0, chosen: null, msgid: '', deliveries: [], rounds: 0 },
});

let calledOff = new AbortController();
let known = false; // the world, and since the last failure
let woken = false;
let endPause = () => {};
let nextOther = 0;
let localKeys = 0;

function wake() {
  woken = true;
  calledOff.abort();
  endPause();
}

export function chatAt(place) {
  const key = chatKey(place);
  sim.chats[key] ??= newChat(place);
  return sim.chats[key];
}

export const openChat = () => (sim.place ? chatAt(sim.place) : null);

// The chats a person has: one with each bot, and the groups. A group is shown with the bot spoken to last.
export function placesOf(person) {
  const { bots, groups } = sim.world;
  if (!bots.length) return [];
  return [
    ...bots.map(({ id }) => ({ person, bot: id, group: '' })),
    ...groups.map(({ id }) => ({ person, bot: sim.botIn[id] ?? bots[0].id, group: id })),
  ];
}

// The nearest place that exists; null while there is nobody or no bot to talk to.
export function placeLike({ person, bot, group }) {
  const { people, bots, groups } = sim.world;
  const known = (list, id) => list.find((one) => one.id === id)?.id;
  const who = known(people, person) ?? people[0]?.id;
  const whom = known(bots, bot) ?? bots[0]?.id;
  return who && whom ? { person: who, bot: whom, group: known(groups, group) ?? '' } : null;
}

export function enter(place) {
  sim.place = place;
  if (place?.group) sim.botIn[place.group] = place.bot;
  sim.path.chosen = null;
  wake();
}

export function choosePath(message) {
  Object.assign(sim.path, { chosen: message.id, rounds: LATE_DELIVERIES });
  wake();
}

// Called with 1 when a panel that shows the path appears, with -1 when it goes.
export function showPath(change) {
  sim.path.shown += change;
  sim.path.rounds = LATE_DELIVERIES;
  wake();
}

// extra: msgtype, base64, file_name of what is not text alone.
export function send(chat, text, extra = {}) {
  if (chat.quoting) extra = { ...extra, quote: chat.quoting.id };
  chat.quoting = null;
  const { name } = sim.world.people.find(({ id }) => id === chat.person);
  chat.outbox.push({ key: `local-${++localKeys}`, id: null, name, text, extra, sent_ms: Date.now(), error: '', reason: '' });
  if (chat.key === openChat()?.key) sim.path.chosen = null;
  wake();
}

export function sendAgain(chat, message) {
  chat.outbox = chat.outbox.filter(({ key }) => key !== message.id);
  send(chat, message.text, message.extra);
}

// Each gives what went wrong, in words, or ''.
async function act(call) {
  try {
    return (await call).error;
  } catch (error) {
    return error.message;
  } finally {
    wake();
  }
}

export const pressCard = ({ id }, person, key, selections) => act(api.postCard({ person, message: id, key, selections }));
export const rate = ({ id }, person, type, reasons) => act(api.postFeedback({ person, message: id, type, reasons }));

// The bot hears of it, and may welcome the person; without an answer the chat opens as well.
async function greet(chat) {
  if (chat.entered || chat.group) return;
  chat.entered = true;
  await api.postEnter(chat.person, chat.bot).catch(() => {});
}

export async function setControl(values) {
  try {
    sim.control = await api.postControl(values);
  } catch (error) {
    sim.problem = error;
    wake();
  }
}

// The message whose path is shown: the chosen one, else the person's newest.
export function tracedMessage() {
  const chat = openChat();
  if (!chat) return null;
  const messages = messagesOf(chat);
  return messages.find(({ id }) => id === sim.path.chosen) ?? messages.findLast((message) => isMine(chat, message)) ?? null;
}

export const retryNow = wake;

async function postOne(chat, waiting) {
  const { person, bot, group } = chat;
  try {
    const { id, msgid } = await api.postMessage({ person, bot, group, text: waiting.text, ...waiting.extra });
    rememberMsgid(id, msgid);
    waiting.id = id;
  } catch (error) {
    Object.assign(waiting, { error: error.message, reason: error.reason });
  }
}

async function postAll() {
  for (const chat of Object.values(sim.chats))
    for (const waiting of chat.outbox.filter(({ id, error }) => !id && !error)) await postOne(chat, waiting);
}

async function pull(chat) {
  merge(chat, await api.getMessages(chat, chat.rev, calledOff.signal));
}

async function pullPath() {
  const { path } = sim;
  const message = tracedMessage();
  const msgid = message ? msgidOf(message) : '';
  if (msgid !== path.msgid) Object.assign(path, { msgid, deliveries: [], rounds: LATE_DELIVERIES });
  if (!msgid || !path.shown) return;
  const bubble = bubbleOf(openChat(), message);
  if (underWay(message) || (bubble && underWay(bubble))) path.rounds = LATE_DELIVERIES;
  if (path.rounds === 0) return;
  const { deliveries } = await api.getDeliveries(msgid, calledOff.signal);
  path.deliveries = deliveries.sort((a, b) => a.at_ms - b.at_ms);
  path.rounds -= 1;
}

// The other chats of the person: at once those not read yet or with an answer under way, else one in turn.
async function pullOthers(open) {
  const others = placesOf(open.person).map(chatAt).filter(({ key }) => key !== open.key);
  const pressing = others.filter((chat) => !chat.loaded || isBusy(chat));
  const quiet = others[nextOther++ % others.length];
  if (pressing.length) for (const chat of pressing) await pull(chat);
  else if (quiet && !isBusy(open)) await pull(quiet);
}

// Whoever answers after an interruption may be a simulator with another world and other numbers: all is asked anew.
async function meet() {
  const world = await api.getWorld(calledOff.signal);
  sim.control = await api.getControl(calledOff.signal);
  sim.world = world;
  for (const chat of Object.values(sim.chats)) chat.rev = 0;
  known = true;
}

async function round(arrive) {
  if (!known) {
    await meet();
    arrive();
  }
  await postAll();
  const open = openChat();
  if (!open) return;
  await greet(open);
  await pull(open);
  open.seen = open.rev;
  await pullPath();
  await pullOthers(open);
}

function whenVisible() {
  return new Promise((resolve) => {
    const look = () => {
      if (document.hidden) return;
      document.removeEventListener('visibilitychange', look);
      resolve();
    };
    document.addEventListener('visibilitychange', look);
    look();
  });
}

function pause(ms) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, woken ? 0 : ms);
    endPause = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}

const busy = () => Object.values(sim.chats).some((chat) => chat.person === sim.place?.person && isBusy(chat));

// Runs as long as the page. `arrive` is called when the world is known and a chat can be entered.
export async function run(arrive) {
  for (let failures = 0; ; ) {
    await whenVisible();
    woken = false;
    calledOff = new AbortController();
    try {
      await round(arrive);
      failures = 0;
      sim.problem = null;
    } catch (error) {
      if (calledOff.signal.aborted) continue;
      sim.problem = error;
      known = false;
      failures += 1;
    }
    const ms = failures ? RETRY_MS[Math.min(failures, RETRY_MS.length) - 1] : busy() ? BUSY_MS : IDLE_MS;
    await pause(ms);
  }
}
