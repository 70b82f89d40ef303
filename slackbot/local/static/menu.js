// An overflow menu: a button with three dots, and what it offers.
// Keys and roles follow https://www.w3.org/WAI/ARIA/apg/patterns/menu-button/

import { list, opening } from "./combo.js";
import { h } from "./dom.js";
import { store } from "./store.js";

const LABEL = "More actions"; // as Slack calls it
const ROLES = { list: "menu", option: "menuitem" };

/** Draw a menu; `choose` is called with Slack's option object. */
export function menu({ id, options, choose, busy }) {
  const isOpen = store.ui.open === id;
  const button = h(
    "button",
    {
      key: "button",
      id,
      type: "button",
      class: "button menu-button",
      disabled: busy,
      "aria-haspopup": "menu",
      "aria-expanded": String(isOpen),
      "aria-label": LABEL,
      on: opening(id),
    },
    h("span", { "aria-hidden": "true" }, "⋯"),
  );
  return h(
    "span",
    { key: `menu-${id}`, class: "combo menu" },
    button,
    isOpen && list({ id, label: LABEL, options, choose, roles: ROLES }),
  );
}
