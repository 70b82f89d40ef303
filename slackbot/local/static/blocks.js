// Block Kit: https://docs.slack.dev/reference/block-kit/blocks

import { waiting } from "./combo.js";
import { h } from "./dom.js";
import { figures, table } from "./figures.js";
import { control, entered, input, isControl } from "./inputs.js";
import { link, open } from "./links.js";
import { markdown } from "./markdown.js";
import { menu } from "./menu.js";
import { text } from "./mrkdwn.js";
import { richText } from "./rich_text.js";
import { act, set, store } from "./store.js";
import { picture, smallPicture, unknown } from "./unknown.js";

const BLOCKS = {
  actions: (block, place) =>
    h(
      "div",
      { class: "actions" },
      block.elements.map((each) => element(each, block, place)),
    ),
  context: (block) => h("div", { class: "context" }, block.elements.map(aside)),
  data_table: table,
  data_visualization: figures,
  divider: () => h("hr"),
  // Always of one level, so that none is skipped: the page's title, the pane's, and this one.
  header: (block) => h("h3", { class: `block-header level-${block.level ?? 1}` }, text(block.text)),
  image: picture,
  input: (block, place) =>
    place.view ? input(block, place, answering(block.element, block, place)) : unknown(block),
  markdown: (block) => h("div", { class: "section markdown" }, markdown(block.text)),
  rich_text: richText,
  section,
};

/**
 * Draw blocks. `place` says where they stand, and what tells their elements from all others:
 *   id            of the place
 *   channel, ts   of a message
 *   view, isHome  of a modal, or of the Home
 *   tell          is called, in place of the server, with each act
 */
export function blocks(all, place) {
  return all.map((block) =>
    h(
      "div",
      { key: block.block_id, class: `block block-${block.type}` },
      drawn(block, place),
    ),
  );
}

function drawn(block, place) {
  try {
    return (BLOCKS[block.type] ?? unknown)(block, place);
  } catch {
    // Something is missing in it: Slack would have refused it.
    return unknown(block);
  }
}

function aside(one) {
  if (one.type === "image") return smallPicture(one);
  return one.text ? h("span", null, text(one)) : unknown(one);
}

function section(block, place) {
  if (!block.text && !block.fields) return unknown(block);
  const words = [
    block.text && h("div", { class: "section" }, text(block.text)),
    block.fields &&
      h(
        "div",
        { class: "fields" },
        block.fields.map((each) => h("div", { class: "field" }, text(each))),
      ),
  ];
  if (!block.accessory) return words;
  return h(
    "div",
    { class: `with-accessory with-${block.accessory.type}` },
    h("div", { class: "accessory-text" }, words),
    element(block.accessory, block, place),
  );
}

// Elements that act

function element(one, block, place) {
  if (one.type === "button" || one.type === "workflow_button") return button(one, block, place);
  if (one.type === "overflow") return overflow(one, block, place);
  if (one.type === "image") return picture(one);
  return isControl(one) ? chooser(one, block, place) : unknown(one);
}

const idOf = (one, block, place) => `${place.id}/${block.block_id}/${one.action_id}`;

function tell(name, one, block, place, more) {
  const body = { block: block.block_id, element: one.action_id, ...more };
  if (place.tell) return place.tell(name, body);
  return act(name, { ...target(place), ...body }, idOf(one, block, place));
}

function target(place) {
  if (place.isHome) return { home: true };
  return place.view ? { values: entered(place.view) } : { channel: place.channel, ts: place.ts };
}

function button(one, block, place) {
  const id = idOf(one, block, place);
  const go = () => tell("click", one, block, place);
  const isBusy = store.ui.busy.has(id);
  const props = {
    key: one.action_id,
    id,
    class: `button ${one.style ?? ""}`.trim(),
    "aria-label": one.accessibility_label,
  };
  if (one.url) {
    const safe = link(one.url, one.text.text);
    if (typeof safe === "string") return unknown(one);
    const showMessage = safe.props.on?.click;
    const click = (event) => {
      showMessage?.(event);
      go(); // Slack opens the page and tells the bot all the same.
    };
    return h(
      "a",
      { ...props, ...safe.props, on: { click } },
      one.text.text,
      h("span", { "aria-hidden": "true" }, "↗"),
    );
  }
  const click = () => isBusy || confirmed(one, go);
  return h("button", { ...props, type: "button", ...waiting(isBusy), on: { click } }, one.text.text);
}

/** Draw an element to choose from or to fill in, outside of an input block. */
function chooser(one, block, place) {
  const held = place.view ? place.view.state.values : store.state.slack.selections[place.ts];
  return control(one, {
    id: idOf(one, block, place),
    label: one.placeholder?.text ?? "Choose",
    held: held?.[block.block_id]?.[one.action_id],
    busy: store.ui.busy.has(idOf(one, block, place)),
    answer: answering(one, block, place),
  });
}

function overflow(one, block, place) {
  const id = idOf(one, block, place);
  return menu({
    id,
    options: one.options,
    busy: store.ui.busy.has(id),
    choose: (option) => {
      open(option.url); // Slack opens the page and tells the bot all the same.
      answering(one, block, place)(option.value);
    },
  });
}

/** Return what tells the bot of a choice; an input block's is told with the modal, or at once, too. */
function answering(one, block, place) {
  if (block.type === "input" && !block.dispatch_action) return null;
  return (option) => confirmed(one, () => tell("choose", one, block, place, { option }));
}

/** Act at once, or once the person has said yes in the element's dialog. */
function confirmed(one, go) {
  if (one.confirm) set({ confirm: { ...one.confirm, go } });
  else go();
}
