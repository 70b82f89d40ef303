// What can be made to go wrong, and what to look at then.

import { waiting } from "./combo.js";
import { h } from "./dom.js";
import { act, store } from "./store.js";

/** Return whether something goes wrong now. */
export const isTrouble = () => store.state.troubles.some((each) => each.is_on);

/** Return the title and the body of the panel. */
export function troublePanel() {
  const all = store.state.troubles;
  const groups = [...new Set(all.map((each) => each.group))];
  const body = h(
    "div",
    { class: "troubles" },
    groups.map((name) =>
      h(
        "div",
        { key: name, role: "group", "aria-labelledby": `trouble-in-${name}` },
        h("h3", { id: `trouble-in-${name}` }, name),
        all.filter((each) => each.group === name).map(trouble),
      ),
    ),
  );
  return { title: "Trouble", body };
}

function trouble(one) {
  const id = `look-at-${one.name}`;
  const props = { "aria-describedby": id };
  return h(
    "div",
    { key: one.name, class: "trouble" },
    one.is_once ? troubleButton(one, props) : troubleSwitch(one, props),
    h("p", { id, class: "hint" }, one.look_at),
  );
}

const change = (one) => act("trouble", { name: one.name, on: !one.is_on }, one.name);

function troubleButton(one, props) {
  return h(
    "button",
    {
      ...props,
      type: "button",
      class: "button small",
      disabled: one.is_on,
      on: { click: () => change(one) },
    },
    one.title,
    one.is_on && " – next call",
  );
}

/** Draw the switch of a trouble. */
export function troubleSwitch(one, props) {
  const click = () => change(one);
  return toggle({ ...props, words: one.title, isOn: one.is_on, busy: one.name, click });
}

/** Draw a switch; `busy` names the act that it begins, and while that is under way it rests. */
export function toggle({ words, isOn, busy, click, ...props }) {
  const isBusy = store.ui.busy.has(busy);
  return h(
    "button",
    {
      ...props,
      key: words,
      type: "button",
      class: "switch",
      role: "switch",
      "aria-checked": String(isOn),
      ...waiting(isBusy),
      on: { click: () => isBusy || click() },
    },
    h("span", { class: "knob", "aria-hidden": "true" }),
    words,
  );
}
