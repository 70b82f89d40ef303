// The bar at the top: the person whom this window stands for, and what opens under it.

import { goToNewest } from "./focus.js";
import { guideButton } from "./guide.js";
import { h } from "./dom.js";
import { act, follow, me, set, store } from "./store.js";
import { clock, now } from "./time.js";
import { isTrouble, troublePanel } from "./trouble.js";

const HOUR = 3600 * 1000;
const MOVES = { "+1 h": { hours: 1 }, "+8 h": { hours: 8 }, "+1 day": { hours: 24 } };
const ENDS = { "Next morning": { to: "morning" }, "End of the week": { to: "week-end" } };
const UNTIL = new Intl.DateTimeFormat("en-GB", {
  weekday: "short",
  hour: "2-digit",
  minute: "2-digit",
});
const PANELS = { time: timePanel, trouble: troublePanel, rules: rulesPanel };

/** Draw the bar. */
export function topbar() {
  return h(
    "header",
    { key: "top", class: "topbar" },
    h(
      "h1",
      null,
      h("span", { class: "logo", "aria-hidden": "true" }, "✓"),
      h("span", { class: "wordmark" }, "ssat-bot ", h("small", null, "on this machine")),
    ),
    who(),
    h(
      "div",
      { class: "bar-buttons" },
      h(
        "button",
        { type: "button", class: "bar-button to-newest", on: { click: goToNewest } },
        "Newest card",
      ),
      guideButton(),
      h("span", { class: "clock", title: "The time here; it can be moved forward" }, clock()),
      opener("time", ["Time", store.state.clock.is_quiet && note("Quiet hours", "is-spare")]),
      opener("trouble", ["Trouble", isTrouble() && note("on")]),
      opener("rules", rulesWords(), store.state.objections.length ? "is-bad" : "is-good"),
      h(
        "button",
        {
          type: "button",
          class: "bar-button is-strong",
          on: { click: () => set({ feedback: true }) },
        },
        "New",
        more("feedback"),
      ),
    ),
  );
}

/** Draw the panel that is open under the bar. */
export function panel() {
  const { panel: name } = store.ui;
  if (!name) return null;
  const close = () => {
    set({ panel: null });
    document.getElementById(`open-${name}`)?.focus();
  };
  const keydown = (event) => event.key === "Escape" && close();
  const { title, body } = PANELS[name]();
  return h(
    "section",
    {
      key: `panel-${name}`,
      id: "panel",
      class: `panel panel-${name}`,
      "aria-labelledby": "panel-title",
      on: { keydown },
    },
    h(
      "header",
      null,
      h("h2", { id: "panel-title" }, title),
      h(
        "button",
        { type: "button", class: "icon", "aria-label": `Close ${title}`, on: { click: close } },
        "✕",
      ),
    ),
    body,
  );
}

const note = (words, style = "") => h("span", { class: `bar-note ${style}`.trim() }, words);

function opener(name, words, style = "") {
  const isOpen = store.ui.panel === name;
  return h(
    "button",
    {
      key: name,
      id: `open-${name}`,
      type: "button",
      class: `bar-button ${style}`.trim(),
      "aria-expanded": String(isOpen),
      "aria-controls": isOpen && "panel",
      on: { click: () => set({ panel: isOpen ? null : name }) },
    },
    words,
  );
}

function who() {
  const change = (event) => {
    set({ me: event.target.value, channel: null, open: null });
    follow(event.target.value);
  };
  return h(
    "label",
    { class: "who" },
    h("span", null, "You are"),
    h(
      "select",
      { "aria-label": "You are", value: me().id, live: true, title: me().rights, on: { change } },
      store.state.people.map((each) =>
        h("option", { key: each.id, value: each.id }, `${each.name} · ${each.role}`),
      ),
    ),
  );
}

function timePanel() {
  const { is_quiet: isQuiet, quiet, moving_to: until } = store.state.clock;
  const [begin, end] = quiet.split("-");
  const ahead = store.state.deadlines.some((due) => Date.parse(due) - HOUR > now());
  const busy = until !== null || store.ui.busy.has("time");
  const button = (words, body, isPossible = true) =>
    h(
      "button",
      {
        key: words,
        type: "button",
        class: "button small",
        disabled: busy || !isPossible,
        on: { click: () => act("time", body) },
      },
      words,
    );
  const all = (moves) => Object.entries(moves).map(([words, body]) => button(words, body));
  const body = [
    h(
      "p",
      null,
      h("strong", null, clock()),
      isQuiet
        ? ` · Quiet hours: reminders to people wait until ${end}.`
        : ` · Quiet hours are from ${begin} to ${end}.`,
    ),
    h(
      "div",
      { class: "buttons", role: "group", "aria-label": "Move the time" },
      all(MOVES),
      button("1 h to deadline", { to: "deadline" }, ahead),
      all(ENDS),
    ),
    h("p", { class: "hint" }, "The bot lives through the hours: each reminder comes at its time."),
  ];
  return { title: "Time", body };
}

/** Say until when time passes now; null while it goes at its usual pace. */
export function passing() {
  const until = store.state.clock.moving_to;
  return until && `Time passes… until ${UNTIL.format(Date.parse(until))}`;
}

function rulesWords() {
  const { length } = store.state.objections;
  return [length, more(length === 1 ? "broken rule" : "broken rules")];
}

/** Return words that a phone has no room for. */
const more = (words) => h("span", { class: "bar-more" }, ` ${words}`);

function rulesPanel() {
  const all = store.state.objections;
  const body = all.length
    ? h(
        "ul",
        { class: "objections" },
        all.map((each) => h("li", null, each)),
      )
    : h("p", null, "Neither Slack nor GitLab objects to anything that the bot has done.");
  return { title: "Rules that the bot has broken", body };
}
