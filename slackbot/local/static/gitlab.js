// The right side: the issue of the card as it stands in GitLab, and what people do there.

import { h } from "./dom.js";
import { markdown } from "./markdown.js";
import { act, me, set, store } from "./store.js";
import { exact, within } from "./time.js";

/** Draw the issue that is open. */
export function gitlabPane() {
  const { gitlab, down } = store.state;
  const issue = gitlab.issues.find((each) => each.iid === store.ui.issue);
  return h(
    "section",
    {
      key: "gitlab",
      class: "pane gitlab",
      "aria-label": "GitLab",
      "data-shown": String(store.ui.pane === "gitlab"),
    },
    h(
      "header",
      { class: "pane-header" },
      h("span", { class: "project" }, gitlab.project.replaceAll("/", " / ")),
      picker(gitlab.issues, issue),
    ),
    down.gitlab
      ? h(
          "div",
          { key: "down", class: "bad-gateway" },
          h("h2", null, "502"),
          h("p", null, "Whoops, GitLab is taking too much time to respond."),
          h(
            "p",
            { class: "hint" },
            "The bot goes on: choices are recorded, and reach GitLab when it is back.",
          ),
        )
      : h(
          "div",
          { key: "issue", class: "issue" },
          issue ? page(issue) : h("p", { class: "hint" }, "No issue is open."),
        ),
  );
}

function picker(issues, issue) {
  const pick = (event) => set({ issue: Number(event.target.value), editing: null });
  const newestFirst = [...issues].reverse();
  return h(
    "select",
    {
      class: "picker",
      "aria-label": "Issue",
      value: String(issue?.iid ?? ""),
      live: true,
      on: { change: pick },
    },
    newestFirst.map((each) =>
      h(
        "option",
        { key: each.iid, value: String(each.iid) },
        `#${each.iid} ${each.title}${each.state === "closed" ? " (closed)" : ""}`,
      ),
    ),
  );
}

function page(issue) {
  const account = me().gitlab;
  const isOpen = issue.state === "opened";
  const isEditing = store.ui.editing === issue.iid;
  return h(
    "div",
    { key: issue.iid, class: "issue-page" },
    h(
      "p",
      { class: "issue-state" },
      h(
        "span",
        { class: isOpen ? "badge is-open" : "badge is-closed" },
        isOpen ? "Open" : "Closed",
      ),
      issue.confidential && h("span", { class: "badge is-confidential" }, "Confidential"),
      h(
        "span",
        null,
        `#${issue.iid} · opened `,
        h(
          "time",
          { title: exact(Date.parse(issue.created_at)) },
          within(Date.parse(issue.created_at)),
        ),
        ` by ${issue.author}`,
      ),
    ),
    isEditing ? editor(issue) : words(issue, account),
    !account &&
      h(
        "p",
        { class: "notice" },
        `${me().name} has no account in this GitLab, so can only read here.`,
      ),
    attributes(issue, account),
    h("h3", null, "Activity"),
    h("ol", { class: "activity" }, issue.activity.map(entry)),
    account && commentForm(issue),
  );
}

const change = (issue, body, busy) =>
  act("issue", { iid: issue.iid, ...body }, busy ?? `issue-${issue.iid}`);

function words(issue, account) {
  return h(
    "div",
    { key: "words" },
    h(
      "div",
      { class: "title" },
      h("h2", null, issue.title),
      account &&
        h(
          "button",
          {
            type: "button",
            class: "button small",
            on: { click: () => set({ editing: issue.iid }) },
          },
          "Edit",
        ),
    ),
    h("div", { class: "description" }, markdown(issue.description)),
  );
}

function editor(issue) {
  const stop = () => set({ editing: null });
  const save = async (event) => {
    event.preventDefault();
    const { title, description } = event.target.elements;
    if (await change(issue, { title: title.value, description: description.value })) stop();
  };
  const fill = (value) => (field, isNew) => {
    if (isNew) field.value = value;
  };
  return h(
    "form",
    { key: "editor", class: "editor", on: { submit: save } },
    h("label", { for: "edit-title" }, "Title"),
    h("input", {
      id: "edit-title",
      name: "title",
      required: true,
      maxlength: 255,
      hook: fill(issue.title),
    }),
    h("label", { for: "edit-description" }, "Description"),
    h("textarea", {
      id: "edit-description",
      name: "description",
      rows: 10,
      hook: fill(issue.description),
    }),
    h(
      "p",
      { class: "buttons" },
      h("button", { type: "submit", class: "button primary" }, "Save changes"),
      h("button", { type: "button", class: "button", on: { click: stop } }, "Cancel"),
    ),
  );
}

// What stands beside the words

