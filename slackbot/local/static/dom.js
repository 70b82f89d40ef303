// A small virtual DOM: views are functions that return descriptions of elements, and `patch` makes
// the page so with as few changes as it takes. What a person is typing, where the focus is and how
// far a list is scrolled stay as they are, because an element that is still wanted is kept.
//
// Text only ever becomes text nodes and attributes, so no words can turn into markup.

const TEXT = "#text";
const PROPERTIES = new Set(["checked", "disabled", "selected", "value"]);
const OWN = new Set(["hook", "key", "live", "on"]);
const described = new WeakMap();
let hooks = [];

/**
 * Describe an element. Props are attributes, and:
 *   key   tells it from its siblings, so that it is kept when others come and go
 *   on    listeners by event type
 *   hook  called with the element after every patch, and whether it is new
 *   live  keep `value` as described, even if the person has chosen otherwise
 */
export function h(tag, props, ...children) {
  return { tag, props: props ?? {}, children: flatten(children) };
}

function flatten(children) {
  return children
    .flat(Infinity)
    .filter((each) => each !== null && each !== undefined && each !== false && each !== "")
    .map((each) =>
      typeof each === "object" ? each : { tag: TEXT, text: String(each), props: {} },
    );
}

/** Make the children of an element so. */
export function render(parent, descriptions) {
  patch(parent, flatten([descriptions]));
  const due = hooks;
  hooks = [];
  for (const call of due) call();
}

function patch(parent, wanted) {
  const free = new Set(parent.childNodes);
  const nodes = wanted.map((each) => {
    const node = find(free, each);
    if (node) free.delete(node);
    return node ? update(node, each) : create(each);
  });
  for (const node of free) node.remove();
  let place = parent.firstChild;
  for (const node of nodes) {
    if (node === place) place = place.nextSibling;
    else parent.insertBefore(node, place);
  }
}

function find(free, wanted) {
  for (const node of free) {
    const now = described.get(node);
    if (now && now.tag === wanted.tag && now.props.key === wanted.props.key) return node;
  }
  return null;
}

function create(wanted) {
  if (wanted.tag === TEXT) {
    const text = document.createTextNode(wanted.text);
    described.set(text, wanted);
    return text;
  }
  const element = document.createElement(wanted.tag);
  described.set(element, { tag: wanted.tag, props: {}, children: [] });
  return update(element, wanted, true);
}

function update(node, wanted, isNew = false) {
  const before = described.get(node);
  described.set(node, wanted);
  if (wanted.tag === TEXT) {
    if (before.text !== wanted.text) node.data = wanted.text;
    return node;
  }
  listen(node, wanted.props.on ?? {});
  patch(node, wanted.children);
  // After the children: the value of a select needs its options.
  for (const name of new Set([...Object.keys(before.props), ...Object.keys(wanted.props)])) {
    if (OWN.has(name)) continue;
    const value = wanted.props[name];
    if (value !== before.props[name]) set(node, name, value);
    else if (name === "value" && wanted.props.live && node.value !== value) node.value = value;
  }
  if (wanted.props.hook) hooks.push(() => wanted.props.hook(node, isNew));
  return node;
}

function set(node, name, value) {
  if (PROPERTIES.has(name)) node[name] = value ?? (name === "value" ? "" : false);
  else if (value === null || value === undefined || value === false) node.removeAttribute(name);
  else node.setAttribute(name, value === true ? "" : String(value));
}

function listen(node, handlers) {
  node.heard ??= new Set();
  for (const type of Object.keys(handlers)) {
    if (node.heard.has(type)) continue;
    node.heard.add(type);
    node.addEventListener(type, (event) => described.get(node).props.on?.[type]?.(event));
  }
}
