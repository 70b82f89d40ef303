// The left side, as Slack would show it to one person: the channel, their direct messages, the Home.

import { blocks } from "./blocks.js";
import { waiting } from "./combo.js";
import { h } from "./dom.js";
import { files } from "./figures.js";
import { focusOn } from "./focus.js";
import { showMessage } from "./links.js";
import { menu } from "./menu.js";
import { mrkdwn } from "./mrkdwn.js";
import { act, isOn, redraw, set, store } from "./store.js";
import { exact, longDay, time, within } from "./time.js";
import { unknown } from "./unknown.js";

const HOME = "home"; // in the place of a channel
const NEAR_THE_END = 80; // pixels: a reader this near to the end is taken along to new messages
const LONGEST_LABEL = 60; // characters of a message that tell it from others

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
    h("h2", { class: "visually-hidden" }, "Slack"),
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
    isOn("slack-down") &&
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
  const all = inOrder(
    channel.messages,
    whispers(channel).filter((each) => !parentOf(each, channel)),
  );
  const drawn = [];
  let day = "";
  for (const message of all) {
    const today = longDay(Number(message.ts) * 1000);
    if (today !== day)
      drawn.push(h("li", { key: `day-${today}`, class: "day" }, h("span", null, today)));
    day = today;
    drawn.push(h("li", { key: keyOf(message) }, article(message, channel)));
  }
  const list = h(
    "div",
    {
      class: "timeline",
      tabindex: "0",
      role: "log",
      "aria-relevant": "additions", // and not each word that changes on a card
      "aria-label": nameOf(channel),
      hook: (element, isNew) => {
        if (isNew) stay(element);
        keepUp(channel.id, all.length);
      },
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

const inOrder = (...lists) =>
  lists.flat().sort((one, other) => Number(one.ts) - Number(other.ts));

const keyOf = (message) => `${message.ts}-${message.isWhisper ?? false}`;

function whispers(channel) {
  return store.state.slack.ephemerals
    .filter((each) => each.channel === channel.id)
    .map((each) => ({ ...each, isWhisper: true }));
}

/** Find the message in whose thread this one is. */
function parentOf({ ts, thread_ts: thread }, channel) {
  return thread === ts ? undefined : channel.messages.find((each) => each.ts === thread);
}

/** Stay at the end of a list that grows; a reader further up is told of new messages instead. */
function keepUp(channel, count) {
  const hasGrown = count > shown.count;
  const isOther = shown.channel !== channel;
  shown = { channel, count, isAtEnd: isOther || shown.isAtEnd };
  if (isOther || (hasGrown && shown.isAtEnd)) scrollToEnd();
  else if (hasGrown) set({ newBelow: true });
}

/** Stay at the end when a card grows, or when a panel takes some of the room. */
function stay(element) {
  const watch = new ResizeObserver(() => shown.isAtEnd && scrollToEnd());
  watch.observe(element);
  watch.observe(element.firstElementChild);
}

// Growing fires no event, so this records where the reader was before.
function scrolled({ target }) {
  const left = target.scrollHeight - target.scrollTop - target.clientHeight;
  shown.isAtEnd = left < NEAR_THE_END;
  if (shown.isAtEnd && store.ui.newBelow) set({ newBelow: false });
}

function scrollToEnd() {
  const element = document.querySelector(".timeline");
  if (!element) return;
  element.scrollTop = element.scrollHeight;
  shown.isAtEnd = true;
  if (store.ui.newBelow) set({ newBelow: false });
}

const issueOf = (message) => store.state.slack.issues[message.ts] ?? null;

function article(message, channel) {
  const iid = issueOf(message);
  const isSelected = iid !== null && iid === store.ui.issue;
  const names = { "is-whisper": message.isWhisper, "is-selected": isSelected };
  return h(
    "article",
    {
      class: ["message", ...Object.keys(names).filter((each) => names[each])].join(" "),
      "aria-label": labelOf(message, iid === null ? "Message" : "Card"),
      "data-ts": message.ts,
      "data-issue": iid,
      on: iid === null ? {} : { click: () => set({ issue: iid, editing: null }) },
    },
    content(message, channel, {
      isBroadcast: message.subtype === "thread_broadcast",
      chip: iid !== null && issueChip(iid, isSelected),
    }),
  );
}

function reply(message, channel) {
  return h(
    "li",
    { key: keyOf(message) },
    h(
      "div",
      {
        class: message.isWhisper ? "reply is-whisper" : "reply",
        role: "group",
        "aria-label": labelOf(message, "Reply"),
        "data-ts": message.ts,
      },
      content(message, channel, {}),
    ),
  );
}

function labelOf(message, kind) {
  const shown = (message.text ?? "").replace(/<[^|>]*\|([^>]*)>/g, "$1");
  const words = shown.replace(/<[^>]*>|[*_~`]/g, "").trim();
  const about = /\bticket \d+/.exec(words)?.[0] ?? words.split("\n")[0].slice(0, LONGEST_LABEL);
  const { real_name: name } = writer(message);
  return `${kind}: ${about ? `${about}, ` : ""}from ${name}, ${time(Number(message.ts) * 1000)}`;
}

/** Draw what a message and a reply have alike. */
function content(message, channel, { isBroadcast, chip }) {
  const at = Number(message.ts) * 1000;
  const parent = parentOf(message, channel);
  return [
    avatar(writer(message)),
    h(
      "div",
      { class: "message-body" },
      message.isWhisper && h("p", { class: "only-you" }, "Only visible to you"),
      isBroadcast && parent && inThread(parent, channel),
      h(
        "p",
        { class: "byline" },
        h("strong", null, writer(message).real_name),
        writer(message).is_bot && h("span", { class: "app" }, "APP"),
        h("time", { title: exact(at) }, time(at)),
        chip,
        !message.isWhisper && actions(message, channel, parent ?? message),
      ),
      said(message, channel),
      files(message.files),
      unfurls(message, channel),
      !parent && thread(message, channel),
      message.isWhisper &&
        h("button", { type: "button", class: "quiet", on: { click: hide } }, "Dismiss message"),
    ),
  ];

  async function hide(event) {
    const own = event.target.closest("li");
    const next = own.nextElementSibling ?? own.previousElementSibling;
    if (await act("hide", { ts: message.ts }, `hide-${message.ts}`))
      focusOn(next?.querySelector("[data-ts]"));
  }
}

function said(message, channel) {
  const place = { id: placeId(message, channel), channel: channel.id, ts: message.ts };
  if (message.blocks?.length) return blocks(message.blocks, place);
  if (!message.text && !message.files?.length) return unknown({ type: "message", ...message });
  return [
    message.text && h("div", { class: "section" }, mrkdwn(message.text)),
    message.edited && h("p", { class: "hint" }, "(edited)"),
  ];
}

// The same message may stand in the channel and in its thread.
const placeId = (message, channel) =>
  channel.messages.includes(message) ? message.ts : `${message.ts}-reply`;

/** Draw what stands under the links of a message: https://docs.slack.dev/messaging/unfurling-links-in-messages */
function unfurls(message, channel) {
  return Object.entries(message.unfurls ?? {}).map(([address, all]) =>
    h(
      "div",
      { key: address, class: "attachment", role: "group", "aria-label": `Preview of ${address}` },
      blocks(all, { id: `${message.ts}-${address}`, channel: channel.id, ts: message.ts }),
    ),
  );
}

function inThread(parent, channel) {
  const open = () => {
    store.ui.threads.add(parent.ts);
    showMessage({ channel: channel.id, ts: parent.ts });
  };
  return h(
    "p",
    { class: "hint" },
    "replied to ",
    h("button", { type: "button", class: "quiet", on: { click: open } }, "a thread"),
  );
}

// What may be done with a message, and not by its own buttons

let answered = null; // the thread whose box is about to get the focus

function actions(message, channel, top) {
  const id = `actions-${placeId(message, channel)}`;
  const shortcuts = (store.state.slack.shortcuts ?? []).map((each) => ({
    ...option(each.callback_id, each.name, each.description),
    run: () =>
      act("shortcut", { channel: channel.id, ts: message.ts, shortcut: each.callback_id }, id),
  }));
  const replying = {
    ...option("reply", "Reply in thread"),
    run: () => {
      answered = top.ts;
      store.ui.threads.add(top.ts);
      redraw();
    },
  };
  const linking = {
    ...option("link", "Copy link", "Into the message box"),
    run: () => {
      const box = document.querySelector(".composer:not(.is-thread) input");
      box.value = `${box.value} ${message.permalink}`.trim();
      box.focus();
    },
  };
  return menu({
    id,
    label: "Message actions", // the menu of a card is called "More actions" by Slack, too
    dots: "⋮",
    look: "message-actions",
    options: [replying, message.permalink && linking, ...shortcuts].filter(Boolean),
    busy: store.ui.busy.has(id),
    choose: ({ run }) => run(),
  });
}

const option = (value, words, about) => ({
  value,
  text: { text: words },
  description: about && { text: about },
});

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

// A message that only one person sees is the bot's, too: its `user` is that person.
const writer = (message) => (message.isWhisper ? botUser() : author(message));

const botUser = () => store.state.slack.users[store.state.slack.bot];

/** Draw the square with a person's initials. */
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

function thread(message, channel) {
  const { threads, whispers: told } = store.ui;
  const mine = whispers(channel).filter((each) => each.thread_ts === message.ts);
  for (const each of mine) {
    if (!told.has(each.ts)) threads.add(message.ts);
    told.add(each.ts);
  }
  const isOpen = threads.has(message.ts);
  const all = inOrder(message.thread ?? [], mine);
  const toggle = () => {
    if (isOpen) threads.delete(message.ts);
    else threads.add(message.ts);
    redraw();
  };
  return [
    all.length > 0 &&
      h(
        "button",
        {
          type: "button",
          class: "thread-toggle",
          "aria-expanded": String(isOpen),
          on: { click: toggle },
        },
        h("strong", null, `${all.length} ${all.length === 1 ? "reply" : "replies"}`),
        h("span", null, isOpen ? "Hide thread" : `Last ${within(Number(all.at(-1).ts) * 1000)}`),
      ),
    isOpen &&
      h(
        "div",
        { class: "thread" },
        h(
          "ol",
          null,
          all.map((each) => reply(each, channel)),
        ),
        composer(channel, message.ts),
      ),
  ];
}

/** Draw the box for a message to the channel, or for a reply in a thread. */
function composer(channel, thread = null) {
  const busy = thread ? `say-${thread}` : "say";
  const send = async (event) => {
    event.preventDefault();
    const field = event.target.elements.text;
    if (!field.value.trim()) return;
    const said = { channel: channel.id, text: field.value };
    if (!(await act("say", thread ? { ...said, thread_ts: thread } : said, busy))) return;
    field.value = "";
    if (!thread) scrollToEnd();
  };
  const name = channel.is_im ? "Message SSAT bot" : `Message #${channel.name}, or type /ssat`;
  const label = thread ? "Reply…" : name;
  const focus = (element) => {
    if (!thread || answered !== thread) return;
    answered = null;
    element.focus();
  };
  return h(
    "form",
    { class: thread ? "composer is-thread" : "composer", on: { submit: send } },
    h("input", {
      name: "text",
      autocomplete: "off",
      placeholder: label,
      "aria-label": label,
      hook: focus,
    }),
    h(
      "button",
      { type: "submit", class: "button primary", ...waiting(store.ui.busy.has(busy)) },
      "Send",
    ),
  );
}
