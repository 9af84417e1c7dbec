// The simulator's side of customer contact: what there is, and what people do.
async function call(path, options) {
  const response = await fetch(`/sim/api/contact${path}`, { cache: 'no-store', ...options });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.detail || answer.title || response.statusText);
  return answer;
}

export const getContact = () => call('');
export const postContact = (what, body) => call(`/${what}`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
