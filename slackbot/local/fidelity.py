"""What the stand-ins enforce of the platforms' rules, each with its source, and what they do not.

`python -m slackbot.local.fidelity` prints the table of `docs/local.md`.
"""

import re
from dataclasses import dataclass
from typing import Literal

Platform = Literal["Slack", "GitLab", "PagerDuty"]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule of a platform, as its stand-in enforces it.

    `meets` finds the titles of the exchanges that the rule is about; the first rule that fits is
    the main one of an exchange. `broken` finds the rule in the words with which the stand-in
    records what the bot did wrong.
    """

    platform: Platform
    words: str
    source: str
    meets: str = ""
    broken: str = ""


@dataclass(frozen=True, kw_only=True)
class Met:
    """A rule as one exchange met it."""

    words: str
    source: str
    kept: bool


_SLACK = "https://docs.slack.dev"
_METHODS = f"{_SLACK}/reference/methods"
_GITLAB = "https://docs.gitlab.com"
_GITLAB_SOURCE = "https://gitlab.com/gitlab-org/gitlab/-/blob/master"
_PAGERDUTY = "https://developer.pagerduty.com/api-reference/"


def _slack(words: str, source: str, meets: str = "", broken: str = "") -> Rule:
    return Rule(platform="Slack", words=words, source=source, meets=meets, broken=broken)


def _gitlab(words: str, source: str, meets: str = "", broken: str = "") -> Rule:
    return Rule(platform="GitLab", words=words, source=source, meets=meets, broken=broken)


def _pagerduty(words: str, meets: str = "", broken: str = "") -> Rule:
    return Rule(platform="PagerDuty", words=words, source=_PAGERDUTY, meets=meets, broken=broken)


RULES = (
    # Slack: calls of the Web API
    _slack(
        "`chat.postMessage`: one message a second in a channel, with a burst of 5. At most 50 "
        "blocks, each valid. A text for notifications beside the blocks.",
        f"{_METHODS}/chat.postMessage",
        meets=r"^chat\.postMessage$",
        broken=r"without a text for notifications|no_text",
    ),
    _slack(
        "`chat.update`: only the bot's own messages. `text` without `blocks` deletes the blocks. "
        "At most 4,000 characters of text.",
        f"{_METHODS}/chat.update",
        meets=r"^chat\.update$",
        broken=r"^chat\.update: msg_too_long",
    ),
    _slack(
        "`chat.delete`: only the bot's own messages. A message with replies leaves a tombstone.",
        f"{_METHODS}/chat.delete",
        meets=r"^chat\.delete$",
    ),
    _slack(
        "`chat.postEphemeral`: only to a member of the channel. The message can't be found again.",
        f"{_METHODS}/chat.postEphemeral",
        meets=r"^chat\.postEphemeral$",
    ),
    _slack(
        "`chat.unfurl`: the link stands in the message, the app has `links:write`, the blocks are "
        "valid. Only links to the registered domains are shared with the bot.",
        f"{_METHODS}/chat.unfurl",
        meets=r"^chat\.unfurl$",
        broken=r"cannot_unfurl|missing_unfurls|missing_channel|missing_ts|invalid_unfurls",
    ),
    _slack(
        "`views.open`: a `trigger_id` opens one view, within 3 seconds (real time).",
        f"{_METHODS}/views.open",
        meets=r"^views\.open$",
        broken=r"(invalid|exchanged|expired)_trigger_id",
    ),
    _slack(
        "`views.push`: at most 3 views lie on each other.",
        f"{_METHODS}/views.push",
        meets=r"^views\.push$",
        broken=r"push_limit_reached",
    ),
    _slack(
        "`views.update`: `view_id` or `external_id`; an outdated `hash` is refused "
        "(`hash_conflict`). Values of inputs that stay are kept.",
        f"{_METHODS}/views.update",
        meets=r"^views\.update$",
    ),
    _slack(
        "`views.publish`: Home must be switched on; an outdated `hash` is refused "
        "(`hash_conflict`). A view has at most 250 kB.",
        f"{_METHODS}/views.publish",
        meets=r"^views\.publish$",
        broken=r"not_enabled|view_too_large",
    ),
    _slack(
        "`conversations.history`, `conversations.replies`: only in channels that the bot is in, "
        "with the history scope for that kind of channel. Newest first, in pages. Metadata only "
        "when asked for.",
        f"{_METHODS}/conversations.history",
        meets=r"^conversations\.(history|replies)$",
        broken=r"invalid_ts_oldest",
    ),
    _slack(
        "`conversations.list`, `users.conversations`, `users.list`: in pages with `limit` and "
        "`cursor`; `types` needs the read scope of each type.",
        f"{_SLACK}/apis/web-api/pagination",
        meets=r"^(conversations\.(list|members)|users\.(list|conversations))$",
        broken=r"invalid_(limit|cursor|types)",
    ),
    _slack(
        "`conversations.*` take ids, not names. A private channel that the bot isn't in is hidden "
        "(`channel_not_found`). No post to an archived channel.",
        f"{_METHODS}/conversations.info",
        meets=r"^conversations\.",
        broken=r"channel_not_found|method_not_supported_for_channel_type",
    ),
    _slack(
        "`users.info` tells guests, deactivated people and people of another workspace (Slack "
        "Connect) apart; a workspace of the own organization is not another one.",
        f"{_METHODS}/users.info",
        meets=r"^users\.info$",
    ),
    _slack(
        "`users.lookupByEmail` and emails in profiles need `users:read.email`; deactivated people "
        "are not found.",
        f"{_METHODS}/users.lookupByEmail",
        meets=r"^users\.",
    ),
    _slack(
        "`usergroups.*`: disabled groups only with `include_disabled`, members only with "
        "`include_users`.",
        f"{_METHODS}/usergroups.users.list",
        meets=r"^usergroups\.",
    ),
    _slack(
        "Files: announce the length, upload exactly that, then complete, each file once. "
        "Alternative text of at most 1,000 characters.",
        f"{_SLACK}/messaging/working-with-files",
        meets=r"^(files\..*|upload)$",
        broken=r"^upload: |alt_txt_too_large|file_not_found",
    ),
    _slack(
        "`apps.connections.open`: app-level token only; the address opens one connection.",
        f"{_METHODS}/apps.connections.open",
        meets=r"^apps\.connections\.open$",
    ),
    _slack(
        "`blocks.validate`: exactly one of `blocks`, `message`, `view`; each error with a JSON "
        "pointer.",
        f"{_METHODS}/blocks.validate",
        meets=r"^blocks\.validate$",
        broken=r"^blocks\.validate: ",
    ),
    _slack(
        "`apps.manifest.validate`: configuration token only; required fields, no unknown ones, "
        "lengths, numbers of items, request URLs or Socket Mode, and the scopes that events and "
        "features need.",
        f"{_SLACK}/reference/app-manifest",
        meets=r"^apps\.manifest\.validate$",
        broken=r"^apps\.manifest\.validate: ",
    ),
    _slack(
        "`response_url`: at most 5 answers, within 30 minutes (real time).",
        f"{_SLACK}/interactivity/handling-user-interaction#message_responses",
        meets=r"^response_url$",
        broken=r"(used|expired|invalid)_url",
    ),
    # Slack: what it sends to the bot
    _slack(
        "Menus that ask the bot for their options (`block_suggestion`) get `options` or "
        "`option_groups` in the acknowledgment.",
        f"{_SLACK}/reference/block-kit/block-elements/select-menu-element",
        meets=r"^block_suggestion\b",
        broken=r"answered without options",
    ),
    _slack(
        "Acknowledging a submission: `errors` are keyed by the `block_id` of an input; `update`, "
        "`push` or `clear` change the views; anything else closes the view.",
        f"{_SLACK}/surfaces/modals",
        meets=r"^view_submission\b",
        broken=r"^view_submission: (?!no ack|answered)",
    ),
    _slack(
        "`view_closed` is sent only for views with `notify_on_close`.",
        f"{_SLACK}/reference/interaction-payloads/view-interactions-payload",
        meets=r"^view_closed\b",
    ),
    _slack(
        "Events are acknowledged within 3 seconds, and can come twice under one `event_id`.",
        f"{_SLACK}/apis/events-api",
        meets=r"^event ",
    ),
    _slack(
        "Clicks, choices, submissions, shortcuts and commands are acknowledged within 3 seconds, "
        "with status 200.",
        f"{_SLACK}/interactivity/handling-user-interaction",
        meets=r"^(block_actions|message_action|shortcut)\b|^/",
        broken=r"no ack within|: answered \d+$",
    ),
    _slack(
        "Requests to the bot are signed with its signing secret and a timestamp.",
        f"{_SLACK}/authentication/verifying-requests-from-slack",
    ),
    _slack(
        "Socket Mode: at most 10 connections; each envelope goes to one of them; a client is asked "
        "to reconnect; an acknowledgment may come over the new connection.",
        f"{_SLACK}/apis/events-api/using-socket-mode",
        broken=r"^Socket Mode: ",
    ),
    # Slack: for every call
    _slack(
        "Rate limits per method, by its tier (1, 20, 50 or 100 a minute), with `Retry-After` "
        "(real time).",
        f"{_SLACK}/apis/web-api/rate-limits",
        broken=r"ratelimited",
    ),
    _slack(
        "Tokens: none, unknown, revoked, of the wrong type, or without the scope that a method "
        "needs (`missing_scope`). Scopes are told in `x-oauth-scopes`.",
        f"{_SLACK}/authentication/tokens",
        meets=r"^[a-z]+\.[a-zA-Z.]+$",
        broken=r"missing_scope|not_authed|invalid_auth|not_allowed_token_type|token_revoked",
    ),
    _slack(
        "Methods that don't exist (`unknown_method`), and arguments that are missing or of the "
        "wrong type (`invalid_arguments`).",
        f"{_SLACK}/apis/web-api",
        broken=r"unknown_method|missing required field: \w+$|must be an integer$|is not JSON$",
    ),
    _slack(
        "Message metadata: `event_type` and `event_payload`, at most 16 kB, whole or not at all.",
        f"{_SLACK}/messaging/message-metadata",
        broken=r"invalid_metadata_format|metadata_too_large",
    ),
    _slack(
        "At most 40,000 characters of text in a message.",
        f"{_SLACK}/changelog/2018-04-truncating-really-long-messages",
        broken=r"msg_too_long",
    ),
    # Slack: Block Kit
    _slack(
        "Fewer than about 12,000 characters over all blocks of a message (`msg_blocks_too_long`); "
        "here 11,340, the largest number that was seen to pass.",
        "https://github.com/slackapi/bolt-js/issues/2509",
        broken=r"msg_blocks_too_long",
    ),
    _slack(
        "Charts and tables: in messages only; at most 2 charts; points match the categories; "
        "rows of equal length.",
        f"{_SLACK}/reference/block-kit/blocks/data-visualization-block",
        broken=r"data_visualization|data_table|tables must|categories|all rows must",
    ),
    _slack(
        "Views: a title of at most 24 characters, `submit` where there are inputs, at most 100 "
        "blocks, `private_metadata` of at most 3,000 characters, one `focus_on_load`.",
        f"{_SLACK}/reference/views/modal-views",
        broken=r"json-pointer:/view",
    ),
    _slack(
        "Elements and their limits: texts, options (100 in a select, 5 in an overflow menu), "
        "unique option values, an initial option equal to one on offer, confirm dialogs, "
        "placeholders.",
        f"{_SLACK}/reference/block-kit/block-elements",
        broken=r"option|placeholder|confirm|elements?/\d",
    ),
    _slack(
        "Blocks and their limits: known types for the surface, required fields, no unknown fields, "
        "lengths, unique `block_id` and `action_id`.",
        f"{_SLACK}/reference/block-kit/blocks",
        broken=r"invalid_blocks|json-pointer:/blocks|invalid_arguments",
    ),
    _slack(
        "Mentions: what would notify people is found in text and blocks (`<!here>`, `@here` with "
        "`parse`, `<@U…>`, user groups), and shown as a ping.",
        f"{_SLACK}/messaging/formatting-message-text#special-mentions",
    ),
    # GitLab: issues
    _gitlab(
        "`PUT` of an issue: `add_labels` and `remove_labels`, never `labels`, which replaces what "
        "others have set. At least one field. Unknown fields are ignored silently.",
        f"{_GITLAB}/api/issues/",
        meets=r"^PUT /projects/[^/]+/issues/\d+$",
        broken=r"PUT with labels|PUT of an issue|at least one parameter|state_event",
    ),
    _gitlab(
        "A label that the project doesn't have is created silently by `labels` and `add_labels`.",
        f"{_GITLAB}/api/issues/",
        broken=r"created the label",
    ),
    _gitlab(
        "Opening an issue: a title of at most 255 characters, a description of at most 1,000,000. "
        "Labels and assignees of a guest are dropped silently.",
        f"{_GITLAB}/api/issues/#create-an-issue",
        meets=r"^POST /projects/[^/]+/issues$",
        broken=r"POST of an issue|title|description|a second issue",
    ),
    _gitlab(
        "A line that begins with `/` and a command's name is executed, not shown, in notes and "
        "descriptions; not in code, quotes, lists or HTML.",
        f"{_GITLAB}/user/project/quick_actions/",
        meets=r"^POST .*/notes$",
        broken=r"quick action|Could not apply",
    ),
    _gitlab(
        "Notes: not blank, at most 1,000,000 characters; internal notes are for Planners and up; "
        "no reply to a system note.",
        f"{_GITLAB}/api/notes/",
        meets=r"^GET .*/notes(/\d+)?$",
        broken=r"note|Discussion|body is missing",
    ),
    _gitlab(
        "Webhooks of a project: for Maintainers; tokens are never told; another URL drops the "
        "tokens; a new hook wants pushes unless told otherwise; at most 5 tests a minute, which "
        "succeed with 2xx and then enable the hook again; what was sent, at most 20 on a page.",
        f"{_GITLAB}/api/project_webhooks/",
        meets=r"/hooks(/\d+)?(/|$)",
        broken=r"webhook|url is missing|Invalid url|trigger does not|too many times|Ensure the",
    ),
    _gitlab(
        "Threads: each note is in a discussion; a note that gets a reply becomes a thread.",
        f"{_GITLAB}/api/discussions/",
        meets=r"/discussions",
    ),
    _gitlab(
        "Lists of issues: `updated_after` is inclusive; `iids[]`; unknown parameters are ignored "
        "silently; `search` is not for polling.",
        f"{_GITLAB}/api/issues/",
        meets=r"^GET /projects/[^/]+/issues$",
        broken=r"the list of issues ignores|search= on issues|does not have a valid value",
    ),
    _gitlab(
        "Pages by number (`X-Next-Page`, `Link`; no totals beyond 10,000) and by keyset (`Link` "
        "with a cursor); at most 100 on a page.",
        f"{_GITLAB}/api/rest/",
        broken=r"cursor is invalid|page is invalid",
    ),
    _gitlab(
        "Label events and state events: who added or removed which label, closed or reopened; the "
        "label of an event is null once the label is deleted.",
        f"{_GITLAB}/api/resource_label_events/",
        meets=r"/resource_(label|state)_events",
    ),
    _gitlab(
        "What is noted of a change (events, GitLab's own notes) is dated some milliseconds after "
        "it.",
        f"{_GITLAB_SOURCE}/app/services/note_summary.rb",
    ),
    _gitlab(
        "Links of issues: `relates_to` only, once, both readable, at least Guest in both projects.",
        f"{_GITLAB}/api/issue_links/",
        meets=r"/links$",
        broken=r"link",
    ),
    _gitlab(
        "One issue: hidden (404) from those who may not read it, as guests may not read the "
        "confidential issues of others. A moved issue is closed and names its copy.",
        f"{_GITLAB}/user/permissions/",
        meets=r"^GET /projects/[^/]+/issues/\d+$",
    ),
    # GitLab: projects and people
    _gitlab(
        "Labels: a name without a comma, a color, once in a project (409). An archived label stays "
        "on issues, and isn't added to others.",
        f"{_GITLAB}/api/labels/",
        meets=r"/labels$",
        broken=r"[Ll]abel|color is missing|name is missing",
    ),
    _gitlab(
        "Scoped labels (`scope::value`) exclude each other, with Premium; several assignees, too.",
        f"{_GITLAB}/user/project/labels/",
    ),
    _gitlab(
        "Members and roles: changes of issues and labels need Planner or up; an assignee who can't "
        "read the project is dropped silently.",
        f"{_GITLAB}/api/members/",
        meets=r"/members/",
    ),
    _gitlab(
        "Users: emails are found only where they are public, and as a whole.",
        f"{_GITLAB}/api/users/",
        meets=r"^GET /users?\b",
    ),
    _gitlab(
        "Groups: with their projects they have a small rate limit.",
        f"{_GITLAB}/api/groups/",
        meets=r"^GET /groups/",
        broken=r"a group with its projects",
    ),
    _gitlab(
        "Templates: by the exact name of the file.",
        f"{_GITLAB}/api/project_templates/",
        meets=r"/templates/",
    ),
    _gitlab(
        "Projects: private ones are hidden (404) from strangers; a renamed one redirects reads "
        "(302) and refuses changes (405); an archived one, or one without issues, refuses changes "
        "(403).",
        f"{_GITLAB}/api/projects/",
        meets=r"^\w+ /projects/[^/]+$",
        broken=r"^405",
    ),
    _gitlab(
        "Tokens: unknown, revoked or expired (401, from the day `expires_at` in UTC); without the "
        "scope `api` no changes (403).",
        f"{_GITLAB}/user/profile/personal_access_tokens/",
        meets=r"^GET /(personal_access_tokens|version)",
        broken=r"^401|insufficient_scope",
    ),
    _gitlab(
        "OAuth's device grant: a code for 5 minutes, asked about every 5 seconds at most "
        "(`slow_down`); tokens once it is confirmed, and only once.",
        f"{_GITLAB}/api/oauth2/#device-authorization-grant",
        meets=r"^POST /oauth/(authorize_device|token)$",
        broken=r"a device code is asked about|^\d+: (invalid_scope|slow_down|unsupported_grant)",
    ),
    _gitlab(
        "OAuth's tokens: an access token for 2 hours; a refresh token is good for once, and makes "
        "both former tokens void. A confidential application proves itself by its secret.",
        f"{_GITLAB}/api/oauth2/#refresh-token",
        meets=r"^POST /oauth/revoke$",
        broken=r"invalid_client|unauthorized_client",
    ),
    _gitlab(
        "Rights: 403 to those who may see a thing and not change it.",
        f"{_GITLAB}/user/permissions/",
        broken=r"^403",
    ),
    _gitlab(
        "Rate limits: 2,000 requests and 60 notes a minute for each user, with `Retry-After` "
        "(429).",
        f"{_GITLAB}/security/rate_limits/",
        broken=r"^429",
    ),
    # GitLab: hooks
    _gitlab(
        "Hooks: an answer below 300 within 10 seconds, sent once. After 4 failures in a row the "
        "hook pauses (1 minute, doubled, at most a day); after 40 it is disabled.",
        f"{_GITLAB}/user/project/integrations/webhooks/",
        meets=r" Hook$",
        broken=r"failures in a row",
    ),
    _gitlab(
        "Hooks are signed (`webhook-signature` over id, timestamp and body) or carry a secret "
        "token; confidential issues and internal notes have event names of their own.",
        f"{_GITLAB}/user/project/integrations/webhooks/",
    ),
    _gitlab(
        "No hook tells that an issue or a label was deleted, or that issues were related.",
        f"{_GITLAB}/user/project/integrations/webhook_events/",
    ),
    _gitlab(
        "A note dates its issue anew at most once a minute.",
        f"{_GITLAB_SOURCE}/app/models/concerns/throttled_touch.rb",
    ),
    # PagerDuty
    _pagerduty(
        "`GET /schedules/{id}`: entries only for a period (`since`, `until`) of at most 3 months, "
        "cut off at its bounds.",
        meets=r"^GET /schedules/[^/]+$",
        broken=r"^400",
    ),
    _pagerduty(
        "`GET /schedules/{id}/users`: everybody on call in the period, with email.",
        meets=r"^GET /schedules/[^/]+/users$",
    ),
    _pagerduty(
        "The API key in `Authorization: Token token=…` (401 without it).", broken=r"^40[13]"
    ),
    _pagerduty(
        "The API's version in `Accept`, and known parameters only; PagerDuty ignores others "
        "silently.",
        broken=r"version in Accept|unknown parameters",
    ),
)

NOT_ENFORCED: tuple[tuple[Platform, str], ...] = (
    ("Slack", "How a client draws: fonts, emoji skin tones, what is folded away as *Show more*."),
    (
        "Slack",
        "Cards, containers, alerts and other new blocks: the bot uses none, so they are refused.",
    ),
    (
        "Slack",
        "What is inside of `slack_file`, conversation filters and rich text as a value.",
    ),
    (
        "Slack",
        "Slack's own retries of events (a test sends them), and its pause after failures.",
    ),
    ("Slack", "The special limits of `conversations.history` for apps outside the Marketplace."),
    (
        "Slack",
        "Installation: OAuth, approval of scopes, distribution, organization-wide deployment.",
    ),
    ("Slack", "Codes of `blocks.validate` beside `failed_constraint`; its special rate limit."),
    ("Slack", "The parts of a manifest for apps that Slack hosts: functions, workflows, and more."),
    (
        "Slack",
        "Followed threads, unread marks, notification preferences, do not disturb.",
    ),
    ("Slack", "Message limits for a whole workspace (several hundred a minute)."),
    ("GitLab", "Markdown is not rendered; `description_html` is the text."),
    (
        "GitLab",
        "Quick actions beyond labels, assignees, state, title, confidentiality: recorded only.",
    ),
    ("GitLab", "Group labels, milestones, epics, weights, time tracking, iterations, boards."),
    ("GitLab", "GraphQL, and work items under addresses other than those of issues."),
    ("GitLab", "Special rate limits of single endpoints, besides that of notes."),
    (
        "GitLab",
        "OAuth beyond the device grant. The page asks who you are, not for a sign-in, and has a "
        "button *Deny* (`access_denied`, RFC 8628), which GitLab's lacks.",
    ),
    ("GitLab", "That a hook's request is sent again by a person (*Resend Request*)."),
    ("PagerDuty", "Layers, overrides and restrictions: a schedule here is a list of turns."),
    ("PagerDuty", "Incidents, services, escalation policies, and rate limits."),
)


def rule_of(platform: Platform, title: str, problem: str | None) -> Met | None:
    """Return the rule that an exchange broke, if there was a problem, or the main one it met."""
    of_platform = [rule for rule in RULES if rule.platform == platform]
    if problem is not None:
        broken = (rule for rule in of_platform if rule.broken and re.search(rule.broken, problem))
        rule = next(broken, None) or _main(of_platform, title)
        return Met(words=problem, source=rule.source if rule else "", kept=False)
    main = _main(of_platform, title)
    return Met(words=main.words.replace("`", ""), source=main.source, kept=True) if main else None


def _main(rules: list[Rule], title: str) -> Rule | None:
    return next((rule for rule in rules if rule.meets and re.search(rule.meets, title)), None)


def table() -> str:
    """Return the two tables of `docs/local.md`, as Markdown."""
    lines = ["| platform | what is enforced | source |", "|---|---|---|"]
    for rule in RULES:
        shown = rule.source.removeprefix("https://").rstrip("/")
        lines.append(f"| {rule.platform} | {rule.words} | [{shown}]({rule.source}) |")
    lines += [
        "",
        "What the stand-ins do not do:",
        "",
        "| platform | what is missing |",
        "|---|---|",
    ]
    lines += [f"| {platform} | {words} |" for platform, words in NOT_ENFORCED]
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
