// Each exchange between the bot and the platforms, newest first.

import { h } from "./dom.js";
import { redraw, store } from "./store.js";

const MOST = 500;
const PLATFORMS = ["Slack", "GitLab", "PagerDuty"];
const AT = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });

const texts = new WeakMap(); // what an entry is searched for

let filter = { platform: "", words: "", isBad: false };

/** Draw the inspector; asks for what is new. */
export function inspectorPane() {
  ask();
  const shown = store.ui.traffic.entries.filter(isWanted);
  return h(
    "section",
    {
      key: "inspector",
      class: "pane inspector",
      "aria-label": "Inspector",
      "data-shown": String(store.ui.pane === "inspector"),
    },
    h("header", { class: "pane-header" }, h("h2", null, "Inspector"), filters(shown.length)),
    h(
      "ol",
      { class: "exchanges", tabindex: "0", "aria-label": "Exchanges, newest first" },
      shown.map(row),
    ),
  );
}

async function ask() {
  const { traffic: count } = store.state;
  const { traffic } = store.ui; // the next world has its own: a late answer does not get into it
  if (traffic.isAsking || traffic.counted === count) return;
  traffic.isAsking = true;
  try {
    const answer = await fetch(`/api/traffic?after=${traffic.entries[0]?.id ?? 0}`);
    const { entries } = await answer.json();
    traffic.entries = [...entries.reverse(), ...traffic.entries].slice(0, MOST);
    traffic.counted = count;
  } catch {
    // The page says already that its server does not answer.
  }
  traffic.isAsking = false;
  redraw();
}

function isWanted(one) {
  const { platform, words, isBad } = filter;
  if (platform && ![one.sender, one.receiver].includes(platform)) return false;
  if (isBad && one.ok && one.rule?.kept !== false) return false;
  return !words || textOf(one).includes(words.toLowerCase());
}

function textOf(one) {
  if (!texts.has(one))
    texts.set(one, [one.title, asText(one.request), asText(one.response)].join("\n").toLowerCase());
  return texts.get(one);
}

const asText = (data) => (typeof data === "string" ? data : JSON.stringify(data, null, 2));

function filters(count) {
  const change = (changes) => {
    filter = { ...filter, ...changes };
    redraw();
  };
  return h(
    "div",
    { class: "filters", role: "search" },
    h(
      "select",
      {
        "aria-label": "Platform",
        value: filter.platform,
        on: { change: ({ target }) => change({ platform: target.value }) },
      },
      h("option", { key: "", value: "" }, "All platforms"),
      PLATFORMS.map((each) => h("option", { key: each, value: each }, each)),
    ),
    h("input", {
      type: "search",
      "aria-label": "Contains",
      placeholder: "Contains…",
      value: filter.words,
      on: { input: ({ target }) => change({ words: target.value }) },
    }),
    h(
      "label",
      { class: "choice" },
      h("input", {
        type: "checkbox",
        checked: filter.isBad,
        on: { change: ({ target }) => change({ isBad: target.checked }) },
      }),
      h("span", null, "Failed or broken only"),
    ),
    h("span", { class: "hint", role: "status" }, `${count} of the last ${store.ui.traffic.entries.length}`),
  );
}

function row(one) {
  const { opened } = store.ui.traffic;
  const isOpen = opened.has(one.id);
  const toggle = () => {
    if (isOpen) opened.delete(one.id);
    else opened.add(one.id);
    redraw();
  };
  return h(
    "li",
    { key: one.id, class: one.ok ? "exchange" : "exchange is-bad" },
    h(
      "button",
      { type: "button", "aria-expanded": String(isOpen), on: { click: toggle } },
      h("span", { class: "at" }, AT.format(Date.parse(one.at))),
      h("span", { class: "way" }, `${one.sender} → ${one.receiver}`),
      h("span", { class: "status" }, one.ok ? one.status : `${one.status} failed`),
      h("span", { class: "ms" }, `${Math.round(one.ms)} ms`),
      one.rule && h("span", { class: "kept" }, one.rule.kept ? "✓ rule met" : "✗ rule broken"),
      h("strong", { class: "what" }, one.title.replaceAll("%2F", "/")),
    ),
    isOpen && details(one),
  );
}

function details({ request, response, rule }) {
  return h(
    "div",
    { class: "details" },
    rule &&
      h(
        "p",
        null,
        rule.kept ? "Rule met: " : "Rule broken: ",
        rule.words,
        " ",
        rule.source &&
          h("a", { href: rule.source, target: "_blank", rel: "noopener noreferrer" }, "Source"),
      ),
    h("h3", null, "Request"),
    h("pre", { tabindex: "0" }, asText(request)),
    h("h3", null, "Answer"),
    h("pre", { tabindex: "0" }, asText(response)),
  );
}
