// What the page cannot show as Slack would.

import { h } from "./dom.js";

/** Say loudly that there is something that this page does not know. */
export function unknown(json) {
  return h(
    "div",
    { class: "unknown" },
    h("p", null, "This page cannot show: ", h("code", null, json.type ?? "something")),
    h("pre", null, JSON.stringify(json, null, 2)),
  );
}

/** Draw the frame of a picture: the page loads none from other hosts. */
export function picture({ image_url: address, slack_file: file, alt_text: words, title }) {
  const host = URL.canParse(address ?? "") ? new URL(address).host : "a file in Slack";
  return h(
    "figure",
    { class: "foreign" },
    title && h("figcaption", null, title.text),
    h(
      "div",
      { role: "img", "aria-label": words },
      h("strong", null, words),
      h("span", null, `A picture of ${file ? "a file in Slack" : host}, not loaded here`),
    ),
  );
}

/** Draw the frame of a picture beside words. */
export function smallPicture({ alt_text: words }) {
  return h(
    "span",
    { class: "foreign is-small", role: "img", "aria-label": words, title: words },
    "▦",
  );
}
