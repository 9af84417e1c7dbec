// 微信客服 on the phone: what the page shows, kept up to date, and what its people do.
import { reactive } from 'vue';
import { getKf, postKf } from '../api.js';

const PAUSE_MS = 600;

export const kf = reactive({
  world: null, role: 'customer', account: '', customer: '', servicer: '', messages: [], sessions: [], problem: '',
});

export const account = () => kf.world?.accounts.find(({ open_kfid }) => open_kfid === kf.account);
export const customerName = (id = kf.customer) => kf.world?.customers.find(({ external_userid }) => external_userid === id)?.nickname ?? id;

export const servicerName = (id) => account()?.servicers.find(({ userid }) => userid === id)?.name ?? id;

const who = () => ({ open_kfid: kf.account, external_userid: kf.customer });

function choose() {
  const { accounts, customers } = kf.world;
  if (!accounts.some(({ open_kfid }) => open_kfid === kf.account)) kf.account = accounts[0]?.open_kfid ?? '';
  if (!kf.customer) kf.customer = customers[0]?.external_userid ?? '';
  const servicers = account()?.servicers ?? [];
  if (!servicers.some(({ userid }) => userid === kf.servicer)) kf.servicer = servicers[0]?.userid ?? '';
}

async function look() {
  kf.world = await getKf('world');
  choose();
  const asked = who();
  const [{ messages }, { sessions }] = await Promise.all([getKf(`chat?${new URLSearchParams(asked)}`), getKf(`sessions?open_kfid=${kf.account}`)]);
  if (asked.open_kfid !== kf.account || asked.external_userid !== kf.customer) return;
  kf.messages = messages;
  kf.sessions = sessions;
}

// Runs as long as the page.
export async function run() {
  for (;;) {
    if (!document.hidden) {
      try {
        await look();
        kf.problem = '';
      } catch (error) {
        kf.problem = error.message;
      }
    }
    await new Promise((resolve) => { setTimeout(resolve, PAUSE_MS); });
  }
}

async function act(what, body) {
  try {
    await postKf(what, body);
    await look();
  } catch (error) {
    kf.problem = error.message;
  }
}

export const enter = (url) => act('enter', { external_userid: kf.customer, url });
export const tap = (msgid, id) => act('menu', { ...who(), msgid, id });
export const recall = (msgid) => act('recall', { msgid });
export const take = () => act('servicer/take', { ...who(), userid: kf.servicer });
export const end = () => act('servicer/end', { ...who(), userid: kf.servicer });

// As whoever the reader plays.
export const say = (what) =>
  kf.role === 'customer' ? act('say', { ...who(), ...what }) : act('servicer/say', { ...who(), userid: kf.servicer, ...what });
