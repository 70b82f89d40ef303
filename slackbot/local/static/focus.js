// Keeps the keyboard's place when what had the focus goes: a button that has done its work, a modal.

import { set } from "./store.js";

let last = null; // what had the focus last outside of dialogs, and the message and pane around it
let isDrawing = false;

const isFocusable = (element) =>
  element.isConnected && !element.disabled && element.checkVisibility();

document.addEventListener("focusin", ({ target }) => {
  if (target.closest("dialog")) return;
  const pane = target.closest("section[aria-label], section[aria-labelledby]");
  last = { element: target, ts: target.closest("[data-ts]")?.dataset.ts, pane };
});

// Whoever clicks on nothing wants no focus.
document.addEventListener("focusout", ({ target, relatedTarget }) => {
  if (!isDrawing && !relatedTarget && document.hasFocus() && isFocusable(target)) last = null;
});

/** Draw the page, and put the focus back where it was if it has been lost. */
export function keepFocus(draw) {
  isDrawing = true;
  draw();
  if (last && document.activeElement === document.body && !document.querySelector("dialog[open]"))
    restore();
  isDrawing = false;
}

function restore() {
  const { element, ts, pane } = last;
  if (element.isConnected && element.disabled) return; // until what it does is done
  const message = ts && document.querySelector(`[data-ts="${CSS.escape(ts)}"]`);
  const place = [element, element.id && document.getElementById(element.id), message, pane];
  const found = place.find((each) => each && isFocusable(each));
  if (!found) return;
  if (found === message || found === pane) found.tabIndex = -1;
  found.focus({ preventScroll: true });
}

/** Put the focus on the newest card of the channel. */
export function goToNewest() {
  set({ pane: "slack", channel: null });
  // After the channel has been drawn.
  requestAnimationFrame(() => {
    const newest = [...document.querySelectorAll("[role=log] article[data-issue]")].at(-1);
    if (!newest) return;
    newest.tabIndex = -1;
    newest.focus();
  });
}
