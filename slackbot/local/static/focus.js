// The keyboard's place: kept when what had the focus goes (a button that has done its work, a
// modal), and moved to where a link of the page leads.

import { set } from "./store.js";

const places = new WeakMap(); // what had the focus last in each dialog, and on the page under them
let isDrawing = false;

const layerOf = (element) => element.closest("dialog") ?? document.body;

const isFocusable = (element) =>
  element.isConnected && !element.disabled && element.checkVisibility();

document.addEventListener("focusin", ({ target }) => {
  const pane = target.closest("dialog, section[aria-label], section[aria-labelledby]");
  places.set(layerOf(target), { target, ts: target.closest("[data-ts]")?.dataset.ts, pane });
});

// A person who clicks on nothing wants no focus.
document.addEventListener("focusout", ({ target, relatedTarget }) => {
  if (!isDrawing && !relatedTarget && document.hasFocus() && isFocusable(target))
    places.delete(layerOf(target));
});

/** Draw the page, and put the focus back where it was if it has been lost. */
export function keepFocus(draw) {
  isDrawing = true;
  draw();
  const layer = [...document.querySelectorAll("dialog[open]")].at(-1) ?? document.body;
  if (document.activeElement === document.body && places.has(layer)) restore(places.get(layer));
  isDrawing = false;
}

function restore({ target, ts, pane }) {
  if (target.isConnected && target.disabled) return; // until what it does is done
  const same = target.id && (document.getElementById(target.id) ?? namesake(target.id, ts));
  focusOn([target, same, placeOf(ts), pane].find((each) => each && isFocusable(each)));
}

const VERSION = /:[^/]*(?=\/[^/]*$)/; // of a block: a message that is rendered anew has another

/** Find the element that does the same in a message that was rendered anew. */
function namesake(id, ts) {
  const all = placeOf(ts)?.querySelectorAll("[id*='/']") ?? [];
  return [...all].find((each) => each.id.replace(VERSION, "") === id.replace(VERSION, ""));
}

/** Find what shows a message, or the Home. */
export function placeOf(ts) {
  return ts ? document.querySelector(`[data-ts="${CSS.escape(ts)}"]`) : null;
}

/** Put the focus on a place, even if it is none to tab to. */
export function focusOn(place, options) {
  if (!place) return;
  if (place.tabIndex < 0) place.tabIndex = -1;
  place.focus({ preventScroll: true, ...options });
}

/** Go to what `find` finds in a channel, by default the first one. */
export function goTo(find, channel = null) {
  set({ pane: "slack", channel });
  // After the channel has been drawn.
  requestAnimationFrame(() => {
    const place = find();
    place?.closest("[data-ts]").scrollIntoView({ block: "nearest" });
    focusOn(place, { focusVisible: true });
  });
}

/** Go to the newest card of the channel. */
export function goToNewest() {
  goTo(() => [...document.querySelectorAll("[role=log] article[data-issue]")].at(-1));
}
