// The first minute: what this is, what to try, and scenes that play by themselves.

import { h } from "./dom.js";
import { goTo } from "./focus.js";
import { NARROW, act, address, follow, me, redraw, set, store, warn } from "./store.js";

const FOLDED = "ssat-bot.guide"; // in the browser's storage: "folded" or "open"
// What to try, as the state names it, and the button that does it.
const TRIES = {
  claim: { words: "Claim a request", button: "Claim", how: "on the newest card" },
  label: { words: "Choose a feedback label", button: "Feedback label", how: "on your card" },
  contacted: {
    words: "Say that you contacted them",
    button: "Mark contacted",
    how: "on your card",
  },
};

const areAllTried = () => Object.keys(TRIES).every((name) => store.state.tried[name]);

function isOpen() {
  if (store.ui.panel) return false; // there is room for one of them
  const remembered = localStorage.getItem(FOLDED);
  return remembered ? remembered === "open" : !(NARROW.matches || areAllTried());
}

function fold(isFolded) {
  localStorage.setItem(FOLDED, isFolded ? "folded" : "open");
  set({ panel: null });
}

/** Draw the button that opens and folds the guide. */
export function guideButton() {
  const open = isOpen();
  const done = Object.keys(TRIES).filter((name) => store.state.tried[name]).length;
  return h(
    "button",
    {
      key: "guide",
      type: "button",
      class: "bar-button",
      "aria-expanded": String(open),
      "aria-controls": "guide",
      on: { click: () => fold(open) },
    },
    "Guide",
    h("span", { class: "bar-note is-spare" }, `${done}/${Object.keys(TRIES).length}`),
  );
}

let wereAllTried = true; // as far as this window has seen

/** Draw the guide, and the scene that plays or was played last. */
export function guide() {
  if (areAllTried() && !wereAllTried) localStorage.setItem(FOLDED, "folded");
  wereAllTried = areAllTried();
  const open = isOpen();
  const { scene } = store.state;
  const isShown =
    scene && (scene.is_playing || !(store.ui.sceneClosed || isBeforeAsked(scene)));
  if (store.ui.panel && !isShown) return null;
  return h(
    "section",
    {
      key: "guide",
      id: "guide",
      class: isShown ? "guide has-scene" : "guide",
      "aria-label": "Guide",
    },
    isShown ? [open && scenes(), stage(scene)] : open ? [about(), tries(), scenes()] : folded(),
  );
}

const title = () => h("h2", null, "Try it in a minute");

function what() {
  const { name, role, rights } = me();
  return `ssat-bot posts each customer who asked for a manager's contact into #support_escalations. You are ${name} (${role}). ${rights}`;
}

const folded = () =>
  h("div", { key: "folded", class: "about is-folded" }, title(), h("p", null, what()));

function about() {
  const startOver = () =>
    set({
      confirm: {
        title: { text: "Start over" },
        text: { type: "plain_text", text: "Everything that was done here is forgotten." },
        confirm: { text: "Start over" },
        deny: { text: "Cancel" },
        style: "danger",
        go: async () => {
          if (await act("start_over")) localStorage.removeItem(FOLDED);
        },
      },
    });
  return h(
    "div",
    { key: "about", class: "about" },
    title(),
    h("p", null, what()),
    h("button", { type: "button", class: "quiet", on: { click: startOver } }, "Start over"),
  );
}

function tries() {
  return h(
    "ol",
    { key: "tries", class: "tries", "aria-label": "Three things to try" },
    Object.entries(TRIES).map(([name, { words, button, how }]) => {
      const isDone = store.state.tried[name];
      const go = (event) => {
        event.preventDefault();
        showButton(button);
      };
      return h(
        "li",
        { key: name, class: isDone ? "is-done" : "" },
        h(
          "span",
          { class: "tick", role: "img", "aria-label": isDone ? "Done" : "To do" },
          isDone ? "✓" : "",
        ),
        h(
          "span",
          null,
          h("strong", null, words),
          ": press ",
          h("a", { href: "#", on: { click: go } }, button),
          ` ${how}.`,
        ),
      );
    }),
  );
}

