// Where people choose and fill in. In a modal, what a person types stays in the page until they
// submit it: a drawing never writes into an input that is there already.

import { combo } from "./combo.js";
import { h } from "./dom.js";
import { text } from "./mrkdwn.js";
import { redraw, store } from "./store.js";
import { fromLocalInput, toLocalInput } from "./time.js";
import { unknown } from "./unknown.js";

const LONGEST_TEXT = 3000;

const asOption = (value, words) => ({ value, text: { type: "plain_text", text: words } });
const people = () =>
  Object.values(store.state.slack.users)
    .filter((each) => !each.is_bot)
    .map((each) => asOption(each.id, each.real_name));
const channels = () =>
  store.state.slack.channels
    .filter((each) => !each.is_im)
    .map((each) => asOption(each.id, `# ${each.name}`));
const offered = ({ options, option_groups: groups }) =>
  options ??
  groups.flatMap((group) =>
    group.options.map((each, at) => ({ ...each, group: at ? null : group.label.text })),
  );

// By type: what draws it, the fields of its state and of what it holds at first, and its options.
const TEXT = { draw: textInput, state: "value", first: "initial_value" };
const KINDS = {
  plain_text_input: { ...TEXT, type: "text" },
  email_text_input: { ...TEXT, type: "email" },
  url_text_input: { ...TEXT, type: "url" },
  number_input: { ...TEXT, type: "text", mode: "decimal" },
  rich_text_input: { draw: textInput, state: "rich_text_value", first: "initial_value" },
  radio_buttons: { draw: choices, state: "selected_option", first: "initial_option" },
  checkboxes: { draw: choices, state: "selected_options", first: "initial_options" },
  datepicker: { draw: moment, state: "selected_date", first: "initial_date", type: "date" },
  timepicker: { draw: moment, state: "selected_time", first: "initial_time", type: "time" },
  datetimepicker: {
    draw: moment,
    state: "selected_date_time",
    first: "initial_date_time",
    type: "datetime-local",
  },
  ...selects("static", "option", offered),
  ...selects("external", "option", null),
  ...selects("users", "user", people),
  ...selects("conversations", "conversation", channels),
  ...selects("channels", "channel", channels),
};
const GROUPS = new Set(["radio_buttons", "checkboxes"]);

function selects(kind, what, options) {
  const draw = options ? select : asked;
  return {
    [`${kind}_select`]: { draw, options, state: `selected_${what}`, first: `initial_${what}` },
    [`multi_${kind}_select`]: {
      draw,
      options,
      state: `selected_${what}s`,
      first: `initial_${what}s`,
      isMany: true,
    },
  };
}

/** Return whether this is an element to choose from or to fill in. */
export const isControl = ({ type }) => Object.hasOwn(KINDS, type);

const idOf = (view, block) => `${view.id}-${block.block_id}`;

/** Draw an input block with its label, hint and error; `answer`, if any, is told each change. */
export function input(block, { view }, answer) {
  const id = idOf(view, block);
  const error = view.errors[block.block_id];
  const isGroup = GROUPS.has(block.element.type);
  const label = [
    block.label.text,
    block.optional && h("span", { class: "optional" }, " (optional)"),
  ];
  const about =
    [error && `${id}-error`, block.hint && `${id}-hint`].filter(Boolean).join(" ") || null;
  return h(
    isGroup ? "fieldset" : "div",
    { class: error ? "input has-error" : "input", "aria-describedby": isGroup ? about : null },
    isGroup ? h("legend", null, label) : h("label", { for: id }, label),
    control(block.element, {
      id,
      label: block.label.text,
      held: view.state.values[block.block_id]?.[block.element.action_id],
      answer,
      isInput: true,
      aria: {
        "aria-describedby": about,
        "aria-invalid": error && "true",
        "aria-required": block.optional ? null : "true",
      },
    }),
    error && h("p", { class: "error", id: `${id}-error` }, error),
    block.hint && h("p", { class: "hint", id: `${id}-hint` }, text(block.hint)),
  );
}

/**
 * Draw an element to choose from or to fill in.
 *   id       tells it from all others
 *   label    what a screen reader calls it, where no label stands beside it
 *   held     its state, as Slack has it in `state.values`
 *   isInput  whether it stands in an input block: its value is read when the modal is submitted
 *   answer   called with each new value, or null
 */
export function control(element, at) {
  const kind = KINDS[element.type];
  if (!kind) return unknown(element);
  const value = plain(at.held ? at.held[kind.state] : element[kind.first]);
  return kind.draw(element, { aria: {}, ...at, kind, value });
}

const plain = (value) =>
  Array.isArray(value) ? value.map(plain) : (value?.value ?? value ?? null);

/** Write what an input holds at first, and leave it to the person from then on. */
function atFirst(value) {
  return (element, isNew) => {
    if (isNew && value) element.value = value;
  };
}

const focusing = (element) => ({ "data-first": element.focus_on_load });

