// Who is on duty by the schedule, and what can be changed there.

import { h } from "./dom.js";
import { act, store } from "./store.js";
import { now, within } from "./time.js";

const MINUTE = 60 * 1000;

/** Draw the schedule. */
export function pagerdutyPane() {
  const { pagerduty, people } = store.state;
  const { turns, gap, is_down: isDown } = pagerduty;
  // The turn that has begun starts now by the state, which may be a little ahead of this clock.
  const later = turns.filter((each) => Date.parse(each.start) > now() + MINUTE);
  const current = turns.find((each) => !later.includes(each));
  return h(
    "section",
    {
      key: "pagerduty",
      class: "pane pagerduty",
      "aria-label": "PagerDuty",
      "data-shown": String(store.ui.pane === "pagerduty"),
    },
    h("header", { class: "pane-header" }, h("h2", null, pagerduty.schedule)),
    h(
      "div",
      { class: "pane-body" },
      isDown &&
        h("p", { class: "notice" }, "PagerDuty is down: the bot gets 503 for each question."),
      h("h3", null, "On duty now"),
      h(
        "p",
        { class: "on-duty" },
        h("strong", null, current?.name ?? "Nobody"),
        current && until(current),
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
        people.map((each) => h("option", { key: each.id, value: each.id }, each.name)),
      ),
      h("h3", null, "Next"),
      later.length || gap
        ? h(
            "ol",
            { class: "turns" },
            [...later, ...(gap ? [gap] : [])]
              .sort((one, other) => Date.parse(one.start) - Date.parse(other.start))
              .map(turn),
          )
        : h("p", { class: "hint" }, "Nothing changes within the next 14 days."),
      toggle("Nobody takes next Monday", gap !== null, () =>
        act("schedule", { gap: gap === null }),
      ),
      toggle("PagerDuty down", isDown, () =>
        act("trouble", { name: "pagerduty-down", on: !isDown }, "pagerduty-down"),
      ),
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

function toggle(words, isOn, click) {
  return h(
    "button",
    {
      key: words,
      type: "button",
      class: "switch",
      role: "switch",
      "aria-checked": String(isOn),
      on: { click },
    },
    h("span", { class: "knob", "aria-hidden": "true" }),
    words,
  );
}
