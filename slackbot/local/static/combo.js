// A select that shows a description under each option: a button and a listbox.
// Keys and roles follow https://www.w3.org/WAI/ARIA/apg/patterns/listbox/

import { h } from "./dom.js";
import { set, store } from "./store.js";

let active = 0;
let typed = "";
let typedAt = 0;
const TYPING_MILLISECONDS = 800;
const MARGIN = 8; // pixels
const LISTBOX = { list: "listbox", option: "option" };

/**
 * Draw a select.
 *   id           tells it from all others
 *   label        what a screen reader calls it
 *   placeholder  shown while nothing is chosen
 *   options      Slack's option objects; the first of a group has the group's name
 *   isMany       whether several may be chosen
 *   chosen       the value of the option chosen, or null; of several, a list
 *   choose       called with what is chosen then
 */
export function combo({
  id,
  label,
  placeholder,
  options,
  isMany = false,
  chosen,
  choose,
  busy = false,
  aria = {},
}) {
  const isOpen = store.ui.open === id;
  const values = isMany ? (chosen ?? []) : [chosen];
  const current = options.filter((each) => values.includes(each.value));
  const words = current.map((each) => each.text.text).join(", ");
  const button = h(
    "button",
    {
      key: "button",
      id,
      type: "button",
      class: words ? "combo-button" : "combo-button is-empty",
      ...aria,
      // A button is neither invalid nor required: the words at its label say so.
      "aria-invalid": null,
      "aria-required": null,
      ...waiting(busy),
      "aria-haspopup": "listbox",
      "aria-expanded": String(isOpen),
      "aria-label": words ? `${label}: ${words}` : label,
      on: opening(id, Math.max(0, options.indexOf(current[0])), busy),
    },
    h("span", { class: "combo-text" }, words || placeholder),
    h("span", { class: "chevron", "aria-hidden": "true" }, "▾"),
  );
  const toggled = (value) =>
    values.includes(value) ? values.filter((each) => each !== value) : [...values, value];
  return h(
    "span",
    { key: `combo-${id}`, class: "combo" },
    button,
    isOpen &&
      list({
        id,
        label,
        options,
        current,
        isMany,
        choose: ({ value }) => choose(isMany ? toggled(value) : value),
      }),
  );
}

/** Return what shows that a button's work is under way. Disabled, it would lose the focus. */
export function waiting(busy) {
  return busy && { "aria-disabled": "true", "aria-busy": "true" };
}

/** Return what opens and closes a list with a button; `first` is the option that is active then. */
export function opening(id, first = 0, busy = false) {
  const toggle = () => {
    if (busy) return;
    [active, typed] = [first, ""];
    set({ open: store.ui.open === id ? null : id });
  };
  const keydown = (event) => {
    if (event.key !== "ArrowDown" || store.ui.open === id) return;
    event.preventDefault();
    toggle();
  };
  return { click: toggle, keydown };
}

/** Draw the list that a button has opened; `roles` are those of the list and its options. */
export function list({
  id,
  label,
  options,
  current = [],
  isMany = false,
  choose,
  roles = LISTBOX,
}) {
  const close = () => {
    set({ open: null });
    document.getElementById(id)?.focus();
  };
  const pick = (option) => {
    if (!isMany) close();
    choose(option);
  };
  const idOf = (index) => `${id}-option-${index}`;
  const keydown = (event) => {
    const moved = move(event, options);
    if (moved !== null) active = moved;
    else if (event.key === "Enter" || event.key === " ") pick(options[active]);
    else if (event.key === "Escape" || event.key === "Tab") close();
    else return;
    event.preventDefault();
    event.stopPropagation();
    set({});
  };
  return h(
    "ul",
    {
      key: "list",
      class: "combo-list",
      role: roles.list,
      tabindex: "-1",
      "aria-label": label,
      "aria-multiselectable": isMany && "true",
      "aria-activedescendant": idOf(active),
      on: { keydown },
      hook: (element, isNew) => {
        if (!isNew) return;
        keepInside(element);
        element.focus({ preventScroll: true });
        element.scrollIntoView({ block: "nearest" });
        document.getElementById(idOf(active))?.scrollIntoView({ block: "nearest" });
      },
    },
    options.map((option, index) =>
      h(
        "li",
        {
          key: option.value,
          id: idOf(index),
          role: roles.option,
          class: index === active ? "option is-active" : "option",
          "aria-selected": roles === LISTBOX && String(current.includes(option)),
          hook: (element, isNew) => {
            if (index === active && !isNew) element.scrollIntoView({ block: "nearest" });
          },
          on: { click: () => pick(option) },
        },
        option.group && h("span", { class: "option-group" }, option.group),
        h("span", { class: "option-text" }, option.text.text),
        option.description && h("span", { class: "option-description" }, option.description.text),
      ),
    ),
  );
}

/** Move a list that would reach out of what it stands in. */
function keepInside(element) {
  const around = element.closest(".timeline, .home, dialog");
  const edge = around?.getBoundingClientRect().right ?? innerWidth;
  const room = Math.min(edge, innerWidth) - MARGIN - element.getBoundingClientRect().right;
  if (room < 0) element.style.left = `${room}px`;
}

function move(event, options) {
  const last = options.length - 1;
  const to = { ArrowDown: active + 1, ArrowUp: active - 1, Home: 0, End: last }[event.key];
  if (to !== undefined) return Math.min(Math.max(to, 0), last);
  if (event.key.length !== 1 || event.key === " " || event.ctrlKey || event.metaKey || event.altKey)
    return null;
  typed = event.timeStamp - typedAt < TYPING_MILLISECONDS ? typed + event.key : event.key;
  typedAt = event.timeStamp;
  const found = options.findIndex((each) =>
    each.text.text.toLowerCase().includes(typed.toLowerCase()),
  );
  return found < 0 ? active : found;
}
