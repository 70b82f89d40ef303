// Rich text: https://docs.slack.dev/reference/block-kit/blocks/rich-text-block

import { h } from "./dom.js";
import { link } from "./links.js";
import { channel, group, lines, mention, moment, person } from "./mrkdwn.js";
import { unknown } from "./unknown.js";

const PARTS = {
  rich_text_section: (part) => h("div", { class: "section" }, runs(part)),
  rich_text_quote: (part) => h("blockquote", null, runs(part)),
  rich_text_preformatted: (part) => h("pre", null, runs(part)),
  rich_text_list: (part) =>
    h(
      part.style === "ordered" ? "ol" : "ul",
      { class: `indent-${Math.min(part.indent ?? 0, 4)}`, start: part.offset && part.offset + 1 },
      part.elements.map((item) => h("li", null, runs(item))),
    ),
};

const RUNS = {
  text: (part) => lines([part.text]),
  link: (part) => link(part.url, part.text || part.url),
  emoji: (part) =>
    part.unicode
      ? String.fromCodePoint(...part.unicode.split("-").map((code) => parseInt(code, 16)))
      : `:${part.name}:`,
  user: (part) => person(part.user_id),
  usergroup: (part) => group(part.usergroup_id),
  channel: (part) => channel(part.channel_id),
  team: (part) => mention(`@${part.team_id}`),
  broadcast: (part) => mention(`@${part.range}`, true),
  color: (part) => h("code", null, part.value),
  date: (part) => moment(part.timestamp, part.format, part.fallback ?? "", part.url),
};
const STYLES = { bold: "strong", italic: "em", strike: "s", underline: "u", code: "code" };

/** Draw the elements of a block of rich text. */
export function richText({ elements }) {
  return h(
    "div",
    { class: "rich-text" },
    elements.map((part) => (PARTS[part.type] ?? unknown)(part)),
  );
}

function runs({ elements }) {
  return elements.map((part) => {
    const plain = (RUNS[part.type] ?? unknown)(part);
    return Object.entries(STYLES).reduce(
      (inner, [style, tag]) => (part.style?.[style] ? h(tag, null, inner) : inner),
      plain,
    );
  });
}
