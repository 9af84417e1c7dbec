// Markdown of a stranger as safe HTML: no raw HTML, no style attributes, no request to any other host.
import MarkdownIt from 'markdown-it';

const md = new MarkdownIt({ html: false, linkify: true, breaks: true });

md.validateLink = (url) => /^(https?:|mailto:)/i.test(url.trim());

md.renderer.rules.link_open = (tokens, i, options, env, self) => {
  tokens[i].attrSet('target', '_blank');
  tokens[i].attrSet('rel', 'noopener noreferrer nofollow');
  return self.renderToken(tokens, i, options);
};

// A picture from elsewhere would tell its host who reads: its words and its address are shown instead.
md.renderer.rules.image = (tokens, i) => {
  const { escapeHtml } = md.utils;
  const words = tokens[i].content || '图片';
  return `<span class="picture">[${escapeHtml(words)}] ${escapeHtml(tokens[i].attrGet('src') ?? '')}</span>`;
};

md.renderer.rules.table_open = () => '<div class="scroll" tabindex="0"><table>\n';
md.renderer.rules.table_close = () => '</table></div>\n';

// markdown-it aligns cells with a style attribute, which the page's security policy forbids.
function cell(tokens, i, options, env, self) {
  const align = /text-align:(\w+)/.exec(tokens[i].attrGet('style') ?? '')?.[1];
  tokens[i].attrs = align ? [['class', `to-${align}`]] : null;
  return self.renderToken(tokens, i, options);
}
md.renderer.rules.th_open = cell;
md.renderer.rules.td_open = cell;

function code(tokens, i) {
  const { escapeHtml } = md.utils;
  const language = (tokens[i].info ?? '').trim().split(/\s+/)[0];
  const label = language ? `<span class="language">${escapeHtml(language)}</span>` : '';
  return `<div class="code">${label}<pre tabindex="0"><code>${escapeHtml(tokens[i].content)}</code></pre></div>\n`;
}
md.renderer.rules.fence = code;
md.renderer.rules.code_block = code;

// The text as a list of HTML blocks: while an answer grows only its last block changes, so what
// has been selected or scrolled further up stays as it is.
export function markdownBlocks(text) {
  const env = {};
  const tokens = md.parse(text, env);
  const blocks = [];
  let start = 0;
  let depth = 0;
  tokens.forEach((token, i) => {
    depth += token.nesting;
    if (depth === 0) {
      blocks.push(md.renderer.render(tokens.slice(start, i + 1), md.options, env));
      start = i + 1;
    }
  });
  return blocks;
}
