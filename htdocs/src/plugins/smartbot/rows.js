// One row of a list that has no route for one: from the table that shows it, or else from the list.
import { getAll } from '../../admin/api.js';

export async function fromTable(table, path, id, signal) {
  const isIt = (row) => String(row.id) === String(id);
  const row = table?.rows.find(isIt) ?? (await getAll(path, {}, { signal, most: 2000 })).find(isIt);
  if (!row) throw Object.assign(new Error('there is no such row'), { status: 404, code: 'not_found' });
  return row;
}
