// The right side: the issue of the card as it stands in GitLab, and what people do there.

import { h } from "./dom.js";
import { markdown } from "./markdown.js";
import { act, isOn, me, ready, set, store } from "./store.js";
import { exact, within } from "./time.js";

const VIEWS = { new: newIssue, labels: labelList };

/** Draw the issue that is open, the form for a new one, or the project's labels. */
export function gitlabPane() {
  const { gitlab } = store.state;
  const { ui } = store;
  const project = ui.project ?? gitlab.project;
  const issue = gitlab.issues.find((each) => each.iid === ui.issue && each.project === project);
  return h(
    "section",
    {
      key: "gitlab",
      class: "pane gitlab",
      "aria-label": "GitLab",
      "data-shown": String(ui.pane === "gitlab"),
      "data-side": String(ui.side === "gitlab"),
    },
    h(
      "header",
      { class: "pane-header" },
      picker(gitlab, issue),
      opener("new", "New issue"),
      opener("labels", "Labels"),
    ),
    isOn("gitlab-down")
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
          { key: ui.gitlab, class: "issue" },
          VIEWS[ui.gitlab]?.() ??
            (issue ? page(issue) : h("p", { class: "hint" }, "No issue is open.")),
        ),
  );
}

function opener(view, words) {
  const isOpen = store.ui.gitlab === view;
  return h(
    "button",
    {
      key: view,
      type: "button",
      class: "button small",
      "aria-pressed": String(isOpen),
      on: { click: () => set({ gitlab: isOpen ? "issue" : view }) },
    },
    words,
  );
}

const reference = ({ iid, project }) => `${project}#${iid}`;

function picker({ issues, projects }, issue) {
  const pick = (event) => {
    const picked = issues.find((each) => reference(each) === event.target.value);
    show(picked);
  };
  const option = (each) =>
    h(
      "option",
      { key: reference(each), value: reference(each) },
      `#${each.iid} ${each.title}${stateOf(each)}`,
    );
  return h(
    "select",
    {
      key: "picker",
      class: "picker",
      "aria-label": "Issue",
      value: issue ? reference(issue) : "",
      live: true,
      on: { change: pick },
    },
    projects.map((path) =>
      h(
        "optgroup",
        { key: path, label: path },
        issues
          .filter((each) => each.project === path)
          .reverse()
          .map(option),
      ),
    ),
  );
}

function stateOf({ state, moved_to: to }) {
  if (to) return " (moved)";
  return state === "closed" ? " (closed)" : "";
}

const show = ({ iid, project }) => set({ issue: iid, project, editing: null });

function page(issue) {
  const account = me().gitlab;
  const isOpen = issue.state === "opened";
  const isEditing = store.ui.editing === issue.iid;
  return h(
    "div",
    { key: reference(issue), class: "issue-page" },
    h("p", { class: "project" }, issue.project.replaceAll("/", " / ")),
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
    issue.moved_to && moved(issue.moved_to),
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
    account && !issue.moved_to && store.state.gitlab.projects.length > 1 && mover(issue),
  );
}

const change = (issue, body, busy) =>
  act(
    "issue",
    { iid: issue.iid, project: issue.project, ...body },
    busy ?? `issue-${reference(issue)}`,
  );

function moved(address) {
  const heir = store.state.gitlab.issues.find((each) => each.web_url === address);
  return h(
    "p",
    { class: "notice" },
    "This issue was moved to ",
    heir
      ? h(
          "button",
          { type: "button", class: "quiet", on: { click: () => show(heir) } },
          reference(heir),
        )
      : address,
    ".",
  );
}

