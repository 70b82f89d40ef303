// Puts the page together and keeps it so.

import { channelPane } from "./channel.js";
import { dialogs, isCovered, warnings } from "./dialogs.js";
import { h, render } from "./dom.js";
import { goToNewest, keepFocus } from "./focus.js";
import { gitlabPane } from "./gitlab.js";
import { guide, lookAsAsked, openScene } from "./guide.js";
import { inspectorPane } from "./inspector.js";
import { pagerdutyPane } from "./pagerduty.js";
import { NARROW, follow, onChange, redraw, set, store } from "./store.js";
import { panel, passing, topbar } from "./topbar.js";

const TICK_MILLISECONDS = 5000;
const PANES = { slack: "Slack", gitlab: "GitLab", pagerduty: "PagerDuty", inspector: "Inspector" };
const app = document.getElementById("app");

function draw() {
  if (!store.state) {
    render(
      app,
      h(
        "p",
        { key: "start", class: "start" },
        store.isConnected
          ? "One moment…"
          : "The page's server does not answer. Is it still running?",
      ),
    );
    return;
  }
  chooseIssue();
  lookAsAsked();
  render(app, [
    skipLink(),
    topbar(),
    panel(),
    guide(),
    notices(),
    !isCovered() && warnings(),
    h(
      "main",
      { key: "main", id: "panes", "data-side": store.ui.side },
      channelPane(),
      tabs(),
      gitlabPane(),
      store.ui.side === "pagerduty" && pagerdutyPane(),
      store.ui.side === "inspector" && inspectorPane(),
    ),
    dialogs(),
  ]);
}

let staged = null; // the issue that the scene is about

/** Open the issue of the newest card until the person has chosen one, and that of a scene. */
function chooseIssue() {
  const { ui, state } = store;
  const { issues, project } = state.gitlab;
  const issue = state.scene?.issue ?? null;
  if (issue !== staged && issue !== null) [ui.project, ui.issue] = [null, issue];
  staged = issue;
  if (!state.ready || ui.issue !== null) return;
  const newest = Object.keys(state.slack.issues).sort(
    (one, other) => Number(other) - Number(one),
  )[0];
  const last = issues.findLast((each) => each.project === project);
  [ui.project, ui.issue] = [null, state.slack.issues[newest] ?? last?.iid ?? null];
}

function notices() {
  const told = (kind, words) => words && h("p", { key: kind, class: kind }, words);
  return h(
    "div",
    { key: "notices", class: "notices", role: "status" },
    store.isConnected
      ? [
          told("preparing", !store.state.ready && "The past days are being played…"),
          told("passing", store.state.ready && passing()),
          told("stopped", !store.state.bot.is_running && "The bot does not run. See Trouble."),
        ]
      : told("outage", "The page's server does not answer. What is shown may be old."),
  );
}

const skipLink = () =>
  h(
    "a",
    {
      key: "skip",
      class: "skip",
      href: "#panes",
      accesskey: "n",
      on: {
        click: (event) => {
          event.preventDefault();
          goToNewest();
        },
      },
    },
    "Skip to the newest card",
  );

function tabs() {
  const tab = (pane) =>
    h(
      "button",
      {
        key: pane,
        type: "button",
        class: `pane-tab to-${pane}`,
        "aria-pressed": String((NARROW.matches ? store.ui.pane : store.ui.side) === pane),
        on: { click: () => set({ pane }) },
      },
      PANES[pane],
    );
  return h(
    "nav",
    { key: "tabs", class: "tabs", "aria-label": "Panes" },
    Object.keys(PANES).map(tab),
  );
}

// A click elsewhere closes the menu that is open.
document.addEventListener("click", (event) => {
  if (store.ui.open && !event.target.closest(".combo")) set({ open: null });
});

NARROW.addEventListener("change", redraw);
onChange(() => keepFocus(draw));
setInterval(redraw, TICK_MILLISECONDS);
draw();
follow(store.ui.me, openScene);
