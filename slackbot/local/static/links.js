// Links: of the stand-ins, to what they lead to here; and none that could run anything.

import { h } from "./dom.js";
import { set, store } from "./store.js";

const SAFE = /^(https?:|mailto:)/i;
const TICKET = /^https:\/\/support\.gitlab\.com\/hc\/requests\/(\d+)$/;
const MESSAGE = /^https:\/\/[^/]+\/archives\/(\w+)\/p(\d+)(\d{6})\b/;

/** Tell whether opening an address cannot run anything. */
export function isSafe(target) {
  return SAFE.test(target ?? "");
}

/** Draw a link that cannot run anything. */
export function link(target, words) {
  if (!isSafe(target)) return words;
  const message = messageAt(target);
  const click = (event) => {
    event.preventDefault();
    showMessage(message);
  };
  return h(
    "a",
    message
      ? { href: target, on: { click } }
      : { href: localAddress(target), target: "_blank", rel: "noopener noreferrer" },
    words,
  );
}

/** Follow a link. */
export function open(target) {
  const message = messageAt(target);
  if (message) showMessage(message);
  else if (isSafe(target)) window.open(localAddress(target), "_blank", "noopener,noreferrer");
}

/** Return the address of the page that stands in for a ticket, or the address as it is. */
export function localAddress(target) {
  return target.replace(TICKET, "/tickets/$1");
}

function messageAt(target) {
  const [, channel, seconds, fraction] = MESSAGE.exec(target ?? "") ?? [];
  const isHere = store.state.slack.channels.some((each) => each.id === channel);
  return isHere ? { channel, ts: `${seconds}.${fraction}` } : null;
}

/** Go to a message, and open its thread if it stands in one. */
export function showMessage({ channel, ts }) {
  const { messages } = store.state.slack.channels.find((each) => each.id === channel);
  const parent = messages.find((each) => each.thread.some((reply) => reply.ts === ts));
  if (parent) store.ui.threads.add(parent.ts);
  set({ channel, pane: "slack" });
  requestAnimationFrame(() => {
    placeOf(ts)?.scrollIntoView({ block: "nearest" });
    focusOn(placeOf(ts));
  });
}

/** Find what shows a message, or the Home. */
export function placeOf(ts) {
  return ts ? document.querySelector(`[data-ts="${CSS.escape(ts)}"]`) : null;
}

/** Let somebody go on by keyboard from here. */
export function focusOn(place) {
  if (!place) return;
  if (!place.hasAttribute("tabindex")) place.tabIndex = -1;
  place.focus({ preventScroll: true });
}
