// What lies over the page: the bot's modals, confirmations, and the form for new feedback.

import { blocks } from "./blocks.js";
import { waiting } from "./combo.js";
import { h } from "./dom.js";
import { entered } from "./inputs.js";
import { text } from "./mrkdwn.js";
import { act, forget, set, store } from "./store.js";

/** Show a dialog, and begin at its first input. */
function show(element) {
  if (element.open) return;
  element.showModal();
  const first = element.querySelector("[data-first]");
  // The browser would begin with the cross in the corner.
  const input = first ?? element.querySelector(".dialog-body :is(input, textarea, button)");
  (input ?? element.querySelector("footer button:last-child")).focus();
}

/** Draw what lies over the page now. */
export function dialogs() {
  const { ui, state } = store;
  return h(
    "div",
    { key: "dialogs" },
    state.slack.view && modal(state.slack.view),
    ui.confirm && confirmation(ui.confirm),
    ui.feedback && feedback(),
  );
}

/** Return whether something lies over the page; what lies under it can be neither read nor used. */
export function isCovered() {
  const { ui, state } = store;
  return Boolean(state.slack.view || ui.confirm || ui.feedback);
}

/** Draw what did not work, on top of everything. */
export function warnings() {
  return h(
    "div",
    { key: "warnings", class: "warnings", role: "alert" },
    store.ui.warnings.map(({ id, words }) =>
      h(
        "div",
        { key: id, class: "warning" },
        h("p", null, words),
        h(
          "button",
          {
            type: "button",
            class: "icon",
            "aria-label": "Dismiss",
            on: { click: () => forget(id) },
          },
          "✕",
        ),
      ),
    ),
  );
}

function dialog({ key, title, close, submit, busy }, body, ...buttons) {
  const titleId = `title-${key}`;
  const onSubmit = (event) => {
    event.preventDefault();
    submit();
  };
  const onCancel = (event) => {
    // Closing is an act: the dialog goes once it has been done.
    event.preventDefault();
    close();
  };
  return h(
    "dialog",
    {
      key,
      class: "dialog",
      "aria-labelledby": titleId,
      hook: show,
      on: { cancel: onCancel, close },
    },
    h(
      "form",
      { on: { submit: onSubmit }, novalidate: true },
      h(
        "header",
        null,
        h("h2", { id: titleId }, title),
        h(
          "button",
          { type: "button", class: "icon", "aria-label": "Close", on: { click: close } },
          "✕",
        ),
      ),
      h("div", { class: "dialog-body" }, body),
      h(
        "footer",
        null,
        h("p", { class: "wait", role: "status" }, busy && "One moment…"),
        ...buttons,
      ),
    ),
    warnings(),
  );
}

const cancel = (words, close) =>
  h("button", { type: "button", class: "button", on: { click: close } }, words);
const confirm = (words, busy, style = "primary") =>
  h("button", { type: "submit", class: `button ${style}`, ...waiting(busy) }, words);

let complained = "";

function modal(view) {
  const busy = store.ui.busy.has("submit");
  const close = () => act("close_view");
  const submit = async () => {
    await act("submit", { values: entered(view) });
    complained = ""; // the same complaint again is told again
    set({});
  };
  const body = h(
    "div",
    {
      hook: (element) => {
        // When the bot has refused an answer, go to the first one that it complains about.
        const complaint = JSON.stringify([view.id, view.errors]);
        if (complaint === complained) return;
        complained = complaint;
        element.querySelector(".has-error :is(input, textarea, button)")?.focus();
      },
    },
    blocks(view.blocks, { id: view.id, view }),
  );
  return dialog(
    { key: view.id, title: view.title.text, close, submit, busy },
    body,
    cancel(view.close?.text ?? "Cancel", close),
    view.submit && confirm(view.submit.text, busy),
  );
}

function confirmation(asked) {
  const close = () => set({ confirm: null });
  const submit = () => {
    close();
    asked.go();
  };
  return dialog(
    { key: "confirm", title: asked.title.text, close, submit },
    h("p", null, text(asked.text)),
    cancel(asked.deny?.text ?? "Cancel", close),
    confirm(asked.confirm?.text ?? "Yes", false, asked.style),
  );
}

// New feedback

const SENTIMENTS = { negative: "Negative", neutral: "Neutral", positive: "Positive" };

function feedback() {
  const busy = store.ui.busy.has("feedback");
  const close = () => set({ feedback: false });
  const submit = async () => {
    const form = document.querySelector("dialog[open] form");
    const values = new FormData(form);
    const body = {
      sentiment: values.get("sentiment"),
      comment: values.get("comment"),
      contact: values.get("contact") === "yes",
    };
    if (await act("feedback", body)) close();
  };
  const sentiment = (value, words) =>
    h(
      "label",
      { class: "choice" },
      h("input", {
        type: "radio",
        name: "sentiment",
        value,
        hook: (box, isNew) => {
          if (isNew) box.checked = value === "negative";
        },
      }),
      h("span", null, words),
    );
  const contact = h("input", {
    type: "checkbox",
    name: "contact",
    value: "yes",
    hook: (box, isNew) => {
      if (isNew) box.checked = true;
    },
  });
  return dialog(
    { key: "feedback", title: "New feedback", close, submit, busy },
    [
      h(
        "p",
        { class: "hint" },
        "What a customer answers to the survey about a ticket. An automation opens the issue in GitLab and assigns the manager on duty.",
      ),
      h(
        "fieldset",
        { class: "input" },
        h("legend", null, "How was it?"),
        Object.entries(SENTIMENTS).map(([value, words]) => sentiment(value, words)),
      ),
      h(
        "div",
        { class: "input" },
        h("label", { for: "new-comment" }, "Comment"),
        h("textarea", {
          id: "new-comment",
          name: "comment",
          rows: 4,
          hook: (area, isNew) => {
            if (isNew) area.value = "Three people asked me for the same logs.";
          },
        }),
      ),
      h(
        "label",
        { class: "choice" },
        contact,
        h(
          "span",
          null,
          "A manager should contact me",
          h("span", { class: "option-description" }, "Offered with negative feedback only."),
        ),
      ),
    ],
    cancel("Cancel", close),
    confirm("Send feedback", busy),
  );
}
