"""The bot's notes: what they say, that nothing in them acts, and that they are known again."""

import html
import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any, get_args
from urllib.parse import unquote
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from slackbot.local.gitlab import quick_actions
from slackbot.platforms.gitlab.client import IssueChange
from slackbot.platforms.gitlab.snapshot import GitLabUser, Note
from slackbot.rules.decision import (
    WAITS_LIMIT,
    Action,
    AddNote,
    Channel,
    ChooseLabel,
    Claim,
    ClearLabel,
    Close,
    CloseIdle,
    Closing,
    Decision,
    Explain,
    FollowUp,
    Kudos,
    MarkContacted,
    Miss,
    Release,
    Reopen,
    Review,
    TakeOver,
    Tell,
    UndoContacted,
    WaitFor,
)
from slackbot.rules.handbook import TEMPLATE
from slackbot.rules.reading.characters import whole_text
from slackbot.rules.request import IssueKey, Person
from slackbot.sync.writing.notes import (
    Marker,
    decisions_marked,
    marker,
    note_of,
    quote,
    read_marker,
    supplement_of,
    supplemented,
    withdrawal_of,
)
from tests.sync.history import History

BOT = "ssat-bot"
ID = UUID("5b6f6c0e-7d9b-4a0f-9a4e-0f6a8b1c2d3e")
OTHER_ID = UUID("00000000-0000-4000-8000-000000000000")
NOW = datetime(2026, 2, 2, 9, 30, 15, tzinfo=UTC)
AVERY = Person(name="Avery Example", slack_team="T1", slack_user="U1", gitlab="avery")
BLAKE = Person(name="Blake Sample", slack_team="T1", slack_user="U2")


def decided(action: Action, who: Person = AVERY) -> Decision:
    return Decision(id=ID, key=IssueKey(7, 12), by=who, at=NOW, action=action)


def said(action: Action, who: Person = AVERY, replaced: str | None = None) -> str:
    """The note without its marker."""
    note = note_of(decided(action, who), replaced)
    text, _, hidden = note.rpartition("\n\n")
    assert hidden == marker(decided(action, who))
    return text


def marked(body: str) -> UUID | None:
    """The decision that a note is marked with."""
    mark = read_marker(body)
    return mark.decision if mark else None


def contact(text: str | None, channel: Channel = Channel.EMAIL) -> MarkContacted:
    return MarkContacted(channel=channel, text=text, at=NOW)


# --- What they say -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "who", "text"),
    [
        (Claim(), AVERY, "**Claimed** by Avery Example (`@avery`)."),
        # Nobody in GitLab is known for this person: the name has to do.
        (Claim(), BLAKE, "**Claimed** by Blake Sample."),
        (
            TakeOver(holder=AVERY),
            BLAKE,
            "**Taken over** by Blake Sample from Avery Example (`@avery`).",
        ),
        (
            Release(),
            AVERY,
            "**Released** by Avery Example (`@avery`): it is unclaimed now.",
        ),
        (
            ChooseLabel(label="feedback::soft-skills"),
            AVERY,
            "**Feedback label** `feedback::soft-skills` chosen by Avery Example (`@avery`).",
        ),
        (
            contact(None, Channel.CALL),
            AVERY,
            "**Customer contacted** by call by Avery Example (`@avery`) at 2026-02-02 09:30 UTC.",
        ),
        (
            contact("Dear customer,\n\nwe are sorry."),
            BLAKE,
            "**Customer contacted** by email by Blake Sample at 2026-02-02 09:30 UTC.\n\n"
            "> Dear customer,\n>\n> we are sorry.",
        ),
        # Blanks are no text.
        (
            contact(" \n ", Channel.TICKET),
            BLAKE,
            "**Customer contacted** on the Zendesk ticket by Blake Sample at 2026-02-02 09:30 UTC.",
        ),
        (
            ClearLabel(label="feedback::soft-skills"),
            BLAKE,
            "**Feedback label** `feedback::soft-skills` removed by Blake Sample.",
        ),
        (
            UndoContacted(text="Wrong ticket."),
            BLAKE,
            "**The customer was not contacted** after all, says Blake Sample.\n\n> Wrong ticket.",
        ),
        (
            Close(reason=Closing.NOTHING_TO_DO),
            BLAKE,
            "**Closed** by Blake Sample: no action is needed.",
        ),
        (
            Close(reason=Closing.OTHER, text="They have left.\nFor good."),
            BLAKE,
            "**Closed** by Blake Sample: for another reason.\n\n> They have left.\n> For good.",
        ),
        # Where the customer still waits, it says so.
        (
            Close(reason=Closing.UNREACHABLE, leaves_waiting=True),
            BLAKE,
            "**Closed without contact** by Blake Sample: the customer can't be reached.",
        ),
        (Reopen(), BLAKE, "**Reopened** by Blake Sample."),
        (Reopen(text="They replied."), BLAKE, "**Reopened** by Blake Sample.\n\n> They replied."),
        (AddNote(text="They replied."), BLAKE, "**Note** by Blake Sample:\n\n> They replied."),
        (
            WaitFor(text="The fix in 17.9", until=date(2026, 2, 9)),
            BLAKE,
            "**Waiting** until 2026-02-09, says Blake Sample, on:\n\n> The fix in 17.9",
        ),
        (
            Explain(reason=Miss.NOT_SEEN),
            BLAKE,
            "**Why the deadline was missed**, by Blake Sample: nobody saw the request.",
        ),
    ],
)
def test_a_note_says_who_did_what(action: Action, who: Person, text: str) -> None:
    assert said(action, who) == text


