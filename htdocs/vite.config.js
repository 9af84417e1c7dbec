// One package, several pages: each folder here that holds an index.html is a page of its own (phone/, admin/).
// Addresses are relative, so a page at /phone/ finds what the pages share at /assets/, also below a prefix.
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import vue from '@vitejs/plugin-vue';
import { defineConfig } from 'vite';

const here = fileURLToPath(new URL('.', import.meta.url));
const pages = readdirSync(here).filter((name) => existsSync(`${here}${name}/index.html`));

export default defineConfig({
  root: here,
  base: './',
  plugins: [vue()],
  define: {
    __INTLIFY_JIT_COMPILATION__: true,
    __VUE_I18N_FULL_INSTALL__: false,
    __VUE_I18N_LEGACY_API__: false,
    __INTLIFY_PROD_DEVTOOLS__: false,
    __VUE_OPTIONS_API__: false,
    __VUE_PROD_DEVTOOLS__: false,
  },
  build: {
    outDir: '../build/htdocs',
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rollupOptions: { input: Object.fromEntries(pages.map((name) => [name, `${here}${name}/index.html`])) },
  },
  server: { proxy: { '/sim': 'http://127.0.0.1:8080', '/api': 'http://127.0.0.1:8080' } },
});
