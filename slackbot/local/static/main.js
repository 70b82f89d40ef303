// Puts the page together and keeps it so.

import { channelPane } from "./channel.js";
import { dialogs, isCovered, warnings } from "./dialogs.js";
import { h, render } from "./dom.js";
import { gitlabPane } from "./gitlab.js";
import { follow, onChange, redraw, set, store } from "./store.js";
import { topbar } from "./topbar.js";

const TICK_MILLISECONDS = 5000;
const PANES = { slack: "Slack", gitlab: "GitLab" };
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
  const focused = document.activeElement;
  const message = focused?.closest("[data-ts]")?.dataset.ts;
  render(app, [
    topbar(),
    notices(),
    h("main", { key: "main" }, channelPane(), gitlabPane()),
    tabs(),
    dialogs(),
    !isCovered() && warnings(),
  ]);
  // A button that has done its work is gone: stay at its message rather than at the page's top.
  if (message && !focused.isConnected) focusMessage(message);
}

function focusMessage(ts) {
  const article = document.querySelector(`[data-ts="${CSS.escape(ts)}"]`);
  if (!article) return;
  article.tabIndex = -1;
  article.focus({ preventScroll: true });
}

/** Open the issue of the newest card until somebody has chosen one. */
function chooseIssue() {
  const { ui, state } = store;
  if (!state.ready || state.gitlab.issues.some((each) => each.iid === ui.issue)) return;
  const newest = Object.keys(state.slack.issues).sort(
    (one, other) => Number(other) - Number(one),
  )[0];
  ui.issue = state.slack.issues[newest] ?? state.gitlab.issues.at(-1)?.iid ?? null;
}

function notices() {
  return h(
    "div",
    { key: "notices", class: "notices", role: "status" },
    !store.isConnected &&
      h("p", { class: "outage" }, "The page's server does not answer. What is shown may be old."),
    store.isConnected &&
      !store.state.ready &&
      h("p", { class: "preparing" }, "The past days are being played…"),
  );
}

function tabs() {
  const tab = (pane) =>
    h(
      "button",
      {
        key: pane,
        type: "button",
        "aria-pressed": String(store.ui.pane === pane),
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

// A click elsewhere closes what is open.
document.addEventListener("click", (event) => {
  if (store.ui.open && !event.target.closest(".combo")) set({ open: null });
  const details = document.querySelector("details[open]");
  if (details && !details.contains(event.target)) details.open = false;
});

onChange(draw);
setInterval(redraw, TICK_MILLISECONDS);
draw();
follow(store.ui.me);