def test_a_note_names_the_label_that_was_replaced() -> None:
    text = said(ChooseLabel(label="feedback::b"), replaced="feedback::a")
    assert text.endswith("(`@avery`) (before: `feedback::a`).")


REVIEW = Review(
    summary="Three days without an answer.\nThe fix was known.",
    to_do="Discuss it in the 1:1.",
    contact=True,
)


def test_a_review_is_a_comment_in_the_handbooks_form() -> None:
    assert said(REVIEW, BLAKE) == (
        "**Reviewed** by Blake Sample.\n\n"
        "* **Summary of ticket/feedback:**\n"
        "  > Three days without an answer.\n"
        "  > The fix was known.\n"
        "* **Action to be taken:**\n"
        "  > Discuss it in the 1:1.\n"
        "* **Contact customer to discuss feedback? (Y/N)** Y"
    )


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({"contact": False}, ["* **Contact customer to discuss feedback? (Y/N)** N"]),
        (
            {"tell_csm": True},
            [
                "* **Contact customer to discuss feedback? (Y/N)** Y",
                "* **Make the CSM aware? (Y/N)** Y",
            ],
        ),
        ({"tell_csm": False}, ["* **Make the CSM aware? (Y/N)** N"]),
        ({"to_do": None}, ["* **Action to be taken:**", "  > None"]),
        ({"to_do": ""}, ["* **Action to be taken:**", "  > None"]),
        ({"label": "feedback::a"}, ["**Feedback label** `feedback::a` (before: `feedback::b`)."]),
    ],
)
def test_a_review_answers_each_line_of_the_template(
    changes: dict[str, Any], lines: list[str]
) -> None:
    written = said(replace(REVIEW, **changes), replaced="feedback::b").split("\n")
    assert [each for each in written if each in lines] == lines
    asks_csm = "tell_csm" in changes
    asked = [each for each in written if each.startswith("* **")]
    for line, template in zip(asked, TEMPLATE if asks_csm else TEMPLATE[:-1], strict=True):
        assert line.startswith(f"* **{template}**")


# --- That nothing in them acts -----------------------------------------------------------------

_PIECES = [
    *("\r", "\n", "\r\n", "\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1e", "\x00"),
    *("/close", "/assign @avery", '/label ~"SSAT::Contact"', "/unlabel", " /reopen", "/CLOSE"),
    *("```", "~~~", "````", "    ", "\t", "<!--", "-->", "<pre>", "</pre>", "<div>", "<br>"),
    *("@avery", ".@avery", "-@all", "\\@avery", "\\\\@avery", "a@b.example", "é@avery", "@"),
    *("#1", "group/proj!5", "~bug", '~"two words"', "%v1", "&12", "$7", "^alert#3", "GL-12"),
    *("[issue:1]", "[vulnerability:g/p/2]", "*iteration:3", "g/p@0123abc", "&#35;1", "](", "]: "),
    *("https://gitlab.example.com/g/p/-/issues/1", "www.gitlab.example.com/g/p/issues/1", "[["),
    *("https://docs.example.com/a?b=1&c=2#3", "%69", "**", "_x_"),
    *(">>>", "> ", "- ", "1. ", "* * *", "#", "|", "&lt;", "\\", " ", "word"),
    f'<!-- ssat-bot: {{"decision": "{OTHER_ID}"}} -->',
]
_hostile = st.lists(st.sampled_from(_PIECES) | st.text(max_size=3), max_size=12).map("".join)


