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
function dayName(at, other = SHORT) {
  const distance = Math.round((day(at) - day(now())) / DAY);
  const named = { "-1": "yesterday", 0: "today", 1: "tomorrow" }[distance];
  return named ?? other.format(at);
}

const capitalized = (words) => words.charAt(0).toUpperCase() + words.slice(1);

export const longDay = (at) => capitalized(dayName(at, LONG));

/** A moment within a sentence. */
export const within = (at) => `${dayName(at)}, ${time(at)}`;

const UNITS = { year: 365 * DAY, month: 30 * DAY, day: DAY, hour: DAY / 24, minute: DAY / 24 / 60 };
const RELATIVE = new Intl.RelativeTimeFormat("en-GB");

function ago(at) {
  const distance = at - now();
  const unit = Object.keys(UNITS).find((each) => Math.abs(distance) >= UNITS[each]);
  return unit ? RELATIVE.format(Math.trunc(distance / UNITS[unit]), unit) : "just now";
}

const DATE = format({ day: "numeric", month: "long" });
const DATE_FULL = format({ dateStyle: "long" });
const DATE_SHORT = format({ dateStyle: "medium" });
const DATE_SLASH = format({ day: "2-digit", month: "2-digit", year: "numeric" });
const DIVIDER = format({ weekday: "long", day: "numeric", month: "long" });
const TIME_SECONDS = format({ timeStyle: "medium" });
const isThisYear = (at) => new Date(at).getFullYear() === new Date(now()).getFullYear();

// https://docs.slack.dev/reference/block-kit/block-elements/date-element
const TOKENS = {
  day_divider_pretty: (at) => dayName(at, isThisYear(at) ? DIVIDER : LONG),
  date_num: (at) => toLocalInput(at / 1000).slice(0, 10),
  date_slash: (at) => DATE_SLASH.format(at),
  date_long: (at) => LONG.format(at),
  date_long_full: (at) => DATE_FULL.format(at),
  date_long_pretty: (at) => dayName(at, LONG),
  date: (at) => DATE.format(at),
  date_pretty: (at) => dayName(at, DATE),
  date_short: (at) => DATE_SHORT.format(at),
  date_short_pretty: (at) => dayName(at, DATE_SHORT),
  time,
  time_secs: (at) => TIME_SECONDS.format(at),
  ago,
};

/**
 * Fill the placeholders of Slack's date format. Slack makes the first letter a capital, whatever
 * stands before it in the sentence: https://metacpan.org/pod/Slack::BlockKit::Block::RichText::Date
 */
export function slackDate(seconds, pattern, fallback) {
  const at = Number(seconds) * 1000;
  const tokens = [...pattern.matchAll(/\{(\w+)\}/g)];
  const isKnown = tokens.length > 0 && tokens.every(([, name]) => Object.hasOwn(TOKENS, name));
  if (!isKnown || Number.isNaN(new Date(at).getTime())) return fallback;
  return capitalized(pattern.replace(/\{(\w+)\}/g, (_, name) => TOKENS[name](at)));
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
