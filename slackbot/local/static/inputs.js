// The inputs of a modal. What somebody types stays in the page until they submit it: a drawing
// never writes into an input that is there already.

import { combo } from "./combo.js";
import { h } from "./dom.js";
import { text } from "./mrkdwn.js";
import { redraw, store } from "./store.js";
import { fromLocalInput, toLocalInput } from "./time.js";

const LONGEST_TEXT = 3000;
const chosen = new Map(); // what selects hold, by id
const TEXTS = {
  plain_text_input: "text",
  email_text_input: "email",
  url_text_input: "url",
  number_input: "text",
};
const GROUPS = ["radio_buttons", "checkboxes", "multi_users_select"];
const TIMES = { datepicker: ["date", "selected_date"], timepicker: ["time", "selected_time"] };

const idOf = (view, block) => `${view.id}-${block.block_id}`;

/** Draw an input block with its label, hint and error. */
export function input(block, { view }) {
  const id = idOf(view, block);
  const error = view.errors[block.block_id];
  const isGroup = GROUPS.includes(block.element.type);
  const label = [
    block.label.text,
    block.optional && h("span", { class: "optional" }, " (optional)"),
  ];
  const about =
    [block.hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ") || null;
  return h(
    isGroup ? "fieldset" : "div",
    { class: error ? "input has-error" : "input", "aria-describedby": isGroup ? about : null },
    isGroup ? h("legend", null, label) : h("label", { for: id }, label),
    control(block, view, id, { "aria-describedby": about, "aria-invalid": error ? "true" : null }),
    error && h("p", { class: "error", id: `${id}-error` }, error),
    block.hint && h("p", { class: "hint", id: `${id}-hint` }, text(block.hint)),
  );
}

function control(block, view, id, aria) {
  const { element } = block;
  const held = view.state.values[block.block_id]?.[element.action_id] ?? {};
  if (element.type in TEXTS) return textInput(element, id, held.value, aria);
  if (element.type === "radio_buttons")
    return choices("radio", element, id, [held.selected_option?.value]);
  if (element.type === "checkboxes")
    return choices(
      "checkbox",
      element,
      id,
      (held.selected_options ?? []).map((each) => each.value),
    );
  if (element.type === "multi_users_select")
    return choices("checkbox", { options: people() }, id, held.selected_users ?? []);
  if (element.type === "datetimepicker")
    return moment(
      "datetime-local",
      id,
      held.selected_date_time && toLocalInput(held.selected_date_time),
      aria,
    );
  if (element.type in TIMES)
    return moment(TIMES[element.type][0], id, held[TIMES[element.type][1]], aria);
  if (element.type === "static_select")
    return select(block, id, held.selected_option?.value ?? null, aria);
  return h("p", { class: "unknown" }, `A ${element.type}, which this page cannot show.`);
}

function people() {
  return store.state.people.map(({ id, name }) => ({
    value: id,
    text: { type: "plain_text", text: name },
  }));
}

/** Write what an input holds at first, and leave it to the person from then on. */
function atFirst(value) {
  return (element, isNew) => {
    if (isNew && value) element.value = value;
  };
}

function textInput(element, id, value, aria) {
  const longest = element.max_length ?? LONGEST_TEXT;
  const props = {
    id,
    ...aria,
    maxlength: longest,
    placeholder: element.placeholder?.text,
    hook: atFirst(value),
    on: { input: redraw },
  };
  if (!element.multiline) return h("input", { ...props, type: TEXTS[element.type] });
  const written = document.getElementById(id)?.value.length ?? value?.length ?? 0;
  return [
    h("textarea", { ...props, rows: 6 }),
    h("p", { class: "count" }, `${written} of ${longest} characters`),
  ];
}

function choices(kind, element, id, selected) {
  return element.options.map((option) =>
    h(
      "label",
      { key: option.value, class: "choice" },
      h("input", {
        type: kind,
        name: id,
        value: option.value,
        hook: (box, isNew) => {
          if (isNew) box.checked = selected.includes(option.value);
        },
      }),
      h(
        "span",
        null,
        text(option.text),
        option.description && h("span", { class: "option-description" }, text(option.description)),
      ),
    ),
  );
}

function moment(type, id, value, aria) {
  return h("input", { id, type, ...aria, hook: atFirst(value) });
}

function select({ label, element }, id, initial, aria) {
  const options = element.options ?? element.option_groups.flatMap((group) => group.options);
  if (!chosen.has(id)) chosen.set(id, initial);
  return combo({
    id,
    label: label.text,
    placeholder: element.placeholder?.text ?? "Choose an option",
    options,
    chosen: chosen.get(id),
    describedBy: aria["aria-describedby"],
    choose: (value) => {
      chosen.set(id, value);
      redraw();
    },
  });
}

/** Return what somebody has entered into a view, by block. */
export function entered(view) {
  const inputs = view.blocks.filter((block) => block.type === "input");
  return Object.fromEntries(
    inputs.map((block) => [block.block_id, valueOf(block, idOf(view, block))]),
  );
}

function valueOf({ element }, id) {
  if (element.type === "static_select") return chosen.get(id) ?? null;
  if (GROUPS.includes(element.type)) {
    const checked = [...document.getElementsByName(id)]
      .filter((box) => box.checked)
      .map((box) => box.value);
    return element.type === "radio_buttons" ? (checked[0] ?? null) : checked;
  }
  const value = document.getElementById(id)?.value || null;
  return value && element.type === "datetimepicker" ? fromLocalInput(value) : value;
}