@given(_hostile)
@example("/close")
@example("Dear\r/close")
@example("\r\r/close\r\n/assign me")
@example("```\n/close\n```\n/close")
@example("<!--\n/close")
@example(">>>\n/close\n>>>")
def test_no_text_has_a_line_that_is_not_quoted(text: str) -> None:
    quoted = quote(text)
    assert all(line.startswith(">") for line in quoted.splitlines())
    assert all(line.startswith(">") for line in quoted.split("\n"))
    assert "\r" not in quoted


@given(_hostile)
@example("x\n/close")
@example("\r/close\n\n/close")
def test_no_quick_action_in_a_text_is_executed(text: str) -> None:
    note = note_of(decided(contact(text)))
    rest, actions = quick_actions.extract(note)
    assert actions == []
    assert marked(rest) == ID  # and it still is the note of this decision


@given(_hostile, _hostile)
@example("/close", "/assign @avery")
@example("x\n\n/close", "x\n\n    /close")
@example("```", "/close")
@example("", "GL-12```GL-12")
def test_nothing_that_a_person_types_acts_whatever_they_do(text: str, other: str) -> None:
    for action in _typed(text, other):
        note = note_of(decided(action))
        rest, actions = quick_actions.extract(note)
        assert actions == []
        assert marked(rest) == ID
        assert _quoted(note)
        assert references(note.removesuffix(marker(decided(action)))) == []


def _typed(text: str, other: str) -> list[Action]:
    """Everything in which people type."""
    return [
        Review(summary=text, to_do=other, contact=True, tell_csm=True, label="feedback::a"),
        Close(reason=Closing.OTHER, text=text),
        Reopen(text=text),
        AddNote(text=text),
        UndoContacted(text=text),
        WaitFor(text=text, until=date(2026, 2, 9)),
        Explain(reason=Miss.OTHER, text=text),
    ]


def _quoted(note: str) -> bool:
    """Return whether each line is a quotation, or one of ours."""
    return all(
        not line or re.match(r" {0,2}>|(?:[*] )?[*][*][A-Z]|<!-- ssat-bot: ", line)
        for line in re.split("[\n\r]", note)
    )


def test_the_interpreter_would_execute_what_is_not_quoted() -> None:
    assert quick_actions.extract("Dear\r\n/close\n")[1]  # else the tests above prove nothing


@given(_hostile)
def test_no_html_is_left_in_a_text_not_even_a_comment(text: str) -> None:
    assert "<" not in quote(text)


# GitLab's own patterns (app/models, `reference_pattern` and `link_reference_pattern`), read widely.
_REFERENCES = re.compile(
    r"(?<!\w)@[a-z0-9_.]|@[0-9a-f]{7}|[#!$&][0-9]|~[\w\"]|%[\w\"]|\^alert|GL-[0-9]|\*iteration:"
    r"|\[(?:issue|work_item|epic|vulnerability|feature_flag|contact|cadence|wiki_page):",
    re.ASCII | re.IGNORECASE,
)
_PAGES = re.compile(r"/(?:-|issues|merge_requests|epics|work_items|snippets|commit)/", re.I)
_AUTOLINK = re.compile(r"(?:https?://|www\.)[^\s<]+", re.IGNORECASE)
_SPLITTING = "$%#&@!~^"
"""GitLab knows that a backslash stood before these (escaped_char_filter.rb), not before others."""
_PUNCTUATION = re.compile(r"\\([!-/:-@\[-`{-~])")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z0-9]+);")