function mover(issue) {
  const others = store.state.gitlab.projects.filter((path) => path !== issue.project);
  const move = (event) => {
    event.preventDefault();
    act("move", { iid: issue.iid, project: event.target.elements.project.value });
  };
  return h(
    "form",
    { key: "move", class: "move", on: { submit: move } },
    h("label", { for: "move-to" }, "Move to"),
    h(
      "select",
      { id: "move-to", name: "project" },
      others.map((path) => h("option", { key: path, value: path }, path)),
    ),
    h(
      "button",
      { type: "submit", class: "button", disabled: store.ui.busy.has("move") },
      "Move issue",
    ),
  );
}

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
  const remove = () => change(issue, { remove: [name] });
  return h(
    "span",
    {
      key: name,
      class: scoped ? "label is-scoped" : "label",
      title: known?.description || null,
      hook: inColor(known?.color ?? "#666666"),
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

/** Return what gives a label its color, and black or white words on it: whichever is read better. */
function inColor(color) {
  const [red, green, blue] = [1, 3, 5]
    .map((at) => parseInt(color.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  const isLight = 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179;
  return ({ style }) => {
    style.setProperty("--label", color);
    style.setProperty("--on-label", isLight ? "#000" : "#fff");
  };
}

function labelPicker(issue) {
  const others = store.state.gitlab.labels.filter(
    (each) => !each.archived && !issue.labels.includes(each.name),
  );
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
  const busy = `comment-${reference(issue)}`;
  const isOpen = issue.state === "opened";
  const send = async (event) => {
    event.preventDefault();
    const { text, internal } = event.target.elements;
    if (
      await act(
        "comment",
        {
          iid: issue.iid,
          project: issue.project,
          text: text.value,
          internal: internal.checked,
        },
        busy,
      )
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
          disabled: store.ui.busy.has(`issue-${reference(issue)}`),
          on: { click: toggle },
        },
        isOpen ? "Close issue" : "Reopen issue",
      ),
    ),
  );
}

// The project

function labelList() {
  const account = me().gitlab;
  return h(
    "div",
    { class: "issue-page" },
    h("h2", null, "Labels"),
    h(
      "p",
      { class: "hint" },
      "An archived label stays on its issues, and can't be chosen any longer.",
    ),
    h("ul", { class: "label-list" }, store.state.gitlab.labels.map(labelRow(account))),
  );
}

function labelRow(account) {
  return ({ name, description, archived }) => {
    const busy = `label-${name}`;
    const words = archived ? "Restore" : "Archive";
    return h(
      "li",
      { key: name },
      h(
        "div",
        null,
        label(name, null, false),
        archived && h("span", { class: "badge is-archived" }, "Archived"),
        h("p", { class: "hint" }, description),
      ),
      account &&
        h(
          "button",
          {
            type: "button",
            class: "button small",
            "aria-label": `${words} ${name}`,
            disabled: store.ui.busy.has(busy),
            on: { click: () => act("label", { name, archived: !archived }, busy) },
          },
          words,
        ),
    );
  };
}

function newIssue() {
  const { labels, members, projects, project } = store.state.gitlab;
  if (!me().gitlab)
    return h(
      "p",
      { class: "notice" },
      `${me().name} has no account in this GitLab, so can only read here.`,
    );
  const save = async (event) => {
    event.preventDefault();
    const values = new FormData(event.target);
    const body = {
      project: values.get("project"),
      title: values.get("title"),
      description: values.get("description"),
      labels: values.getAll("labels"),
      assignees: values.getAll("assignees").filter(Boolean),
    };
    await ready();
    const { issues } = store.state.gitlab;
    const before = issues.filter((each) => each.project === body.project);
    const iid = 1 + Math.max(0, ...before.map((each) => each.iid));
    if (await act("open_issue", body)) show({ iid, project: body.project });
  };
  const field = (id, words, input) => [h("label", { for: id }, words), input];
  const select = (id, name, options) => h("select", { id, name }, options);
  return h(
    "form",
    { key: "new", class: "editor issue-page", on: { submit: save } },
    h("h2", null, "New issue"),
    field(
      "new-project",
      "Project",
      select(
        "new-project",
        "project",
        projects.map((path) =>
          h("option", { key: path, value: path, selected: path === project }, path),
        ),
      ),
    ),
    field(
      "new-title",
      "Title",
      h("input", { id: "new-title", name: "title", required: true, maxlength: 255 }),
    ),
    field(
      "new-description",
      "Description",
      h("textarea", { id: "new-description", name: "description", rows: 6 }),
    ),
    field(
      "new-assignee",
      "Assigned to",
      select("new-assignee", "assignees", [
        h("option", { key: "", value: "" }, "Nobody"),
        members.map((each) => h("option", { key: each.username, value: each.username }, each.name)),
      ]),
    ),
    h(
      "fieldset",
      { class: "choices" },
      h("legend", null, "Labels"),
      labels
        .filter((each) => !each.archived)
        .map(({ name }) =>
          h(
            "label",
            { key: name, class: "choice" },
            h("input", { type: "checkbox", name: "labels", value: name }),
            h("span", null, name),
          ),
        ),
    ),
    h(
      "p",
      { class: "buttons" },
      h(
        "button",
        { type: "submit", class: "button primary", disabled: store.ui.busy.has("open_issue") },
        "Create issue",
      ),
      h(
        "button",
        { type: "button", class: "button", on: { click: () => set({ gitlab: "issue" }) } },
        "Cancel",
      ),
    ),
  );
}
