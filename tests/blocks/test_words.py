"""The bot's words: one sentence for every step and every refusal, and whom they wake."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slackbot.blocks.thread import render_step, step_metadata
from slackbot.blocks.words import (
    STATE_MARKS,
    action_words,
    failure_words,
    refusal_words,
    step_words,
)
from slackbot.local.slack import links, pings
from slackbot.local.slack.block_kit import validate_blocks
from slackbot.rules.decision import (
    Action,
    Channel,
    ChooseLabel,
    Claim,
    MarkContacted,
    Release,
    Step,
    StepKind,
    TakeOver,
)
from slackbot.rules.refusals import (
    AccountTaken,
    AlreadyClaimed,
    AlreadyClosed,
    AlreadyContacted,
    AlreadySettled,
    AlreadyYours,
    AssignedAgain,
    BeforeTheRequest,
    CannotTell,
    DeadlinePassed,
    FormNotOpened,
    GitLabSilent,
    Guest,
    HeldAgain,
    Incomplete,
    InTheFuture,
    IssueGone,
    LabelChanged,
    LinkedAlready,
    LinkedByFile,
    LinksNotSetUp,
    NameYourAccount,
    NoLongerRequested,
    NoSuchAccount,
    NotAHuman,
    NotAManager,
    NotYours,
    OtherWorkspace,
    ReasonRequired,
    Refusal,
    SameLabel,
    TakesLonger,
    TextRequired,
    Unknown,
    UnknownLabel,
)
from slackbot.rules.request import Person, State

ZONE = ZoneInfo("Europe/Amsterdam")
NOW = datetime(2026, 2, 2, 9, 30, tzinfo=UTC)
WHEN = " · <!date^1770024600^{date_short_pretty}, {time}|Mon 2 Feb, 10:30 CET>"
AVERY = Person(name="Avery Example", slack_team="T1", slack_user="U1", gitlab="avery")
BLAKE = Person(name="Blake Sample", slack_team="T1", slack_user="U2")
DANA = Person(name="Dana Duty", gitlab="dana")


def step(kind: StepKind, who: Person | None = AVERY, **more: object) -> Step:
    return replace(Step(kind=kind, at=NOW, who=who), **more)  # type: ignore[arg-type]


# --- Steps -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "words", "wakes"),
    [
        (step(StepKind.CLAIMED), "🔵 Avery Example claimed this request", []),
        # Who loses a request is told, and nobody else.
        (
            step(StepKind.TAKEN_OVER, other=BLAKE),
            "🔵 <@U2>: Avery Example has taken this request over from you",
            ["<@U2>"],
        ),
        (
            step(StepKind.TAKEN_OVER, other=DANA),
            "🔵 Dana Duty: Avery Example has taken this request over from you",
            [],
        ),
        (step(StepKind.RELEASED), "🟠 Avery Example released this request", []),
        (
            step(StepKind.LABELLED, detail="feedback::soft-skills"),
            "🏷️ Avery Example chose the feedback label *feedback::soft-skills*",
            [],
        ),
        (
            step(StepKind.CONTACTED, detail="email"),
            "✅ Avery Example contacted the customer by e-mail",
            [],
        ),
        (
            step(StepKind.CONTACTED, detail="ticket"),
            "✅ Avery Example contacted the customer on the Zendesk ticket",
            [],
        ),
        (
            step(StepKind.CONTACTED, in_gitlab=True),
            "✅ Avery Example marked the customer as contacted in GitLab",
            [],
        ),
        # Who is given a request is told.
        (
            step(StepKind.ASSIGNED, DANA, other=BLAKE, in_gitlab=True),
            "🔵 Dana Duty assigned <@U2> in GitLab",
            ["<@U2>"],
        ),
        # The person who has just acted is not.
        (
            step(StepKind.ASSIGNED, AVERY, other=AVERY, in_gitlab=True),
            "🔵 Avery Example assigned themselves in GitLab",
            [],
        ),
        # GitLab does not always say who it was.
        (
            step(StepKind.ASSIGNED, None, other=DANA, in_gitlab=True),
            "🔵 somebody assigned Dana Duty in GitLab",
            [],
        ),
        (step(StepKind.REOPENED, None, in_gitlab=True), "The issue was reopened in GitLab", []),
        (
            step(StepKind.ASKED_AGAIN, None, in_gitlab=True),
            "🟠 Contact is requested again in GitLab",
            [],
        ),
        (
            step(StepKind.SNOOZED, detail="waits for *engineering* <!here>", until=NOW),
            "💤 Avery Example snoozed the reminders "
            "(waits for \u2217engineering\u2217 &lt;!here&gt;) until"
            " <!date^1770024600^{date_short_pretty}, {time}|Mon 2 Feb, 10:30 CET>",
            [],
        ),
        (
            step(StepKind.GONE, None, in_gitlab=True),
            "⚫ The issue was deleted or moved in GitLab",
            [],
        ),
        # Whose choice got lost is told.
        (
            step(StepKind.REFUSED, detail="GitLab answered 403: Forbidden"),
            "⚠️ <@U1>: this did not reach GitLab: GitLab answered 403: Forbidden",
            ["<@U1>"],
        ),
    ],
)
def test_a_step_is_told_in_a_sentence_and_wakes_only_whom_it_concerns(
    told: Step, words: str, wakes: list[str]
) -> None:
    assert step_words(told, ZONE) == words + WHEN
    assert pings(words) == set(wakes)


@pytest.mark.parametrize("kind", StepKind)
@pytest.mark.parametrize("in_gitlab", [False, True])
@pytest.mark.parametrize("who", [AVERY, None])
def test_every_kind_of_step_has_words(kind: StepKind, in_gitlab: bool, who: Person | None) -> None:
    detail = "email" if kind is StepKind.CONTACTED else "feedback::x"
    message = render_step(step(kind, who, other=BLAKE, detail=detail, in_gitlab=in_gitlab), ZONE)
    assert validate_blocks(list(message.blocks), "message") == []
    assert message.text == message.blocks[0]["text"]["text"]
    assert message.text.endswith(WHEN)
    assert ("in GitLab" in message.text) >= in_gitlab
    assert "None" not in message.text


def test_who_is_not_linked_is_told_how_to_be() -> None:
    words = step_words(step(StepKind.UNLINKED, BLAKE), ZONE)
    assert words.startswith("Blake Sample is not known in GitLab")
    assert '`U2 = "gitlab-username"`' in words


_hostile = st.text() | st.sampled_from(
    ["<!channel>", "<@U9>", "@here @everyone", "&" * 5000, "x" * 5000, "\n> <!here>", "` ``` *"]
)
_people = st.none() | st.builds(
    Person,
    name=_hostile,
    slack_team=st.just("T1"),
    slack_user=st.sampled_from([None, "U1", "U2"]),
    gitlab=st.none() | _hostile,
)
_MAY_WAKE = {
    StepKind.TAKEN_OVER: "other",
    StepKind.ASSIGNED: "other",
    StepKind.REFUSED: "who",
}


@given(
    st.builds(
        Step,
        kind=st.sampled_from([kind for kind in StepKind if kind is not StepKind.CONTACTED]),
        at=st.just(NOW),
        who=_people,
        other=_people,
        detail=st.none() | _hostile,
        in_gitlab=st.booleans(),
    )
)
@settings(deadline=None)
def test_no_text_of_anybody_spoils_a_step_or_wakes_another(told: Step) -> None:
    message = render_step(told, ZONE)
    blocks = list(message.blocks)
    assert validate_blocks(blocks, "message") == []
    concerned = getattr(told, _MAY_WAKE.get(told.kind, ""), None)
    allowed = {f"<@{concerned.slack_user}>"} if concerned else set()
    assert pings(blocks) | pings(message.text) <= allowed
    assert links(blocks) == set()


def test_a_step_is_known_again_by_its_message() -> None:
    assert step_metadata(UUID(int=5)) == {
        "event_type": "ssat_step",
        "event_payload": {"key": "00000000-0000-0000-0000-000000000005"},
    }


# --- Refusals ----------------------------------------------------------------------------------


def leaves(kind: type[Refusal]) -> Iterator[type[Refusal]]:
    for below in kind.__subclasses__():
        if below.__subclasses__():
            yield from leaves(below)
        else:
            yield below


_REFUSALS: list[tuple[Refusal, str]] = [
    (Unknown(), "This request is not on record any more. `/ssat` shows what is open."),
    (AlreadySettled(), "This has been tried again or dismissed already."),
    (AlreadyYours(), "You have this request already."),
    (
        AlreadyClaimed(AVERY),
        "Avery Example has this request. If you agree with them, use *Take over* on the card.",
    ),
    (
        NotYours(AVERY),
        "Avery Example has this request; only they can release it. *Take over* it?",
    ),
    (NotYours(None), "Nobody has this request, so there is nothing to release."),
    (
        HeldAgain(),
        "You were assigned in GitLab after you released this request. *Release* it again if you do "
        "not have it.",
    ),
    (
        AssignedAgain(AVERY),
        "Avery Example was assigned in GitLab after you took this request over. If you agree with "
        "them, use *Take over* again.",
    ),
    (AlreadyContacted(AVERY), "Avery Example has contacted this customer already."),
    (AlreadyContacted(None), "somebody has contacted this customer already."),
    (AlreadyClosed(), "The issue is closed in GitLab. Reopen it there to go on."),
    (NoLongerRequested(), "The request for contact was withdrawn in GitLab."),
    (IssueGone(), "The issue was deleted or moved in GitLab."),
    (SameLabel(), "The request has this feedback label already."),
    (
        UnknownLabel("feedback::<!here>"),
        "The project has no label feedback::&lt;!here&gt;. Choose another, or ask for the label "
        "to be created in GitLab.",
    ),
    (
        LabelChanged("feedback::b"),
        "Meanwhile feedback::b was chosen. Choose again if it should be another.",
    ),
    (
        LabelChanged(None),
        "The feedback label was taken off in GitLab meanwhile. Choose again.",
    ),
    (TextRequired("text"), "Paste the text of the e-mail: it belongs in the feedback issue."),
    (InTheFuture("at"), "This moment lies in the future."),
    (BeforeTheRequest("at"), "This is before the customer asked for contact."),
    (DeadlinePassed(), "The deadline has passed: what comes after it cannot be snoozed."),
    (ReasonRequired(), "Say why, so that colleagues know."),
    (
        OtherWorkspace(),
        "Only members of this workspace can act here. Ask a manager of the support team.",
    ),
    (Guest(), "Guests cannot act here. Ask a manager of the support team."),
    (NotAHuman(), "Only people can act here."),
    (
        NotAManager(frozenset({"S9", "U2", "U1"})),
        "You may look, but not act. Those who may: <!subteam^S9>, <@U1>, <@U2>.",
    ),
    (
        NotAManager(frozenset({"S9", "U1"}), frozenset({"S9"})),
        "You may look, but not act. Those who may: <@U1>. The user group `S9` is disabled in "
        "Slack, or gone, so its members cannot act: ask an owner of the workspace to enable it, or "
        "the bot's administrator to change SSAT_MANAGERS.",
    ),
    (
        NotAManager(frozenset({"S9"}), frozenset({"S9"})),
        "You may look, but not act. The user group `S9` is disabled in Slack, or gone, so its "
        "members cannot act: ask an owner of the workspace to enable it, or the bot's "
        "administrator to change SSAT_MANAGERS.",
    ),
    (
        NameYourAccount(),
        "Say which GitLab account is yours, by its username and without an @: `/ssat link "
        "your-gitlab-username`.",
    ),
    (
        LinksNotSetUp(),
        "People cannot link themselves yet: the bot's administrator has to set SSAT_LINK_ISSUE to "
        "the number of an issue in the feedback project, on which codes are left.",
    ),
    (
        NoSuchAccount("<!here>"),
        "GitLab knows nobody by the username &lt;!here&gt;. It stands in the address of your "
        "GitLab profile, behind the last slash.",
    ),
    (
        LinkedByFile("avery"),
        "The people file says that you are avery in GitLab. If that is wrong, ask the bot's "
        "administrator to change your line there.",
    ),
    (LinkedAlready("avery"), "You are linked to avery already."),
    (
        AccountTaken("avery"),
        "Somebody else is linked to avery in GitLab. If that account is yours, ask the bot's "
        "administrator to look: `ssat-bot people list`, and then `ssat-bot people unlink`.",
    ),
    (
        GitLabSilent(),
        "GitLab does not answer just now. Nothing was changed; try again in a moment.",
    ),
    (
        Incomplete(),
        "Slack sent only a part of this, so nothing was changed. Try again; if that happens once "
        "more, do it in GitLab and tell the bot's administrator.",
    ),
    (
        FormNotOpened(),
        "Slack did not open the form just now. Nothing was changed; try again in a moment.",
    ),
    (
        TakesLonger(),
        "That takes too long just now; try again in a moment.",
    ),
    (CannotTell(), "Slack does not say who you are just now. Nothing was changed; try again."),
]


@pytest.mark.parametrize(
    ("refusal", "words"), _REFUSALS, ids=[type(refusal).__name__ for refusal, _ in _REFUSALS]
)
def test_a_refusal_says_why_and_what_to_do(refusal: Refusal, words: str) -> None:
    assert refusal_words(refusal) == words


def test_every_refusal_there_is_has_words() -> None:
    assert {type(refusal) for refusal, _ in _REFUSALS} == set(leaves(Refusal))


def test_of_many_who_may_act_a_few_are_named() -> None:
    everybody = frozenset(f"U{number:02}" for number in range(40))
    assert refusal_words(NotAManager(everybody)).count("<@U") == 10


def test_a_failure_says_where_to_look_and_under_which_number_to_ask() -> None:
    words = failure_words("1a2b3c4d")
    assert "Look at the card" in words
    assert "1a2b3c4d" in words


# --- Actions and states ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (Claim(), "claim"),
        (TakeOver(holder=AVERY), "take-over"),
        (Release(), "release"),
        (ChooseLabel(label="feedback::*x*"), "label feedback::\u2217x\u2217"),
        (MarkContacted(channel=Channel.CALL, text=None, at=NOW), "customer contacted"),
    ],
)
def test_every_choice_has_a_name(action: Action, words: str) -> None:
    assert action_words(action) == words


def test_every_state_has_a_mark() -> None:
    assert set(STATE_MARKS) == set(State)
