// Every page of the console. A page registers itself: src/admin/pages/NAME/page.js for the core's, src/plugins/NAME/page.js
// for those of a plugin, which appear only where the plugin is loaded. docs/console.md says what a page.js holds.
import { words as frameWords } from './words.js';

export const roles = ['viewer', 'operator', 'approver', 'admin'];
export const groups = ['overview', 'service', 'operation', 'access', 'system'];

const core = import.meta.glob('./pages/*/page.js', { eager: true, import: 'default' });
const ofPlugins = import.meta.glob('../plugins/*/page.js', { eager: true, import: 'default' });

const nameIn = (file) => file.split('/').at(-2);

// A page.js exports one page or several; NAME is the folder, and the namespace of its words.
function collect(files, isPlugin) {
  return Object.entries(files).flatMap(([file, exported]) => [exported].flat().map((page) => ({
    role: 'viewer', group: 'service', order: 100, nav: true, ...page, name: nameIn(file), plugin: isPlugin ? nameIn(file) : page.plugin,
  })));
}

export const pages = [...collect(core, false), ...collect(ofPlugins, true)]
  .sort((a, b) => groups.indexOf(a.group) - groups.indexOf(b.group) || a.order - b.order || a.path.localeCompare(b.path));

// From the start there are the words of the frame and the pages' titles; the rest comes with the first page that needs it.
function firstWords(frame, language) {
  const first = { ...frame };
  for (const { name, title, says } of pages) (first[name] ??= {})[title.split('.').at(-1)] = says[language];
  return first;
}
export const messages = { 'zh-CN': firstWords(frameWords.zh, 0), en: firstWords(frameWords.en, 1) };

const known = new Set();

async function learnOf(name, load, i18n) {
  if (known.has(name)) return;
  const { words } = await load();
  i18n.mergeLocaleMessage('zh-CN', { [name]: words.zh });
  i18n.mergeLocaleMessage('en', { [name]: words.en });
  known.add(name);
}

// The words that a page needs: those of its folder, or with `everyWord` also what all of them say for the server.
export function learn(page, i18n) {
  const some = pages.filter(({ name, words }) => words && (page.everyWord || name === page.name));
  return Promise.all([...some.map(({ name, words }) => learnOf(name, words, i18n)), page.everyWord && learnOf('core', () => import('./serverWords.js'), i18n)]);
}
