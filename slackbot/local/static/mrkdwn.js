// Slack's own markup, as far as messages use it:
// https://docs.slack.dev/messaging/formatting-message-text

import { h } from "./dom.js";
import { link } from "./links.js";
import { store } from "./store.js";
import { exact, slackDate } from "./time.js";

// A mark opens after a space, a bracket or another mark, and closes before one.
const STYLES = [
  ["strong", "*"],
  ["em", "_"],
  ["s", "~"],
];

const unescape = (text) =>
  text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");

/** Draw a text object; an error, where there is none. */
export function text(object) {
  return object.type === "mrkdwn"
    ? mrkdwn(object.text, object.verbatim === true)
    : lines([object.text]);
}

/** Draw marked-up text; unless `verbatim`, bare addresses become links and @here a mention. */
export function mrkdwn(source, verbatim = false) {
  const drawn = [];
  for (const [index, part] of source.split(/```([\s\S]*?)```/).entries()) {
    if (index % 2) drawn.push(h("pre", null, unescape(part.replace(/^\n/, ""))));
    else drawn.push(...paragraphs(part, verbatim));
  }
  return drawn;
}

function paragraphs(source, verbatim) {
  const drawn = [];
  let quoted = [];
  const endQuote = () => {
    if (quoted.length)
      drawn.push(h("blockquote", null, lines(quoted.map((each) => inline(each, verbatim)))));
    quoted = [];
  };
  let plain = [];
  const endPlain = () => {
    drawn.push(...lines(plain.map((each) => inline(each, verbatim))));
    plain = [];
  };
  for (const line of source.split("\n")) {
    if (line.startsWith("&gt;")) {
      endPlain();
      quoted.push(line.slice(4).trimStart());
    } else {
      endQuote();
      plain.push(line);
    }
  }
  endQuote();
  endPlain();
  return drawn;
}

/** Put breaks between pieces, and in place of line feeds within them. */
export function lines(pieces) {
  const all = pieces.flatMap((piece) => (typeof piece === "string" ? piece.split("\n") : [piece]));
  return all.flatMap((piece, index) => (index ? [h("br"), piece] : [piece]));
}

// What stands in <…> or in backquotes is set aside first, so that a style may go around it.
const ASIDE = /\uE000(\d+)\uE001/;

function inline(source, verbatim) {
  const aside = [];
  const marked = source.replace(/[\uE000\uE001]/g, "").replace(/`[^`]+`|<[^<>]+>/g, (part) => {
    const isCode = part.startsWith("`");
    aside.push(isCode ? h("code", null, unescape(part.slice(1, -1))) : special(part.slice(1, -1)));
    return `\uE000${aside.length - 1}\uE001`;
  });
  const leaf = (words) =>
    words.split(ASIDE).map((part, index) => {
      if (index % 2) return aside[Number(part)];
      return verbatim ? unescape(part) : withLinks(part);
    });
  return styled(marked, leaf);
}

function styled(source, leaf) {
  for (const [tag, mark] of STYLES) {
    const match = pattern(mark).exec(source);
    if (!match) continue;
    const begin = match.index + match[1].length;
    return [
      styled(source.slice(0, begin), leaf),
      h(tag, null, styled(match[2], leaf)),
      styled(source.slice(match.index + match[0].length), leaf),
    ];
  }
  return leaf(source);
}

function pattern(mark) {
  return new RegExp(
    `(^|[\\s([{"'_*~])\\${mark}(?=\\S)([^${mark}\\n]*[^\\s${mark}])\\${mark}(?=$|[\\s.,:;!?)\\]}"'_*~])`,
  );
}

function withLinks(source) {
  return source
    .split(/(https?:\/\/[^\s<>|]+|(?<![\w@.])@(?:here|channel|everyone)\b)/)
    .map((part, index) => {
      if (index % 2 === 0) return unescape(part);
      return part.startsWith("@") ? mention(part, true) : link(unescape(part), unescape(part));
    });
}

function special(source) {
  const [target, ...rest] = source.split("|");
  const label = rest.length ? unescape(rest.join("|")) : null;
  if (target.startsWith("!date^")) return date(target, label);
  if (target.startsWith("!subteam^")) return group(target.slice(9), label);
  if (target.startsWith("!")) return mention(`@${target.slice(1)}`, true);
  if (target.startsWith("@")) return person(target.slice(1), label);
  if (target.startsWith("#")) return channel(target.slice(1), label);
  return link(unescape(target), label ?? unescape(target));
}

function date(target, fallback) {
  const [, seconds, pattern = "", ...address] = target.split("^");
  return moment(seconds, pattern, fallback ?? "", unescape(address.join("^")));
}

/** Draw a moment in the viewer's own zone; it may lead somewhere. */
export function moment(seconds, pattern, fallback, address) {
  const at = Number(seconds) * 1000;
  const title = Number.isNaN(new Date(at).getTime()) ? null : exact(at);
  const drawn = h("time", { title }, slackDate(seconds, pattern, fallback));
  return address ? link(address, drawn) : drawn;
}

/** Draw a mention of a person. */
export function person(id, label = null) {
  const user = store.state.slack.users[id];
  const words = `@${user?.real_name ?? label ?? id}`;
  return h("span", { class: id === store.ui.me ? "mention me" : "mention" }, words);
}

/** Draw a mention of a channel. */
export function channel(id, label = null) {
  const known = store.state.slack.channels.find((each) => each.id === id);
  return mention(`#${known?.name ?? label ?? "a channel"}`);
}

/** Draw a mention of a group of people. */
export function group(id, label = null) {
  return mention(`@${store.state.slack.usergroups[id] ?? label ?? "a group"}`);
}

/** Draw a mention of a group; a loud one wakes everybody. */
export function mention(words, loud = false) {
  return h("span", { class: loud ? "mention me" : "mention" }, words);
}
