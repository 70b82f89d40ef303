// What the page knows: the state as the server tells it, and what only this window is about.

const WARNING_SECONDS = 12;

/** Matches a window that shows one pane at a time. */
export const NARROW = matchMedia("(max-width: 820px)");

export const store = {
  state: null,
  isConnected: true,
  ui: {
    me: new URLSearchParams(location.search).get("me") ?? "",
    pane: "slack", // the pane that a narrow window shows
    side: "gitlab", // the pane that a wide window shows beside Slack
    panel: null, // the panel under the bar: "time", "trouble" or "rules"
    channel: null,
    issue: null,
    project: null, // of the issue that is open; null is the feedback project
    gitlab: "issue", // what the GitLab pane shows: "issue", "labels" or "new"
    newBelow: false, // whether something came while somebody read further up
    threads: new Set(),
    open: null, // the key of the menu that is open
    confirm: null, // what is to be confirmed before it is done
    sceneClosed: false, // whether the panel of the scene that was played last is closed
    feedback: false, // whether the form for new feedback is open
    editing: null, // the issue being edited
    busy: new Set(),
    warnings: [],
  },
};

let isDue = false;
let paint = () => {};

/** Say how the page is drawn. */
export function onChange(draw) {
  paint = draw;
}

/** Draw the page again soon. */
export function redraw() {
  if (isDue) return;
  isDue = true;
  queueMicrotask(() => {
    isDue = false;
    paint();
  });
}

/** Change what this window is about. */
export function set(changes) {
  if ("issue" in changes) changes = { project: null, gitlab: "issue", ...changes };
  if (changes.pane && changes.pane !== "slack") changes = { side: changes.pane, ...changes };
  Object.assign(store.ui, changes);
  redraw();
}

/** Tell the person that something did not work. */
export function warn(words) {
  const warning = { id: crypto.randomUUID(), words };
  store.ui.warnings = [...store.ui.warnings.slice(-2), warning];
  setTimeout(() => forget(warning.id), WARNING_SECONDS * 1000);
  redraw();
}

export function forget(id) {
  set({ warnings: store.ui.warnings.filter((each) => each.id !== id) });
}

const waiting = []; // what goes on once the past days have been played

/** Wait until there is everything that one may act on. */
export const ready = async () =>
  store.state.ready || new Promise((resolve) => waiting.push(resolve));

/**
 * Do something as the person whom this window stands for, once the past days have been played.
 * Tells the person what keeps it from being done, and returns whether it was. `busy` names what
 * shows that it is under way.
 */
export async function act(name, body = {}, busy = name) {
  const { ui } = store;
  if (ui.busy.has(busy)) return false;
  ui.busy.add(busy);
  ui.warnings = [];
  redraw();
  const sent = JSON.stringify({ me: ui.me, ...body }); // by whom it was done, whoever looks later
  await ready();
  try {
    const answer = await fetch(`/api/${name}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: sent,
    });
    if (!answer.ok) throw new Error(`answered ${answer.status}`);
    const { problem } = await answer.json();
    if (!problem) return true;
    warn(problem);
  } catch {
    warn("The page's server does not answer as it should. Is it still running?");
  } finally {
    ui.busy.delete(busy);
    redraw();
  }
  return false;
}

/** Return the address of this window with some of its parameters changed; null takes one out. */
export function address(changes) {
  const parameters = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) parameters.delete(name);
    else parameters.set(name, value);
  }
  return parameters.size ? `/?${parameters}` : "/";
}

let stream = null;

/**
 * Follow the news of what one person sees; another window may follow somebody else's. Calls
 * `first` once there is something to see.
 */
export function follow(me, first = () => {}) {
  stream?.close();
  if (me) history.replaceState(null, "", address({ me }));
  let isFirst = true;
  stream = new EventSource(`/api/news?me=${encodeURIComponent(me)}`);
  stream.onmessage = (message) => {
    store.state = JSON.parse(message.data);
    store.isConnected = true;
    store.ui.me = store.state.me;
    if (store.state.ready) for (const goOn of waiting.splice(0)) goOn();
    if (isFirst) first();
    isFirst = false;
    redraw();
  };
  stream.onerror = () => {
    store.isConnected = false;
    redraw();
  };
}

/** The person whom this window stands for. */
export function me() {
  return store.state.people.find((each) => each.id === store.ui.me) ?? store.state.people[0];
}
