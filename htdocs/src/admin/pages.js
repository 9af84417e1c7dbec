// Every page of the console. A page registers itself: src/admin/pages/NAME/page.js for the core's, src/plugins/NAME/page.js
// for those of a plugin, which appear only where the plugin is loaded. docs/console.md says what a page.js holds.
import { zh as serverWords } from './serverWords.js';
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

const wordsOf = (language) => Object.assign({}, frameWords[language],
  ...pages.filter((page) => page.words).map((page) => ({ [page.name]: page.words[language] })));

export const messages = { 'zh-CN': { ...wordsOf('zh'), core: { server: serverWords } }, en: wordsOf('en') };
