// GitLab's Markdown, as far as feedback issues and the bot's notes use it. HTML is shown as typed,
// but for comments, which GitLab hides.

import { h } from "./dom.js";
import { lines, link } from "./mrkdwn.js";

const COMMENT = /<!--[\s\S]*?-->/g;
const INLINE =
  /\\([\\`*_{}[\]()#+\-.!|~$&@:/<>"'])|(`[^`\n]+`)|\*\*(?=\S)([^*\n]*[^\s*])\*\*|\[([^\]\n]*)\]\(([^)\s]*)\)|(&(?:lt|gt|amp|quot);)/;
const ENTITIES = { "&lt;": "<", "&gt;": ">", "&amp;": "&", "&quot;": '"' };
const PARTS = 6; // the pattern's groups

/** Draw Markdown. */
export function markdown(source) {
  return source
    .replace(COMMENT, "")
    .split(/\n{2,}/)
    .filter((each) => each.trim())
    .map(block);
}

function block(source) {
  const rows = source.replace(/^\n+|\n+$/g, "").split("\n");
  if (rows.every((row) => row.startsWith(">"))) {
    return h("blockquote", null, markdown(rows.map((row) => row.replace(/^> ?/, "")).join("\n")));
  }
  if (rows.every((row) => /^[-*] /.test(row))) {
    return h(
      "ul",
      null,
      rows.map((row) => h("li", null, inline(row.slice(2)))),
    );
  }
  const heading = /^(#{1,6}) (.*)$/.exec(source);
  if (heading) return h("h4", null, inline(heading[2]));
  return h("p", null, lines(rows.map(inline)));
}

function inline(source) {
  const drawn = [];
  const parts = source.split(INLINE);
  for (let at = 0; at < parts.length; at += PARTS + 1) {
    const [plain, escaped, code, bold, words, target, entity] = parts.slice(at, at + PARTS + 1);
    drawn.push(plain, escaped, ENTITIES[entity]);
    if (code) drawn.push(h("code", null, code.slice(1, -1)));
    if (bold) drawn.push(h("strong", null, inline(bold)));
    if (target !== undefined) drawn.push(link(target, words));
  }
  return drawn;
}