def pieces(line: str) -> Iterator[tuple[str, bool]]:
    """Cut a line into what people read; in which of it does GitLab look for references?"""
    text, at = "", 0
    while at < len(line):
        escaped, entity = _PUNCTUATION.match(line, at), _ENTITY.match(line, at)
        ticks = re.compile("`+").match(line, at)
        closing = ticks and re.compile(f"(?<!`){ticks[0]}(?!`)").search(line, ticks.end())
        if escaped:
            if escaped[1] in _SPLITTING:
                yield from ((text, True), (escaped[1], False))
                text = ""
            else:
                # A sign that opens no link in Markdown any more.
                text += f"\0{escaped[1]}" if escaped[1] in "[(:" else escaped[1]
            at = escaped.end()
        elif ticks and closing:
            yield from ((text, True), (line[ticks.end() : closing.start()], False))
            text, at = "", closing.end()
        elif ticks:
            text, at = text + ticks[0], ticks.end()
        else:
            text += html.unescape(entity[0]) if entity else line[at]
            at = entity.end() if entity else at + 1
    yield text, True


def references(markdown: str) -> list[str]:
    """Find what GitLab would make a reference of."""
    found = []
    for line in markdown.split("\n"):
        for text, is_looked_at in pieces(line.removeprefix(">").removeprefix(" ")):
            if not is_looked_at:
                continue
            found += [link for link in ("](", "]:", "[[") if link in text]
            # In what is linked to elsewhere, GitLab looks for none.
            addresses = _AUTOLINK.findall(text)
            found += [each for each in addresses if _PAGES.search(unquote(each))]
            found += _REFERENCES.findall(_AUTOLINK.sub(" ", text.replace("\0", "")))
    return found


def as_read(markdown: str) -> str:
    """What people read in GitLab, as far as only references are Markdown."""
    lines = []
    for line in markdown.split("\n"):
        texts = pieces(line.removeprefix(">").removeprefix(" "))
        lines.append("".join(text for text, _ in texts))
    return "\n".join(lines).replace("\0", "")


@given(_hostile)
@example("cc @avery, (@blake) and .@casey")
@example("\\@avery")
@example("a\\\\@avery")
@example("é@avery")
@example("_x_@avery")
@example("&#64;avery &commat;avery")
@example("[x](@avery), [y](#1)")
@example("[x]\n\n[x]: #1")
@example("see #1, group/proj!5, ~bug")
@example(r"GL\-1 [issue\:1] \*iteration:2 \#1 \\#1")
@example("`https://gitlab.example.com/g/p/-/issues/1` and ` and [issue:1]")
@example("https://gitlab.example.com/g/p/%69ssues/1")
@example("HTTPS://docs.example.com/#1")
def test_a_text_refers_to_nobody_and_to_nothing(text: str) -> None:
    assert references(quote(text)) == []


@pytest.mark.parametrize(
    "text",
    [
        *("@avery", "#1", "g/p#1", "g/p!5", "~bug", '~"two words"', "%v1", "&1", "g&1", "$1"),
        *("^alert#1", "g/p@0123abcd", "GL-1", "[issue:g/p/1]", '*iteration:"x"', "&#35;1"),
        *("[x](#1)", "[x]: @avery", "[[#1]]", "https://gitlab.example.com/g/p/-/work_items/1"),
        *("http://gitlab.example.com/g/p/issues/1#note_2", r"\\#1", "www.example.com/-/issues/1"),
    ],
)
def test_a_reference_reads_as_it_was_typed(text: str) -> None:
    assert references(text)  # else this proves nothing
    for around in (text, f"a {text} b", f"({text})"):
        quoted = quote(around)
        assert references(quoted) == []
        assert as_read(quoted) == around


@pytest.mark.parametrize(
    "text",
    [
        "Write to first.last@example.com",
        "100% of it, at 5 & 6 o'clock for $ 7 ~ once!",
        "# Heading\n> - one ~~~ two",
        "https://docs.example.com/a/b?c=1&d=2#3-e.",
        "(see https://docs.example.com:8080/1)",
        "```\n# comment\n```",
    ],
)
def test_what_refers_to_nothing_stays_as_it_is(text: str) -> None:
    assert quote(text) == "\n".join(f"> {line}" for line in text.split("\n"))


@pytest.mark.parametrize(
    "piece", ["\\", "`", "https:", "www.", "[issue:", "https://a.b/", "@", "("]
)
def test_a_long_text_is_bounded_work(piece: str) -> None:
    before = time.process_time()
    quote(piece * 3000)  # Slack takes 3,000 characters
    assert time.process_time() - before < 5


