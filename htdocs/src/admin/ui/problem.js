// What the server refused, in the person's language.

// A sentence for a stable code; the server's own words where there is none.
export function problemText(problem, t, te) {
  if (problem.code && te(`problem.${problem.code}`)) return t(`problem.${problem.code}`);
  return problem.detail || problem.message || String(problem);
}

// The server's sentences about fields, as core/base/field.c writes them.
const sentences = [
  [/^a number from (-?\d+) to (-?\d+)$/, 'range', ['min', 'max']],
  [/^(\d+) to (\d+) bytes$/, 'bytes', ['min', 'max']],
  [/^one of (.+)$/, 'oneOf', ['list']],
  [/^a value: it is required$/, 'given', []],
  [/^true or false$/, 'boolean', []],
  [/^a whole number$/, 'number', []],
  [/^text$|^UTF-8 text$/, 'text', []],
  [/^a duration such as/, 'duration', []],
  [/^a size such as/, 'size', []],
  [/^a time such as/, 'time', []],
  [/^a JSON object$/, 'object', []],
  [/^no such (?:field|parameter)$/, 'unknown', []],
];

export function expectedText(expected, t) {
  for (const [form, name, parts] of sentences) {
    const found = form.exec(expected);
    if (found) return t('ui.expected', { what: t(`expected.${name}`, Object.fromEntries(parts.map((part, i) => [part, found[i + 1]]))) });
  }
  return t('ui.expected', { what: expected });
}