function attributes(issue, account) {
  return h(
    "dl",
    { class: "attributes" },
    h(
      "div",
      null,
      h("dt", null, h("label", { for: "assignee" }, "Assignee")),
      h("dd", null, assignee(issue, account)),
    ),
    h(
      "div",
      null,
      h("dt", null, "Labels"),
      h(
        "dd",
        null,
        issue.labels.map((name) => label(name, issue, account)),
        account && labelPicker(issue),
      ),
    ),
  );
}

function assignee(issue, account) {
  const assign = (event) =>
    change(issue, { assignees: event.target.value ? [event.target.value] : [] });
  const isOther = issue.assignees.length > 1;
  const value = isOther ? issue.assignees.join() : (issue.assignees[0] ?? "");
  return h(
    "select",
    { id: "assignee", value, live: true, disabled: !account, on: { change: assign } },
    h("option", { key: "", value: "" }, "Nobody"),
    store.state.gitlab.members.map((each) =>
      h("option", { key: each.username, value: each.username }, `${each.name} (@${each.username})`),
    ),
    isOther &&
      h("option", { key: value, value }, issue.assignees.map((each) => `@${each}`).join(", ")),
  );
}

function label(name, issue, account) {
  const known = store.state.gitlab.labels.find((each) => each.name === name);
  const scoped = name.includes("::");
  const cut = name.lastIndexOf("::");
  const colour = (element) => element.style.setProperty("--label", known?.colour ?? "#666");
  const remove = () => change(issue, { remove: [name] });
  return h(
    "span",
    {
      key: name,
      class: scoped ? "label is-scoped" : "label",
      title: known?.description || null,
      hook: colour,
    },
    scoped
      ? [
          h("span", { class: "scope" }, name.slice(0, cut)),
          h("span", { class: "value" }, name.slice(cut + 2)),
        ]
      : h("span", { class: "value" }, name),
    account &&
      h(
        "button",
        { type: "button", class: "remove", "aria-label": `Remove ${name}`, on: { click: remove } },
        "✕",
      ),
  );
}

function labelPicker(issue) {
  const others = store.state.gitlab.labels.filter((each) => !issue.labels.includes(each.name));
  const add = (event) => {
    const name = event.target.value;
    event.target.value = "";
    if (name) change(issue, { add: [name] });
  };
  return h(
    "select",
    {
      key: "add",
      class: "add-label",
      "aria-label": "Add a label",
      value: "",
      live: true,
      on: { change: add },
    },
    h("option", { key: "", value: "" }, "Add a label…"),
    others.map((each) => h("option", { key: each.name, value: each.name }, each.name)),
  );
}

// What was said and done

function entry({ id, who, at, kind, body }) {
  const when = h("time", { title: exact(Date.parse(at)) }, within(Date.parse(at)));
  if (kind === "system") {
    return h(
      "li",
      { key: id, class: "event" },
      h("div", null, h("strong", null, who), " ", markdown(body), " ", when),
    );
  }
  return h(
    "li",
    { key: id, class: kind === "internal" ? "note is-internal" : "note" },
    h(
      "p",
      { class: "note-header" },
      h("strong", null, who),
      kind === "internal" && h("span", { class: "badge is-confidential" }, "Internal note"),
      when,
    ),
    h("div", { class: "note-body" }, markdown(body)),
  );
}

function commentForm(issue) {
  const busy = `comment-${issue.iid}`;
  const isOpen = issue.state === "opened";
  const send = async (event) => {
    event.preventDefault();
    const { text, internal } = event.target.elements;
    if (
      await act("comment", { iid: issue.iid, text: text.value, internal: internal.checked }, busy)
    )
      text.value = "";
  };
  const toggle = () => change(issue, { state_event: isOpen ? "close" : "reopen" });
  return h(
    "form",
    { key: "comment", class: "comment", on: { submit: send } },
    h("label", { for: "comment-text" }, `Comment as @${me().gitlab}`),
    h("textarea", {
      id: "comment-text",
      name: "text",
      rows: 3,
      placeholder: "Write a comment; quick actions such as /close work",
    }),
    h(
      "label",
      { class: "choice" },
      h("input", { type: "checkbox", name: "internal" }),
      h("span", null, "Internal note"),
    ),
    h(
      "p",
      { class: "buttons" },
      h(
        "button",
        { type: "submit", class: "button primary", disabled: store.ui.busy.has(busy) },
        "Comment",
      ),
      h(
        "button",
        {
          type: "button",
          class: "button",
          disabled: store.ui.busy.has(`issue-${issue.iid}`),
          on: { click: toggle },
        },
        isOpen ? "Close issue" : "Reopen issue",
      ),
    ),
  );
}