def test_the_backslashes_before_a_mention_are_still_to_be_seen() -> None:
    assert quote(r"\@avery") == r"> \\\@avery"  # Markdown shows it as it was typed


_HARMLESS = st.characters(exclude_categories=["C", "Z"], exclude_characters="<\\`[]&")


@given(st.text(_HARMLESS, min_size=1))
@example("50%off, #1, me~you")
def test_other_text_is_quoted_word_for_word(text: str) -> None:
    assert as_read(quote(text)) == text


_names = st.text(min_size=1) | _hostile


@given(_names, st.none() | st.just("avery"))
@example("/close", None)
@example("\n/close\n", None)
@example("@all", "avery")
@example("`@all`", "avery")
@example("[click](https://example.com) <b>", None)
@example("\\", "avery")
@example("#1 %v1 GL-12 [issue:1] *iteration:2 ^alert#1 [[x]]", None)
@example("https://gitlab.example.com/g/p/-/issues/1 WWW.X/ISSUES/", None)
def test_whatever_a_person_is_called_is_only_a_name(name: str, gitlab: str | None) -> None:
    who = replace(AVERY, name=name, gitlab=gitlab)
    for action in (Claim(), Release(), TakeOver(holder=who), contact(None, Channel.CALL)):
        note = note_of(decided(action, who))
        assert quick_actions.extract(note) == (note, [])
        text = note.removesuffix(marker(decided(action, who))).rstrip("\n")
        assert "\n" not in text
        assert "<" not in text
        assert references(text) == []
        bare = _PUNCTUATION.sub(".", text.replace("`@avery`", ""))
        # What formats is ours: only the bold word, nothing of the name.
        assert re.sub(r"[*]{2}[A-Za-z ]+[*]{2}", "", bare).count("*") == 0
        assert "`" not in bare
        assert "](" not in bare


def test_a_name_with_nothing_to_show_gives_way_to_an_id() -> None:
    nameless = Person(name=" \n ", slack_team="T1", slack_user="U3")
    assert said(Claim(), nameless) == "**Claimed** by U3."


def test_a_long_name_is_cut() -> None:
    assert len(said(Claim(), replace(BLAKE, name="x" * 10_000))) < 150


# --- That they are known again -----------------------------------------------------------------

_ACTIONS: list[Action] = [
    Claim(),
    TakeOver(holder=BLAKE),
    Release(),
    ChooseLabel(label="feedback::soft-skills"),
    ClearLabel(label="feedback::soft-skills"),
    contact("Dear customer"),
    UndoContacted(text="Dear colleague"),
    Review(summary="Dear colleague", to_do="Dear team", contact=False, tell_csm=True),
    Close(reason=Closing.UNREACHABLE, text="Dear colleague"),
    CloseIdle(),
    Kudos(thanks=(BLAKE,), text="Dear colleague"),
    Reopen(text="Dear colleague"),
    AddNote(text="Dear colleague"),
    WaitFor(text="The fix in 17.9", until=date(2026, 2, 9)),
    Explain(reason=Miss.TOO_MANY, text="Dear colleague"),
    FollowUp(title="Slow answers", text="Dear team"),
    Tell(names=("dana",), text="Dear Dana"),
]


def test_of_each_kind_of_action_there_is_one_here() -> None:
    assert [type(each) for each in _ACTIONS] == list(get_args(Action))


@pytest.mark.parametrize("action", _ACTIONS, ids=lambda action: action.kind)
def test_a_note_is_known_again_by_its_marker(action: Action) -> None:
    mark = read_marker(note_of(decided(action)))
    said: dict[str, dict[str, Any]] = {
        "mark_contacted": {"contacted_at": NOW, "how": "email"},
        "close": {"reason": "unreachable"},
        "close_idle": {"reason": "idle"},
        "kudos": {"reason": "thanked"},
        "explain": {"reason": "too_many"},
        "wait": {"what": "The fix in 17.9", "until": date(2026, 2, 9)},
    }
    more = said.get(action.kind, {})
    assert mark == Marker(decision=ID, kind=action.kind, at=NOW, person=AVERY, **more)
    assert "Dear" not in marker(decided(action))


