// The bar at the top: who one is, what time it is, and what may go wrong.

import { h } from "./dom.js";
import { act, follow, me, set, store } from "./store.js";
import { clock, now } from "./time.js";

const HOUR = 3600 * 1000;
const MOVES = { "+1 h": 1, "+8 h": 8, "+1 day": 24 };

/** Draw the bar. */
export function topbar() {
  const { ui } = store;
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
      "button",
      {
        type: "button",
        class: "bar-button more",
        "aria-expanded": String(ui.controls),
        on: { click: () => set({ controls: !ui.controls }) },
      },
      "Controls",
    ),
    h(
      "div",
      { class: ui.controls ? "controls is-open" : "controls" },
      timeControls(),
      trouble(),
      objections(),
      newFeedback(),
    ),
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
      { value: me().id, live: true, title: me().role, on: { change } },
      store.state.people.map((each) =>
        h("option", { key: each.id, value: each.id }, `${each.name} · ${each.role}`),
      ),
    ),
  );
}

function timeControls() {
  const move = (body) => () => act("time", body);
  const ahead = store.state.deadlines.some((due) => Date.parse(due) - HOUR > now());
  const busy = store.ui.busy.has("time");
  const button = (words, body, props) =>
    h(
      "button",
      {
        key: words,
        type: "button",
        class: "bar-button",
        disabled: busy,
        on: { click: move(body) },
        ...props,
      },
      words,
    );
  return h(
    "div",
    { class: "time", role: "group", "aria-label": "Time" },
    h("span", { class: "clock", title: "The time here; it can be moved forward" }, clock()),
    Object.entries(MOVES).map(([words, hours]) => button(words, { hours })),
    button(
      "1 h to deadline",
      { to: "deadline" },
      { disabled: busy || !ahead, title: "To one hour before the next deadline" },
    ),
  );
}

function trouble() {
  const { down } = store.state;
  const toggle = (platform, name) =>
    h(
      "button",
      {
        key: platform,
        type: "button",
        class: "bar-button switch",
        role: "switch",
        "aria-checked": String(down[platform]),
        on: { click: () => act("switch", { platform, down: !down[platform] }) },
      },
      h("span", { class: "knob", "aria-hidden": "true" }),
      `${name} down`,
    );
  return h(
    "div",
    { class: "trouble", role: "group", "aria-label": "Trouble" },
    toggle("gitlab", "GitLab"),
    toggle("slack", "Slack"),
  );
}

function objections() {
  const { objections: all } = store.state;
  const words = all.length
    ? `${all.length} broken ${all.length === 1 ? "rule" : "rules"}`
    : "0 broken rules";
  return h(
    "details",
    { class: all.length ? "objections is-bad" : "objections" },
    h("summary", { title: "What Slack and GitLab would object to in the bot's behaviour" }, words),
    h(
      "div",
      { class: "objections-list" },
      all.length
        ? h(
            "ul",
            null,
            all.map((each) => h("li", null, each)),
          )
        : h("p", null, "Neither platform has had anything to object to in what the bot does."),
    ),
  );
}

function newFeedback() {
  return h(
    "button",
    { type: "button", class: "bar-button is-strong", on: { click: () => set({ feedback: true }) } },
    "New feedback",
  );
}
