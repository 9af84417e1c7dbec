// The server's sentences about parts (core/host/condition.c) in the person's language; one that is not known stays as it is.
const ago = '(\\d+ (?:s|min|h|days))';
const forms = [
  ['dbAnswers', '^(.+) answers in (\\d+) ms$', ['version', 'ms']],
  ['schemaOk', '^it is what this program needs$', []],
  ['schemaBad', '^it is not what this program needs: wecomd migrate$', []],
  ['nodeOk', `^(\\d+) web, (\\d+) worker, (\\d+) resident; the last sign of life ${ago} ago$`, ['web', 'worker', 'resident', 'ago']],
  ['nodeGone', `^no sign of life for ${ago}$`, ['ago']],
  ['workersOk', '^(\\d+) processes of all nodes run jobs$', ['n']],
  ['workersNone', '^no process of any node runs jobs$', []],
  ['queueEmpty', '^no job waits to be run$', []],
  ['queueWaits', `^the oldest job that could run waits for ${ago}$`, ['ago']],
  ['pluginOk', '^loaded; none of its jobs was given up in the last (\\d+) h$', ['h']],
  ['pluginBuried', '^(\\d+) of its jobs were given up in the last (\\d+) h$', ['n', 'h']],
  ['pluginLate', `^(\\d+) of its jobs wait to be taken up, the oldest for ${ago}$`, ['n', 'ago']],
  ['residentOn', '^runs on node (.+)$', ['node']],
  ['residentOff', '^runs on no node$', []],
  ['modelNever', '^it was not called yet$', []],
  ['modelOk', `^the last call, ${ago} ago, was answered: (.+)$`, ['ago', 'how']],
  ['modelAlone', `^(?:at least )?(\\d+) calls in a row failed, the latest ${ago} ago: (.+); it is left alone for (\\d+) s at a time$`, ['n', 'ago', 'how', 's']],
  ['modelFailed', `^(?:at least )?(\\d+) calls in a row failed, the latest ${ago} ago: (.+)$`, ['n', 'ago', 'how']],
  ['tokenNever', '^no token was asked for yet$', []],
  ['tokenOk', `^WeCom gave a token ${ago} ago$`, ['ago']],
  ['tokenOld', `^its token ended ${ago} ago; nobody has needed one since$`, ['ago']],
  ['tokenBad', `^no new token (\\d+) times, the last ${ago} ago: errcode (-?\\d+), (.+)$`, ['n', 'ago', 'code', 'why']],
].map(([name, form, parts]) => [name, new RegExp(form), parts]);

function agoText(text, t) {
  const [n, unit] = text.split(' ');
  return t(`overview.unit.${unit}`, { n });
}

export function saidOf(text, t, locale) {
  if (locale === 'en') return text;
  for (const [name, form, parts] of forms) {
    const found = form.exec(text);
    if (!found) continue;
    return t(`overview.server.${name}`, Object.fromEntries(parts.map((part, i) => [part, part === 'ago' ? agoText(found[i + 1], t) : found[i + 1]])));
  }
  return text;
}
