// The left side, as Slack would show it to one person: the channel, their direct messages, the Home.

import { blocks } from "./blocks.js";
import { h } from "./dom.js";
import { files } from "./figures.js";
import { mrkdwn } from "./mrkdwn.js";
import { act, redraw, set, store } from "./store.js";
import { exact, longDay, time, within } from "./time.js";

const HOME = "home"; // in the place of a channel
const NEAR_THE_END = 80; // pixels: whoever is this near follows what is new

/** Draw the channel or the Home that is open, with tabs for the others. */
export function channelPane() {
  const { slack } = store.state;
  const channels = slack.channels.filter(
    (each) => !each.is_im || (each.members.includes(store.ui.me) && each.messages.length),
  );
  const isHome = store.ui.channel === HOME;
  const channel = channels.find((each) => each.id === store.ui.channel) ?? channels[0];
  return h(
    "section",
    {
      key: "slack",
      class: "pane slack",
      "aria-label": "Slack",
      "data-shown": String(store.ui.pane === "slack"),
    },
    h(
      "header",
      { class: "pane-header" },
      tab(HOME, "Home", isHome, async () => (await act("home")) && set({ channel: HOME })),
      channels.map((each) =>
        tab(each.id, channelWords(each), !isHome && each === channel, () =>
          set({ channel: each.id }),
        ),
      ),
      !isHome && h("span", { class: "members" }, `${channel.members.length} members`),
    ),
    store.state.down.slack &&
      h(
        "p",
        { class: "outage" },
        "Slack is down. Nobody can click; what the bot has to say waits until Slack is back.",
      ),
    isHome ? home() : [timeline(channel), composer(channel)],
  );
}

const nameOf = (channel) => (channel.is_im ? "SSAT bot" : channel.name);

const channelWords = (channel) => (channel.is_im ? nameOf(channel) : ["# ", nameOf(channel)]);

function tab(key, words, isOpen, click) {
  return h(
    "button",
    {
      key,
      type: "button",
      class: "tab",
      "aria-pressed": String(isOpen),
      on: { click },
    },
    words,
  );
}

function home() {
  const { home: view } = store.state.slack;
  return h(
    "div",
    {
      key: HOME,
      class: "home",
      tabindex: "0",
      role: "region",
      "aria-label": "Home",
      "data-ts": HOME,
      hook: () => {
        shown = { channel: HOME, count: 0, isAtEnd: true };
      },
    },
    view
      ? blocks(view.blocks, { id: view.id, view, isHome: true })
      : h("p", { class: "hint" }, "The bot has not shown anything here yet."),
  );
}

// The list that is shown, as it was when last drawn.
let shown = { channel: null, count: 0, isAtEnd: true };

function timeline(channel) {
  const whispers = store.state.slack.ephemerals.filter((each) => each.channel === channel.id);
  const all = [...channel.messages, ...whispers.map((each) => ({ ...each, isWhisper: true }))];
  all.sort((one, other) => Number(one.ts) - Number(other.ts));
  const drawn = [];
  let day = "";
  for (const message of all) {
    const today = longDay(Number(message.ts) * 1000);
    if (today !== day)
      drawn.push(h("li", { key: `day-${today}`, class: "day" }, h("span", null, today)));
    day = today;
    drawn.push(
      h("li", { key: `${message.ts}-${message.isWhisper ?? false}` }, article(message, channel)),
    );
  }
  const list = h(
    "div",
    {
      class: "timeline",
      tabindex: "0",
      role: "log",
      "aria-label": nameOf(channel),
      hook: (element) => follow(element, channel.id, all.length),
      on: { scroll: scrolled },
    },
    h("ol", null, drawn),
  );
  const below = h(
    "button",
    { type: "button", class: "new-below", on: { click: scrollToEnd } },
    all.at(-1)?.isWhisper ? "A message only for you ↓" : "New messages ↓",
  );
  return h(
    "div",
    { key: `timeline-${channel.id}`, class: "scroller" },
    list,
    store.ui.newBelow && below,
  );
}

/** Keep to the end of a list that grows, unless somebody is reading further up: tell them then. */
function follow(element, channel, count) {
  const hasGrown = count > shown.count;
  const isOther = shown.channel !== channel;
  shown = { channel, count, isAtEnd: isOther || shown.isAtEnd };
  if (isOther || (hasGrown && shown.isAtEnd)) scrollToEnd();
  else if (hasGrown) set({ newBelow: true });
}

// What grows fires no event, so this tells where somebody was before it did.
function scrolled({ target }) {
  const left = target.scrollHeight - target.scrollTop - target.clientHeight;
  shown.isAtEnd = left < NEAR_THE_END;
  if (shown.isAtEnd && store.ui.newBelow) set({ newBelow: false });
}

function scrollToEnd() {
  const element = document.querySelector(".timeline");
  element.scrollTop = element.scrollHeight;
  shown.isAtEnd = true;
  if (store.ui.newBelow) set({ newBelow: false });
}

