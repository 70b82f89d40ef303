// Block Kit: https://docs.slack.dev/reference/block-kit/blocks

import { combo } from "./combo.js";
import { h } from "./dom.js";
import { figures, table } from "./figures.js";
import { entered, input } from "./inputs.js";
import { menu } from "./menu.js";
import { isSafe, lines, link, mention, person, text } from "./mrkdwn.js";
import { act, set, store } from "./store.js";
import { exact, slackDate } from "./time.js";

const BLOCKS = {
  actions: (block, place) =>
    h(
      "div",
      { class: "actions" },
      block.elements.map((each) => element(each, block, place)),
    ),
  context: (block) =>
    h(
      "div",
      { class: "context" },
      block.elements.filter((each) => each.text).map((each) => h("span", null, text(each))),
    ),
  data_table: table,
  data_visualization: figures,
  divider: () => h("hr"),
  header: (block) => h("h3", { class: "block-header" }, text(block.text)),
  image: () => null,
  input,
  markdown: (block) => h("div", { class: "section" }, lines([block.text])),
  rich_text: (block) => h("div", { class: "rich-text" }, block.elements.map(richText)),
  section,
};

/** Draw blocks; `place` says where they stand: a message's channel and ts, a modal's view, or the Home's. */
export function blocks(all, place) {
  return all.map((block) => {
    const draw = BLOCKS[block.type] ?? unknown;
    return h(
      "div",
      { key: block.block_id, class: `block block-${block.type}` },
      draw(block, place),
    );
  });
}

function unknown({ type }) {
  return h("p", { class: "unknown" }, `A ${type}, which this page cannot show.`);
}

function section(block, place) {
  const words = [
    block.text && h("div", { class: "section" }, text(block.text)),
    block.fields &&
      h(
        "div",
        { class: "fields" },
        block.fields.map((each) => h("div", { class: "field" }, text(each))),
      ),
  ];
  if (!block.accessory || block.accessory.type === "image") return words;
  return h(
    "div",
    { class: "with-accessory" },
    h("div", { class: "accessory-text" }, words),
    element(block.accessory, block, place),
  );
}

// Elements that act

function element(one, block, place) {
  if (one.type === "button") return button(one, block, place);
  if (one.type === "static_select") return select(one, block, place);
  if (one.type === "overflow") return overflow(one, block, place);
  return unknown(one);
}

const idOf = (one, block, place) => `${place.id}/${block.block_id}/${one.action_id}`;

function target(place) {
  if (place.isHome) return { home: true };
  return place.view ? { values: entered(place.view) } : { channel: place.channel, ts: place.ts };
}

function button(one, block, place) {
  const id = idOf(one, block, place);
  const go = () =>
    act("click", { ...target(place), block: block.block_id, element: one.action_id }, id);
  const isBusy = store.ui.busy.has(id);
  const props = {
    key: one.action_id,
    class: `button ${one.style ?? ""}`.trim(),
    "aria-label": one.accessibility_label,
  };
  if (one.url) {
    const safe = link(one.url, one.text.text);
    if (typeof safe === "string") return unknown({ type: "link of an unknown kind" });
    // Slack opens the page and tells the bot all the same.
    return h(
      "a",
      { ...props, ...safe.props, on: { click: go } },
      one.text.text,
      h("span", { "aria-hidden": "true" }, "↗"),
    );
  }
  const click = () => isBusy || confirmed(one, go);
  // A browser would take the focus from a button that is disabled.
  const busy = isBusy && { "aria-disabled": "true", "aria-busy": "true" };
  return h("button", { ...props, type: "button", ...busy, on: { click } }, one.text.text);
}

function select(one, block, place) {
  const id = idOf(one, block, place);
  const options = one.options ?? one.option_groups.flatMap((group) => group.options);
  const held = place.view ? place.view.state.values : store.state.slack.selections[place.ts];
  const remembered = held?.[block.block_id]?.[one.action_id];
  const chosen = (remembered ? remembered.selected_option : one.initial_option)?.value ?? null;
  return combo({
    id,
    label: one.placeholder?.text ?? "Choose",
    placeholder: one.placeholder?.text ?? "Choose",
    options,
    chosen,
    busy: store.ui.busy.has(id),
    choose: (option) => choose(one, block, place, option),
  });
}

function overflow(one, block, place) {
  const id = idOf(one, block, place);
  return menu({
    id,
    options: one.options,
    busy: store.ui.busy.has(id),
    choose: (option) => {
      // Slack opens the page and tells the bot all the same.
      if (isSafe(option.url)) window.open(option.url, "_blank", "noopener,noreferrer");
      choose(one, block, place, option.value);
    },
  });
}

function choose(one, block, place, option) {
  const chosen = { ...target(place), block: block.block_id, element: one.action_id, option };
  confirmed(one, () => act("choose", chosen, idOf(one, block, place)));
}

/** Do something at once, or once the person has said yes in the element's dialog. */
function confirmed(one, go) {
  if (one.confirm) set({ confirm: { ...one.confirm, go } });
  else go();
}

// Rich text

const RICH = {
  rich_text_section: (part) => h("div", { class: "section" }, part.elements.map(run)),
  rich_text_quote: (part) => h("blockquote", null, part.elements.map(run)),
  rich_text_preformatted: (part) => h("pre", null, part.elements.map(run)),
  rich_text_list: (part) =>
    h(
      part.style === "ordered" ? "ol" : "ul",
      { class: `indent-${Math.min(part.indent ?? 0, 4)}` },
      part.elements.map((item) => h("li", null, item.elements.map(run))),
    ),
};

function richText(part) {
  return (RICH[part.type] ?? unknown)(part);
}

const RUNS = {
  text: (part) => lines([part.text]),
  link: (part) => link(part.url, part.text ?? part.url),
  emoji: (part) =>
    part.unicode
      ? String.fromCodePoint(...part.unicode.split("-").map((code) => parseInt(code, 16)))
      : `:${part.name}:`,
  user: (part) => person(part.user_id),
  usergroup: (part) =>
    mention(`@${store.state.slack.usergroups[part.usergroup_id] ?? part.usergroup_id}`),
  broadcast: (part) => mention(`@${part.range}`, true),
  date: (part) =>
    h(
      "time",
      { title: exact(part.timestamp * 1000) },
      slackDate(part.timestamp, part.format, part.fallback ?? ""),
    ),
};
const STYLES = { bold: "strong", italic: "em", strike: "s", code: "code" };

function run(part) {
  const plain = RUNS[part.type]?.(part) ?? part.text ?? "";
  return Object.entries(STYLES).reduce(
    (inner, [style, tag]) => (part.style?.[style] ? h(tag, null, inner) : inner),
    plain,
  );
}
