// Where a group's page is, and the tones of states.
export const groupPlace = (group) => `/customer/groups/${encodeURIComponent(group.chat_id)}`;
export const statusTone = (status) => ({ normal: 'good', inherited: 'good', dismissed: 'quiet', unavailable: 'bad' })[status] ?? 'warn';
export const wayTone = (status) => ({ active: 'good', gone: 'bad', uncertain: 'warn', pending: 'busy' })[status] ?? 'quiet';