function article(message, channel) {
  const iid = store.state.slack.issues[message.ts] ?? null;
  const isSelected = iid !== null && iid === store.ui.issue;
  const at = Number(message.ts) * 1000;
  const place = { id: message.ts, channel: channel.id, ts: message.ts };
  const whispered = message.isWhisper && h("p", { class: "only-you" }, "Only visible to you");
  return h(
    "article",
    {
      class: ["message", message.isWhisper && "is-whisper", isSelected && "is-selected"]
        .filter(Boolean)
        .join(" "),
      "data-ts": message.ts,
      "data-issue": iid,
      on: iid === null ? {} : { click: () => set({ issue: iid, editing: null }) },
    },
    avatar(author(message)),
    h(
      "div",
      { class: "message-body" },
      whispered,
      h(
        "p",
        { class: "byline" },
        byline(message),
        h("time", { title: exact(at) }, time(at)),
        iid !== null && issueChip(iid, isSelected),
      ),
      message.blocks?.length
        ? blocks(message.blocks, place)
        : message.text && h("div", { class: "section" }, mrkdwn(message.text)),
      files(message.files),
      message.thread?.length > 0 && thread(message),
      message.isWhisper &&
        h(
          "button",
          {
            type: "button",
            class: "quiet",
            on: { click: () => act("hide", { ts: message.ts }, `hide-${message.ts}`) },
          },
          "Dismiss message",
        ),
    ),
  );
}

function issueChip(iid, isSelected) {
  const click = () => set({ issue: iid, editing: null, pane: "gitlab" });
  return h(
    "button",
    {
      type: "button",
      class: "chip",
      "aria-pressed": String(isSelected),
      title: "Show the issue in GitLab",
      on: { click },
    },
    `GitLab #${iid}`,
  );
}

function author(message) {
  const { slack } = store.state;
  return (
    slack.users[message.user ?? slack.bot] ?? {
      id: message.user,
      real_name: "Slackbot",
      is_bot: true,
    }
  );
}

// What only one person sees carries the name of the bot, too: its user is whom it is for.
function byline(message) {
  const user = message.isWhisper ? botUser() : author(message);
  return [h("strong", null, user.real_name), user.is_bot && h("span", { class: "app" }, "APP")];
}

const botUser = () => store.state.slack.users[store.state.slack.bot];

/** Draw the square with somebody's initials. */
export function avatar(user) {
  const words = user.is_bot
    ? "✓"
    : user.real_name
        .split(" ")
        .map((part) => part[0])
        .join("")
        .slice(0, 2);
  const tone = [...user.real_name].reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % 5;
  return h(
    "span",
    { class: user.is_bot ? "avatar is-bot" : `avatar tone-${tone}`, "aria-hidden": "true" },
    words,
  );
}

function thread(message) {
  const { threads } = store.ui;
  const isOpen = threads.has(message.ts);
  const count = message.thread.length;
  const toggle = () => {
    if (isOpen) threads.delete(message.ts);
    else threads.add(message.ts);
    redraw();
  };
  const latest = Number(message.thread.at(-1).ts) * 1000;
  return [
    h(
      "button",
      {
        type: "button",
        class: "thread-toggle",
        "aria-expanded": String(isOpen),
        on: { click: toggle },
      },
      h("strong", null, `${count} ${count === 1 ? "reply" : "replies"}`),
      h("span", null, isOpen ? "Hide thread" : `Last ${within(latest)}`),
    ),
    isOpen && h("ol", { class: "thread" }, message.thread.map(reply)),
  ];
}

function reply(message) {
  const at = Number(message.ts) * 1000;
  const place = { id: message.ts, channel: message.channel, ts: message.ts };
  const words = message.blocks?.length ? blocks(message.blocks, place) : mrkdwn(message.text);
  return h(
    "li",
    { key: message.ts, class: "reply" },
    avatar(author(message)),
    h(
      "div",
      { class: "message-body" },
      h("p", { class: "byline" }, byline(message), h("time", { title: exact(at) }, time(at))),
      words,
      files(message.files),
    ),
  );
}

function composer(channel) {
  const send = async (event) => {
    event.preventDefault();
    const field = event.target.elements.text;
    if (!field.value.trim()) return;
    if (!(await act("say", { channel: channel.id, text: field.value }))) return;
    field.value = "";
    scrollToEnd();
  };
  const label = channel.is_im ? "Message SSAT bot" : `Message #${channel.name}, or type /ssat`;
  return h(
    "form",
    { class: "composer", on: { submit: send } },
    h("input", { name: "text", autocomplete: "off", placeholder: label, "aria-label": label }),
    h(
      "button",
      { type: "submit", class: "button primary", disabled: store.ui.busy.has("say") },
      "Send",
    ),
  );
}