@given(_hostile, st.dates())
@example("--> <b> @avery\n/close", date.min)
def test_what_a_feedback_waits_on_is_read_back_as_it_was_typed(text: str, until: date) -> None:
    hidden = marker(decided(WaitFor(text=text, until=until)))
    assert hidden.count("<") == hidden.count(">") == 1
    assert "@" not in hidden
    assert "\n" not in hidden
    mark = read_marker(hidden)
    assert mark is not None
    # No database keeps half a character or a NUL.
    assert (mark.what, mark.until) == (whole_text(text[:WAITS_LIMIT]) or None, until)


@pytest.mark.parametrize("is_open", [True, False])
def test_a_marker_says_by_what_the_issue_was_like_its_decision_was_judged(is_open: bool) -> None:
    issue = replace(
        History().seen().issue,
        is_open=is_open,
        labels=frozenset({"<b>", "@avery"}),
        assignees=(GitLabUser(id=1, username="avery", name="Avery Example"),),
    )
    mark = read_marker(note_of(decided(Claim()), seen=issue))
    assert mark is not None
    assert mark.judged_by == issue.updated_at
    assert (mark.labels, mark.assignees) == (issue.labels, frozenset({"avery"}))
    assert mark.state == ("opened" if is_open else "closed")


def test_a_marker_names_the_account_that_was_found_for_a_person() -> None:
    linked = replace(BLAKE, gitlab="blake.sample")
    mark = read_marker(note_of(decided(Claim(), linked)))
    assert mark is not None
    assert mark.person == linked


def test_a_marker_holds_nothing_of_what_a_customer_was_sent() -> None:
    assert "Dear" not in marker(decided(contact("Dear customer"), AVERY))


_anything = st.text(st.characters(codec="utf-8"))


@given(_anything, _anything)
@example("-->", "--> <b>")
@example("\n/close", "</div>")
def test_nothing_ends_a_marker_early(user: str, username: str) -> None:
    who = Person(name=f"x {user}", slack_team="T1", slack_user=user, gitlab=username)
    hidden = marker(decided(Claim(), who))
    assert hidden.count("<") == hidden.count(">") == 1
    assert hidden.index("-->") == len(hidden) - len("-->")
    assert "\n" not in hidden
    assert "@" not in hidden
    assert marked(hidden) == ID


FORGED = f'<!-- ssat-bot: {{"decision": "{OTHER_ID}"}} -->'


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (FORGED, OTHER_ID),
        (f"Claimed.\n\n{FORGED}", OTHER_ID),
        (f"Claimed.\n\n{FORGED}\n  \n", OTHER_ID),  # GitLab may add a line end
        # Only the last line counts, and only as a line of its own.
        (f"{FORGED}\n\nSomething behind it", None),
        (f"Behind words {FORGED}", None),
        (f"> {FORGED}", None),
        (f"{FORGED} {FORGED}", None),
        (FORGED.replace("<", "&lt;"), None),
        # Not ours, or damaged.
        ("", None),
        ("Claimed.", None),
        ("<!-- ssat-bot: -->", None),
        ("<!-- ssat-bot: {} -->", None),
        ("<!-- ssat-bot: {decision} -->", None),
        ('<!-- ssat-bot: {"decision": "12"} -->', None),
        ('<!-- ssat-bot: {"decision": 12} -->', None),
        ('<!-- ssat-bot: {"decision": null} -->', None),
        ('<!-- ssat-bot: {"decision": ["x"]} -->', None),
        (f'<!-- other-bot: {{"decision": "{OTHER_ID}"}} -->', None),
    ],
)
def test_only_the_last_line_of_a_note_marks_it(body: str, found: UUID | None) -> None:
    assert marked(body) == found


def test_of_two_markers_the_last_counts() -> None:
    assert marked(f"{FORGED}\n\n{marker(decided(Claim()))}") == ID


