"""What the stand-ins enforce is listed once, with sources, and found again in what they refuse."""

import re
from pathlib import Path

import pytest

from slackbot.local.fidelity import NOT_ENFORCED, RULES, Platform, Rule, rule_of, table

PAGE = Path(__file__).parent.parent.parent / "docs/local.md"
HOSTS = {
    "Slack": ("https://docs.slack.dev/", "https://github.com/slackapi/"),
    "GitLab": ("https://docs.gitlab.com/", "https://gitlab.com/gitlab-org/gitlab/"),
    "PagerDuty": ("https://developer.pagerduty.com/",),
}


def test_the_table_in_the_docs_is_that_of_the_stand_ins() -> None:
    written = PAGE.read_text(encoding="utf-8")
    _, _, after = written.partition("<!-- fidelity -->\n")
    assert after, "docs/local.md marks the table with <!-- fidelity --> and <!-- /fidelity -->"
    shown = after.partition("\n<!-- /fidelity -->")[0]
    expected = table()
    assert shown == expected, f"python -m slackbot.local.fidelity prints it:\n\n{expected}"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.words[:40])
def test_a_rule_has_its_source_on_its_platforms_own_pages(rule: Rule) -> None:
    assert rule.source.startswith(HOSTS[rule.platform])
    assert rule.words.endswith(".")
    assert "|" not in rule.words


def test_no_rule_is_listed_twice() -> None:
    words = [rule.words for rule in RULES] + [words for _, words in NOT_ENFORCED]
    assert len(words) == len(set(words))


@pytest.mark.parametrize(
    ("platform", "title", "words"),
    [
        ("Slack", "chat.postMessage", "one message a second"),
        ("Slack", "chat.update", "text without blocks deletes"),
        ("Slack", "block_actions claim", "within 3 seconds"),
        ("Slack", "/ssat mine", "within 3 seconds"),
        ("Slack", "event link_shared", "event_id"),
        ("Slack", "view_submission contact", "keyed by the block_id"),
        ("Slack", "response_url", "at most 5 answers"),
        ("Slack", "upload", "announce the length"),
        ("Slack", "auth.test", "Tokens"),
        ("GitLab", "PUT /projects/7/issues/3", "add_labels and remove_labels, never labels"),
        ("GitLab", "POST /projects/7/issues", "a title of at most 255"),
        ("GitLab", "POST /projects/7/issues/3/notes", "begins with /"),
        ("GitLab", "GET /projects/7/issues", "updated_after is inclusive"),
        ("GitLab", "GET /projects/7/issues/3", "hidden (404)"),
        ("GitLab", "GET /projects/7/issues/3/resource_label_events", "Label events"),
        ("GitLab", "Issue Hook", "within 10 seconds"),
        ("GitLab", "Confidential Note Hook", "within 10 seconds"),
        ("PagerDuty", "GET /schedules/P1", "at most 3 months"),
    ],
)
def test_an_exchange_names_the_main_rule_that_it_met(
    platform: Platform, title: str, words: str
) -> None:
    met = rule_of(platform, title, None)
    assert met is not None
    assert met.kept
    assert words in met.words


@pytest.mark.parametrize(
    ("platform", "title", "problem", "source"),
    [
        ("Slack", "chat.postMessage", "chat.postMessage: ratelimited (Retry-After: 1)", "rate-lim"),
        (
            "Slack",
            "chat.update",
            "chat.update: invalid_arguments [ERROR] missing required field: ts",
            "apis/web-api",
        ),
        ("Slack", "chat.postMessage", "chat.postMessage: metadata_too_large", "message-metadata"),
        (
            "Slack",
            "chat.postMessage",
            "chat.postMessage: invalid_blocks [ERROR] a type [json-pointer:/blocks/0/type]",
            "block-kit/blocks",
        ),
        ("Slack", "views.open", "views.open: expired_trigger_id", "views.open"),
        (
            "Slack",
            "views.open",
            "views.open: invalid_arguments [ERROR] too long [json-pointer:/view/title/text]",
            "modal-views",
        ),
        ("Slack", "response_url", "response_url: used_url", "message_responses"),
        (
            "Slack",
            "block_actions x",
            "block_actions x: no ack within 3 s",
            "handling-user-interaction",
        ),
        ("Slack", "chat.unfurl", "chat.unfurl: cannot_unfurl_url https://a.example", "chat.unfurl"),
        ("Slack", "users.list", "users.list: missing_scope", "authentication/tokens"),
        (
            "GitLab",
            "PUT /projects/7/issues/3",
            "PUT with labels replaces every label",
            "api/issues",
        ),
        (
            "GitLab",
            "POST /projects/7/issues/3/notes",
            "quick action executed by API: /close",
            "quick_actions",
        ),
        ("GitLab", "GET /user", "401: 401 Unauthorized", "personal_access_tokens"),
        ("GitLab", "PUT /projects/7/issues/3", "403: 403 Forbidden", "permissions"),
        ("GitLab", "GET /user", "429: Retry later", "rate_limits"),
        ("GitLab", "Issue Hook", "Issue Hook: answered 500, 4 failures in a row", "webhooks"),
        ("PagerDuty", "GET /schedules/P1", "/schedules/P1: unknown parameters ['a']", "pagerduty"),
    ],
)
def test_what_was_broken_is_told_with_its_source(
    platform: Platform, title: str, problem: str, source: str
) -> None:
    met = rule_of(platform, title, problem)
    assert met is not None
    assert (met.words, met.kept) == (problem, False)
    assert source in met.source


def test_the_patterns_of_the_rules_are_expressions() -> None:
    for rule in RULES:
        re.compile(rule.meets)
        re.compile(rule.broken)
