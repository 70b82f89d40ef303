// An overflow menu: a button with three dots, and what it offers.
// Keys and roles follow https://www.w3.org/WAI/ARIA/apg/patterns/menu-button/

import { list, opening, waiting } from "./combo.js";
import { h } from "./dom.js";
import { store } from "./store.js";

const LABEL = "More actions"; // as Slack calls it
const ROLES = { list: "menu", option: "menuitem" };

/** Draw a menu; `choose` is called with Slack's option object. */
export function menu({ id, label = LABEL, dots = "⋯", look = "button", options, choose, busy }) {
  const isOpen = store.ui.open === id;
  const button = h(
    "button",
    {
      key: "button",
      id,
      type: "button",
      class: `${look} menu-button`,
      ...waiting(busy),
      "aria-haspopup": "menu",
      "aria-expanded": String(isOpen),
      "aria-label": label,
      on: opening(id, 0, busy),
    },
    h("span", { "aria-hidden": "true" }, dots),
  );
  return h(
    "span",
    { key: `menu-${id}`, class: "combo menu" },
    button,
    isOpen && list({ id, label, options, choose, roles: ROLES }),
  );
}