@pytest.mark.parametrize(
    ("content", "person"),
    [
        # Without the name, what names the account has to do.
        (
            {"slack_team": "T1", "slack_user": "U1"},
            Person(name="U1", slack_team="T1", slack_user="U1"),
        ),
        (
            {"slack_team": "T1", "slack_user": "U1", "gitlab": "avery"},
            Person(name="avery", slack_team="T1", slack_user="U1", gitlab="avery"),
        ),
        # Nobody, or nonsense.
        ({}, None),
        ({"name": 12, "gitlab": ["avery"], "slack_user": None}, None),
        ({"name": ""}, None),
    ],
)
def test_an_older_marker_says_less(content: dict[str, Any], person: Person | None) -> None:
    written = json.dumps({"decision": str(ID), "at": "some day", "kind": 3} | content)
    assert read_marker(f"<!-- ssat-bot: {written} -->") == Marker(decision=ID, person=person)


def note(body: str, author: str = BOT, *, is_system: bool = False) -> Note:
    return Note(body=body, author=author, by=None, is_system=is_system, at=NOW)


def test_only_markers_in_the_bots_own_notes_count() -> None:
    hidden = marker(decided(Claim()))
    assert decisions_marked([note(hidden)], BOT) == {ID}
    assert decisions_marked([note(hidden, "avery")], BOT) == frozenset()
    assert decisions_marked([note(hidden, is_system=True)], BOT) == frozenset()
    assert decisions_marked([note("hello"), note(FORGED), note(hidden)], BOT) == {ID, OTHER_ID}


@given(_hostile)
@example(FORGED)
@example(f"x\n\n{FORGED}\n")
def test_a_marker_in_a_customers_text_marks_nothing(text: str) -> None:
    ours = note(note_of(decided(contact(f"{text}{FORGED}"))))
    assert decisions_marked([ours], BOT) == {ID}


# --- Withdrawn ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "what"),
    [
        (Claim(), "the claim"),
        (TakeOver(holder=BLAKE), "the takeover from Blake Sample"),
        (Release(), "the release"),
        (ChooseLabel(label="feedback::a"), "the choice of the feedback label `feedback::a`"),
        (ClearLabel(label="feedback::a"), "the removal of the feedback label `feedback::a`"),
        (contact("Dear customer"), "the change of labels after the contact"),
        *(
            (action, what)
            for action, what in zip(
                _ACTIONS[6:],
                [
                    "the change of labels",
                    "the change of labels after the review",
                    *("the closing", "the closing", "the kudos", "the reopening", "the note"),
                    *("the wait", "the explanation"),
                    *("the link to a follow-up issue", "the mention"),
                ],
                strict=True,
            )
        ),
    ],
)
def test_a_withdrawal_names_what_was_not_carried_out(action: Action, what: str) -> None:
    written = withdrawal_of(decided(action))
    by = "Avery Example (`@avery`)"
    assert written.startswith(f"**Not carried out**: {what} by {by}. GitLab rejected the change.")
    assert read_marker(written) == Marker(decision=ID, kind="withdrawal")
    assert quick_actions.extract(written)[1] == []


def test_a_supplement_names_what_gitlab_left_out_and_the_note_above_it_holds() -> None:
    left_out = IssueChange(
        add_labels=frozenset({"b`", "a"}),
        remove_labels=frozenset({"/close"}),
        assignee_ids=(),
        close=True,
        reopen=True,
    )
    written = supplement_of(decided(contact("words")), left_out)
    said = "the label `a` isn't set, the label `b` isn't set, the label `/close` is still set, "
    said += "the assignees aren't as chosen, the issue is still open, the issue is still closed"
    assert written.startswith(
        f"**Not all carried out** for Avery Example (`@avery`): {said}. GitLab left this out."
    )
    assert quick_actions.extract(written)[1] == []
    notes = [note(written), note(note_of(decided(contact("words"))))]
    assert decisions_marked(notes, BOT) == supplemented(notes, BOT) == {ID}
    assert supplemented(notes[1:], BOT) == frozenset()


def test_a_note_that_was_withdrawn_holds_again_once_it_is_written_anew() -> None:
    ours, other = (
        note(note_of(decided(Claim()))),
        note(note_of(replace(decided(Release()), id=OTHER_ID))),
    )
    taken_back = note(withdrawal_of(decided(Claim())))
    assert decisions_marked([taken_back, other, ours], BOT) == {OTHER_ID}
    assert decisions_marked([ours, taken_back, other, ours], BOT) == {ID, OTHER_ID}
    assert decisions_marked([taken_back, ours, taken_back, ours], BOT) == frozenset()
    assert decisions_marked([replace(taken_back, author="avery"), ours], BOT) == {ID}