function textInput(element, { id, aria, kind, value, answer }) {
  const longest = element.max_length ?? LONGEST_TEXT;
  const first = typeof value === "object" ? wordsOf(value) : value;
  const when = element.dispatch_action_config?.trigger_actions_on ?? ["on_enter_pressed"];
  const tell = (event) => answer?.(event.target.value);
  const props = {
    id,
    ...aria,
    ...focusing(element),
    maxlength: longest,
    placeholder: element.placeholder?.text,
    hook: atFirst(first),
    on: {
      input: (event) => {
        if (when.includes("on_character_entered")) tell(event);
        redraw();
      },
      keydown: (event) => {
        if (!answer || event.key !== "Enter" || !when.includes("on_enter_pressed")) return;
        event.preventDefault();
        tell(event);
      },
    },
  };
  if (!element.multiline && kind.type)
    return h("input", { ...props, type: kind.type, inputmode: kind.mode });
  const written = document.getElementById(id)?.value.length ?? first?.length ?? 0;
  return [
    h("textarea", { ...props, rows: 6 }),
    h("p", { class: "count" }, `${written} of ${longest} characters`),
  ];
}

function wordsOf(part) {
  return part?.text ?? (part?.elements ?? []).map(wordsOf).join("");
}

function richTextOf(words) {
  const elements = [{ type: "text", text: words }];
  return { type: "rich_text", elements: [{ type: "rich_text_section", elements }] };
}

function choices(element, { id, label, value, answer, isInput }) {
  const isMany = element.type === "checkboxes";
  const selected = isMany ? (value ?? []) : [value];
  const drawn = element.options.map((option) =>
    h(
      "label",
      { key: option.value, class: "choice" },
      h("input", {
        type: isMany ? "checkbox" : "radio",
        name: id,
        value: option.value,
        hook: (box, isNew) => {
          if (isNew) box.checked = selected.includes(option.value);
        },
        on: { change: () => answer?.(isMany ? checked(id) : checked(id)[0]) },
      }),
      h(
        "span",
        null,
        text(option.text),
        option.description && h("span", { class: "option-description" }, text(option.description)),
      ),
    ),
  );
  return isInput
    ? drawn
    : h("div", { class: "choices", role: isMany ? "group" : "radiogroup", "aria-label": label }, drawn);
}

function checked(id) {
  return [...document.getElementsByName(id)].filter((box) => box.checked).map((box) => box.value);
}

function moment(element, { id, label, aria, kind, value, answer, isInput }) {
  const isMoment = element.type === "datetimepicker";
  const change = ({ target }) => answer?.(isMoment ? fromLocalInput(target.value) : target.value);
  return h("input", {
    id,
    type: kind.type,
    class: "chooser",
    ...aria,
    ...focusing(element),
    "aria-label": isInput ? null : label,
    hook: atFirst(isMoment && value ? toLocalInput(value) : value),
    on: { change },
  });
}

function select(element, { id, label, aria, kind, value, busy, answer, isInput }) {
  if (isInput && !store.ui.chosen.has(id)) store.ui.chosen.set(id, value);
  return combo({
    id,
    label,
    placeholder: element.placeholder?.text ?? "Choose an option",
    options: kind.options(element),
    chosen: isInput ? store.ui.chosen.get(id) : value,
    isMany: kind.isMany,
    busy,
    aria: { ...aria, ...focusing(element) },
    choose: (wanted) => {
      if (isInput) store.ui.chosen.set(id, wanted);
      answer?.(wanted);
      redraw();
    },
  });
}

/** Draw a select whose options the bot offers: it is asked for those of the words that are typed. */
function asked(element, { id, label, aria, kind, value, answer, isInput }) {
  return h("input", {
    id,
    type: "search",
    class: "chooser",
    ...aria,
    ...focusing(element),
    "aria-label": isInput ? null : label,
    placeholder: element.placeholder?.text ?? "Search",
    title: kind.isMany
      ? "The bot is asked for the options of each word before a comma"
      : "The bot is asked for the options of these words",
    hook: atFirst(kind.isMany ? value?.join(", ") : value),
    on: { change: ({ target }) => answer?.(searched(target.value, kind)) },
  });
}

function searched(words, { isMany }) {
  const all = words.split(",").map((each) => each.trim()).filter(Boolean);
  return isMany ? all : words.trim() || null;
}

/** Return what the person has entered into a view, by block. */
export function entered(view) {
  const inputs = view.blocks.filter((block) => block.type === "input" && isControl(block.element));
  return Object.fromEntries(
    inputs.map((block) => [block.block_id, valueOf(block, idOf(view, block))]),
  );
}

function valueOf({ element }, id) {
  const kind = KINDS[element.type];
  if (kind.draw === select) return store.ui.chosen.get(id) ?? (kind.isMany ? [] : null);
  if (kind.draw === choices) return element.type === "checkboxes" ? checked(id) : (checked(id)[0] ?? null);
  const value = document.getElementById(id)?.value || "";
  if (kind.draw === asked) return searched(value, kind);
  if (!value) return null;
  if (element.type === "datetimepicker") return fromLocalInput(value);
  return element.type === "rich_text_input" ? richTextOf(value) : value;
}
