// Who is on duty by the schedule, and what can be changed there.

import { h } from "./dom.js";
import { act, isOn, store } from "./store.js";
import { within } from "./time.js";
import { toggle, troubleSwitch } from "./trouble.js";

/** Draw the schedule. */
export function pagerdutyPane() {
  const { pagerduty, people, troubles } = store.state;
  const { schedule, current, next, gap } = pagerduty;
  return h(
    "section",
    {
      key: "pagerduty",
      class: "pane pagerduty",
      "aria-label": "PagerDuty",
      "data-shown": String(store.ui.pane === "pagerduty"),
    },
    h("header", { class: "pane-header" }, h("h2", null, schedule)),
    h(
      "div",
      { class: "pane-body" },
      isOn("pagerduty-down") &&
        h("p", { class: "notice" }, "PagerDuty is down: the bot gets 503 for each question."),
      h("h3", null, "On duty now"),
      h(
        "p",
        { class: "on-duty" },
        current
          ? [h("strong", null, current.name), until(current)]
          : ["Nobody is on duty now", gap && until(gap), "."],
      ),
      h("label", { for: "duty" }, "Put on duty"),
      h(
        "select",
        {
          id: "duty",
          value: current?.id ?? "",
          live: true,
          disabled: store.ui.busy.has("duty"),
          on: { change: (event) => act("duty", { who: event.target.value }) },
        },
        !current && h("option", { key: "", value: "" }, "Nobody"),
        people
          .filter((each) => each.is_manager)
          .map((each) => h("option", { key: each.id, value: each.id }, each.name)),
      ),
      h("h3", null, "Next"),
      next.length
        ? h("ol", { class: "turns" }, current && gap && turn(gap), next.map(turn))
        : h("p", { class: "hint" }, "No other turn begins within the next 14 days."),
      toggle({
        words: "Nobody takes next Monday",
        isOn: gap !== null,
        busy: "schedule",
        click: () => act("schedule", { gap: gap === null }),
      }),
      troubleSwitch(troubles.find((each) => each.name === "pagerduty-down")),
    ),
  );
}

const until = ({ end }) => (end === null ? "" : ` until ${within(Date.parse(end))}`);

function turn(one) {
  return h(
    "li",
    { key: one.start, class: one.name ? "" : "is-gap" },
    h("strong", null, one.name ?? "Nobody"),
    ` from ${within(Date.parse(one.start))}${until(one)}`,
  );
}
