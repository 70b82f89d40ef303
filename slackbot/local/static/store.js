// What the page knows: the state as the server tells it, and what only this window is about.

const WARNING_SECONDS = 12;

/** Matches a window that shows one pane at a time. */
export const NARROW = matchMedia("(max-width: 820px)");

/** Return what this window is about at the beginning of each world. */
const atFirst = () => ({
  channel: null,
  issue: null,
  project: null, // of the issue that is open; null is the feedback project
  gitlab: "issue", // what the GitLab pane shows: "issue", "labels" or "new"
  newBelow: false, // whether a message came while the reader was further up
  threads: new Set(), // those that are open
  whispers: new Set(), // those whose threads have been opened for them
  open: null, // the key of the menu that is open
  confirm: null, // what is to be confirmed before it is done
  editing: null, // the issue being edited
  chosen: new Map(), // what the selects of modals hold, by id
  // The inspector's: its exchanges, newest first, how many there were by the state when it last
  // asked for more, and the ids of those whose JSON is shown.
  traffic: { entries: [], counted: 0, opened: new Set(), isAsking: false },
});

export const store = {
  state: null,
  isConnected: true,
  ui: {
    me: new URLSearchParams(location.search).get("me") ?? "",
    pane: "slack", // the pane that a narrow window shows
    side: "gitlab", // the pane that a wide window shows beside Slack
    panel: null, // the panel under the bar: "time", "trouble" or "rules"
    sceneClosed: false, // whether the panel of the scene that was played last is closed
    feedback: false, // whether the form for new feedback is open
    busy: new Set(),
    warnings: [],
    ...atFirst(),
  },
};

let isDue = false;
let draw = () => {};

/** Set how the page is drawn. */
export function onChange(drawing) {
  draw = drawing;
}

/** Draw the page again soon. */
export function redraw() {
  if (isDue) return;
  isDue = true;
  queueMicrotask(() => {
    isDue = false;
    draw();
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

const delayed = []; // what goes on once the past days have been played

/** Wait until there is everything to act on. */
export const ready = async () =>
  store.state.ready || new Promise((resolve) => delayed.push(resolve));

/**
 * Do something as the person whom this window stands for, once the past days have been played.
 * Tells the person what keeps it from being done, and returns whether it was. `busy` names the
 * part of the page that shows that it is under way.
 */
export async function act(name, body = {}, busy = name) {
  const { ui } = store;
  if (ui.busy.has(busy)) return false;
  ui.busy.add(busy);
  ui.warnings = [];
  redraw();
  const sent = JSON.stringify({ me: ui.me, ...body }); // now: later, the window may be about another person
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
 * Follow the news of what one person sees; another window may follow another person's. Calls
 * `first` once there is something to see.
 */
export function follow(me, first = () => {}) {
  stream?.close();
  if (me) history.replaceState(null, "", address({ me }));
  let isFirst = true;
  stream = new EventSource(`/api/news?me=${encodeURIComponent(me)}`);
  stream.onmessage = (message) => {
    const state = JSON.parse(message.data);
    if (state.world !== store.state?.world) Object.assign(store.ui, atFirst());
    store.state = state;
    store.isConnected = true;
    store.ui.me = store.state.me;
    if (store.state.ready) for (const goOn of delayed.splice(0)) goOn();
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

/** Return whether a trouble is switched on. */
export const isOn = (name) =>
  store.state.troubles.some((each) => each.name === name && each.is_on);
