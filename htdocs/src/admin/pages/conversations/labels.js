// What the API's short codes look like; the words are in words.js.
// A channel's label: kf has the same name as its source; others are shown as they are called.
// Customers of members are known by a channel that nobody writes through.
const sourceOfChannel = { contact: 'customer' };
export const channelWord = ({ t, te }, channel) => {
  const key = `conversations.sourceOf.${sourceOfChannel[channel] ?? channel}`;
  return te(key) ? t(key) : channel;
};

export const sources = ['customer', 'kf', 'app', 'bot', 'web'];
export const sourceTone = { customer: 'good', kf: 'busy', app: 'quiet', bot: 'quiet', web: 'warn' };

// "user:li.na" is li.na, "member:lisi" is lisi, "machine:kf" is kf.
export const plainAuthor = (author) => String(author ?? '').replace(/^[a-z]+:/, '');

export const pictures = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'];

// A code in words, where there are words for it; otherwise the code itself, which is true in every language.
export function wordOf({ t, te }, group, code) {
  const key = `conversations.${group}.${String(code).replaceAll('.', '_')}`;
  return te(key) ? t(key) : String(code);
}