/** Go to the newest button of this name in the channel. */
function showButton(name) {
  const pattern = new RegExp(`^${name}(,|$)`);
  goTo(() => {
    const all = [...document.querySelectorAll("[role=log] article[data-issue] button")];
    const found = all.findLast((each) => pattern.test(each.ariaLabel ?? each.textContent));
    if (!found) warn(`No card here has “${name}” for you now. New feedback brings another card.`);
    return found;
  });
}

// Scenes

const sceneInAddress = () => new URLSearchParams(location.search).get("scene");

let asked = null; // the scene that this window has begun and not seen yet: its name and number

async function play(name) {
  asked = { name, number: (store.state.scene?.number ?? 0) + 1 };
  set({ sceneClosed: false, panel: null, pane: "slack" });
  const isBegun = await act("scene", { name });
  if (!isBegun) asked = null;
  redraw();
  return isBegun;
}

/** Tell whether this is another scene's end, while the one that was asked for has not begun. */
const isBeforeAsked = (scene) => asked !== null && scene.name !== asked.name;

/** Look as the person whom a scene asks for, once, in the window that has begun it. */
export function lookAsAsked() {
  const { scene } = store.state;
  if (!asked || scene?.name !== asked.name || scene.number < asked.number) return;
  asked = null;
  if (scene.me && scene.me !== store.ui.me) follow(scene.me);
}

/** Play the scene of the window's address, unless it is the one that plays or was played last. */
export function openScene() {
  const name = sceneInAddress();
  if (name && store.state.scene?.name !== name) play(name);
  else set({ sceneClosed: !name });
}

addEventListener("popstate", () => {
  const chosen = new URLSearchParams(location.search).get("me") ?? store.state.people[0].id;
  if (chosen !== store.ui.me) follow(chosen);
  openScene();
});

function scenes() {
  const link = ({ name, title: words, about: hint }) => {
    const click = async (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return; // a window of its own
      event.preventDefault();
      if (await play(name)) history.pushState(null, "", address({ scene: name }));
    };
    return h(
      "li",
      { key: name },
      h("a", { href: `/?scene=${name}`, title: hint, on: { click } }, words),
    );
  };
  return h(
    "nav",
    { key: "scenes", class: "scenes", "aria-labelledby": "scenes-title" },
    h("h2", { id: "scenes-title" }, "Watch a scene"),
    h("ul", null, store.state.scenes.map(link)),
  );
}

function stage(scene) {
  const close = () => {
    if (sceneInAddress()) history.pushState(null, "", address({ scene: null }));
    set({ sceneClosed: true });
  };
  const person = store.state.people.find((each) => each.id === scene.me);
  const button = (words, click, props) =>
    h(
      "button",
      { key: words, type: "button", class: "button small", on: { click }, ...props },
      words,
    );
  return h(
    "div",
    { key: "stage", class: "stage", role: "group", "aria-labelledby": "scene-title" },
    h(
      "div",
      null,
      h("h2", { id: "scene-title" }, scene.title),
      h("p", null, scene.about),
      h("p", { class: "doing", role: "status" }, scene.is_playing ? scene.doing : "It is over."),
      scene.problem && h("p", { class: "error" }, scene.problem),
    ),
    scene.look_at.length > 0 &&
      h(
        "div",
        null,
        h("h3", null, "Look at"),
        h(
          "ul",
          null,
          scene.look_at.map((each) => h("li", null, each)),
        ),
      ),
    h(
      "p",
      { class: "buttons" },
      person &&
        person.id !== store.ui.me &&
        button(`Look as ${person.name}`, () => follow(person.id)),
      scene.is_playing
        ? button("Stop", () => act("stop_scene"))
        : button("Play again", () => play(scene.name)),
      button("Close", close),
    ),
  );
}
