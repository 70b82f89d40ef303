// The page of `ssat-bot local --blocks`: a file of blocks as Slack would show it, and refuse it.

import { blocks } from "./blocks.js";
import { avatar } from "./channel.js";
import { dialogs } from "./dialogs.js";
import { h, render } from "./dom.js";
import { keepFocus } from "./focus.js";
import { onChange, redraw, set, store } from "./store.js";
import { exact, now, time } from "./time.js";

const EVERY = 1000; // milliseconds between two looks at the file
const WIDTHS = { phone: "On a phone", desktop: "On a desktop" };
const SCHEMES = ["light", "dark"];
const BOT = { id: "bot", real_name: "SSAT bot", is_bot: true };
const app = document.getElementById("app");
let seen = ""; // the file as it was when last drawn
let shown = null;
let done = ""; // what would have been told to the bot

// What blocks may name is nowhere here: people, groups and channels are shown by their ids.
store.state = {
  offset: 0,
  people: [],
  markdown: {},
  slack: { bot: BOT.id, channels: [], selections: {}, usergroups: {}, users: { [BOT.id]: BOT } },
};

async function look() {
  try {
    const answer = await fetch("/api/preview");
    if (!answer.ok) throw new Error(`answered ${answer.status}`);
    const text = await answer.text();
    store.isConnected = true;
    if (text !== seen) {
      seen = text;
      shown = JSON.parse(text);
      // As Slack fills in what has no id.
      shown.blocks = shown.blocks.map((block, at) => ({ block_id: `block-${at}`, ...block }));
      store.state.markdown = shown.markdown ?? {};
    }
  } catch {
    store.isConnected = false;
  }
  redraw();
  setTimeout(look, EVERY);
}

function draw() {
  render(app, [
    h("header", { key: "title" }, h("h1", null, shown?.name ?? "Blocks")),
    h(
      "main",
      { key: "main", class: "preview" },
      h(
        "div",
        { key: "news", role: "status" },
        !store.isConnected &&
          h("p", null, "The page's server does not answer. Is it still running?"),
        done && h("p", null, `The bot would be told: ${done}`),
      ),
      shown && problems(shown.problems),
      shown && SCHEMES.map(surfaces),
    ),
    dialogs(),
  ]);
}

function problems(all) {
  if (!all.length) return h("p", { key: "problems" }, "Slack would accept this.");
  return h(
    "section",
    { key: "problems", class: "problems", "aria-label": "What Slack would refuse" },
    h("h2", null, `Slack would refuse this: ${all.length}`),
    h(
      "ul",
      null,
      all.map((each) => h("li", null, each)),
    ),
  );
}

function surfaces(scheme) {
  const surfaceAt = (width) => {
    const words = `${WIDTHS[width]}, ${scheme}`;
    return h(
      "section",
      {
        key: width,
        class: `surface is-${shown.surface} is-${width} is-${scheme}`,
        "aria-label": words,
      },
      h("h2", null, words),
      h("div", null, surface(`${width}-${scheme}`)),
    );
  };
  return h("div", { key: scheme, class: "surfaces" }, Object.keys(WIDTHS).map(surfaceAt));
}

function surface(id) {
  const tell = (name, body) => {
    done = JSON.stringify({ [name]: body });
    set({});
  };
  const view = { ...shown.view, id, blocks: shown.blocks, errors: {}, state: { values: {} } };
  if (shown.surface === "message")
    return message(blocks(shown.blocks, { id, channel: "", ts: "", tell }));
  if (shown.surface === "home")
    return h("div", { class: "home" }, blocks(shown.blocks, { id, view, isHome: true, tell }));
  return modal(view, blocks(shown.blocks, { id, view, tell }));
}

function message(drawn) {
  return h(
    "article",
    { class: "message", "aria-label": "Message" },
    avatar(BOT),
    h(
      "div",
      { class: "message-body" },
      h(
        "p",
        { class: "byline" },
        h("strong", null, BOT.real_name),
        h("span", { class: "app" }, "APP"),
        h("time", { title: exact(now()) }, time(now())),
      ),
      drawn,
    ),
  );
}

function modal({ title, close, submit }, drawn) {
  const button = (words, style) => h("button", { type: "button", class: `button ${style}` }, words);
  return [
    h("header", null, h("strong", null, title?.text ?? "")),
    h("div", { class: "dialog-body" }, drawn),
    h(
      "footer",
      null,
      button(close?.text ?? "Cancel", ""),
      submit && button(submit.text, "primary"),
    ),
  ];
}

// A click elsewhere closes what is open.
document.addEventListener("click", (event) => {
  if (store.ui.open && !event.target.closest(".combo")) set({ open: null });
});

onChange(() => keepFocus(draw));
look();
