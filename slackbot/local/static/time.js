// Moments, in the viewer's own zone, by the clock that people may move.

import { store } from "./store.js";

const DAY = 24 * 3600 * 1000;
const format = (options) => new Intl.DateTimeFormat("en-GB", options);
const TIME = format({ hour: "2-digit", minute: "2-digit" });
const SHORT = format({ weekday: "short", day: "numeric", month: "short" });
const CLOCK = format({
  weekday: "short",
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
});
const LONG = format({ weekday: "long", day: "numeric", month: "long", year: "numeric" });
const EXACT = format({ dateStyle: "full", timeStyle: "long" });

/** The moment that it is on this machine, in milliseconds. */
export function now() {
  return Date.now() + (store.state?.offset ?? 0) * 1000;
}

export const clock = () => CLOCK.format(now());
export const time = (at) => TIME.format(at);
export const exact = (at) => EXACT.format(at);

function day(at) {
  const moment = new Date(at);
  return new Date(moment.getFullYear(), moment.getMonth(), moment.getDate()).getTime();
}

/** Today, yesterday and tomorrow by name, other days by date. */
export function prettyDay(at, other = SHORT) {
  const distance = Math.round((day(at) - day(now())) / DAY);
  const named = { "-1": "Yesterday", 0: "Today", 1: "Tomorrow" }[distance];
  return named ?? other.format(at);
}

export const longDay = (at) => prettyDay(at, LONG);
export const moment = (at) => `${prettyDay(at)}, ${time(at)}`;

/** A moment within a sentence. */
export const within = (at) =>
  moment(at).replace(/^[TY](?=oday|omorrow|esterday)/, (letter) => letter.toLowerCase());

/** Fill the placeholders of Slack's date format: https://docs.slack.dev/messaging/formatting-message-text */
export function slackDate(seconds, pattern, fallback) {
  const at = Number(seconds) * 1000;
  if (!Number.isFinite(at)) return fallback;
  const known = {
    date_num: () => new Date(at).toISOString().slice(0, 10),
    date: () => format({ dateStyle: "long" }).format(at),
    date_short: () => format({ dateStyle: "medium" }).format(at),
    date_long: () => LONG.format(at),
    date_pretty: () => prettyDay(at, format({ dateStyle: "long" })),
    date_short_pretty: () => prettyDay(at, format({ dateStyle: "medium" })),
    date_long_pretty: () => prettyDay(at, LONG),
    time: () => time(at),
    time_secs: () => format({ timeStyle: "medium" }).format(at),
    ago: () => moment(at),
  };
  let isKnown = true;
  const text = pattern.replace(/\{(\w+)\}/g, (_, name) => {
    if (!(name in known)) isKnown = false;
    return known[name]?.() ?? "";
  });
  return isKnown ? text : fallback;
}

/** As an input of type datetime-local has it. */
export function toLocalInput(seconds) {
  const at = new Date(seconds * 1000);
  const two = (number) => String(number).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`;
}

export function fromLocalInput(text) {
  const at = new Date(text).getTime();
  return Number.isNaN(at) ? null : Math.floor(at / 1000);
}
