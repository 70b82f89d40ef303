// Markdown of GitLab and of Slack's `markdown` block. The server parses it, and sends with its state
// the tree of each piece that is shown.

import { h } from "./dom.js";
import { link } from "./links.js";
import { lines } from "./mrkdwn.js";
import { store } from "./store.js";

/** Draw Markdown; as typed, while its tree has not come. */
export function markdown(source) {
  return store.state.markdown?.[source]?.map(draw) ?? lines([source]);
}

function draw(node) {
  if (typeof node === "string") return node;
  const [tag, address, inside] = node;
  const drawn = inside.map(draw);
  return address === null ? h(tag, null, drawn) : link(address, drawn);
}
