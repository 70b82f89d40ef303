// Links: of the stand-ins, to what they lead to here; and none that could run anything.

import { h } from "./dom.js";
import { goTo, placeOf } from "./focus.js";
import { store } from "./store.js";

const SAFE = /^(https?:|mailto:)/i;
const TICKET = /^https:\/\/support\.gitlab\.com\/hc\/requests\/(\d+)$/;
const MESSAGE = /^https:\/\/[^/]+\/archives\/(\w+)\/p(\d+)(\d{6})\b/;

const isSafe = (target) => SAFE.test(target ?? "");

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

// A ticket's is that of the page that stands in for it.
const localAddress = (target) => target.replace(TICKET, "/tickets/$1");

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
  goTo(() => placeOf(ts), channel);
}
