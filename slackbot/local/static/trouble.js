// What can be made to go wrong, and what to look at then.

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
  const props = {
    type: "button",
    disabled: one.is_once && one.is_on,
    "aria-describedby": id,
    on: { click: () => act("trouble", { name: one.name, on: !one.is_on }, one.name) },
  };
  return h(
    "div",
    { key: one.name, class: "trouble" },
    one.is_once
      ? h("button", { ...props, class: "button small" }, one.title, one.is_on && " – next call")
      : h(
          "button",
          { ...props, class: "switch", role: "switch", "aria-checked": String(one.is_on) },
          h("span", { class: "knob", "aria-hidden": "true" }),
          one.title,
        ),
    h("p", { id, class: "hint" }, one.look_at),
  );
}
