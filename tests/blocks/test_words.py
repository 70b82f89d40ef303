"""The bot's words: one sentence for every step and every refusal, and whom they wake."""

import ast
import operator
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slackbot.blocks.card import STEP_EVENT, render_step
from slackbot.blocks.words import (
    CHANNELS,
    STATE_MARKS,
    action_words,
    countdown_words,
    failure_words,
    mention,
    problem_words,
    promise_words,
    refusal_words,
    step_words,
    unknown_in_gitlab,
    waiting_words,
)
from slackbot.local.slack import links, pings
from slackbot.local.slack.block_kit import validate_blocks
from slackbot.platforms.errors import (
    Denied,
    Missing,
    Platform,
    PlatformError,
    Rejected,
    Throttled,
    Unreachable,
    Unsettled,
    Untrusted,
)
from slackbot.platforms.slack.outbox import metadata
from slackbot.rules.decision import (
    Action,
    Channel,
    ChooseLabel,
    Claim,
    Decision,
    MarkContacted,
    Release,
    Step,
    StepKind,
    TakeOver,
    step_of,
)
from slackbot.rules.refusals import (
    AccountTaken,
    ActsAlready,
    AlreadyClaimed,
    AlreadyClosed,
    AlreadyContacted,
    AlreadyOpen,
    AlreadySettled,
    AlreadyThanked,
    AlreadyYours,
    AskedForContact,
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
    InThePast,
    IssueGone,
    LabelChanged,
    LabelNotSet,
    LinkedAlready,
    LinkedByFile,
    LinksNotSetUp,
    NameYourAccount,
    NobodyNamed,
    NobodyThere,
    NoFollowUp,
    NoIssueForCodes,
    NoKnownAccount,
    NoLongerRequested,
    NoSuchAccount,
    NotABookingLink,
    NotAHuman,
    NotAManager,
    NotAuthorizable,
    NotContacted,
    NotIdle,
    NotInGitLab,
    NotMissed,
    NotYours,
    Obstacle,
    OtherWorkspace,
    ReasonRequired,
    Refusal,
    SameLabel,
    TakesLonger,
    TextRequired,
    TextTooLong,
    TheBotItself,
    TooManyNamed,
    Unknown,
    UnknownLabel,
)
from slackbot.rules.request import Person, Rules, State
from slackbot.rules.timing.countdown import Left, Overdue
from slackbot.rules.timing.deadline import ALWAYS
from tests.blocks.test_card import CLAIMED
from tests.rules.test_decision import EVERY_ACTION

ZONE = ZoneInfo("Europe/Amsterdam")

RULES = Rules(
    contact_label="SSAT::Contact",
    contacted_label="ssat-manager-contacted-customer",
    scope="feedback",
    hours=replace(ALWAYS, timezone=ZONE),
    deadline=timedelta(hours=48),
)
NOW = datetime(2026, 2, 2, 9, 30, tzinfo=UTC)
WHEN = " · <!date^1770024600^{date_long}, {time}|Mon 2 Feb, 10:30 CET>"
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
            "🔵 <@U2>: Avery Example took over this request from you",
            ["<@U2>"],
        ),
        (
            step(StepKind.TAKEN_OVER, other=DANA),
            "🔵 Dana Duty: Avery Example took over this request from you",
            [],
        ),
        (step(StepKind.RELEASED), "🟠 Avery Example released this request", []),
        (
            step(StepKind.LABELED, detail="feedback::soft-skills"),
            "🏷️ Avery Example chose the feedback label *feedback::soft-skills*",
            [],
        ),
        (
            step(StepKind.CONTACTED, detail="email"),
            "✅ Avery Example contacted the customer by email",
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
        (
            step(StepKind.UNASSIGNED, DANA, other=BLAKE, in_gitlab=True),
            "🟠 Unclaimed: Dana Duty unassigned <@U2> in GitLab",
            ["<@U2>"],
        ),
        (
            step(StepKind.UNASSIGNED, BLAKE, other=BLAKE, in_gitlab=True),
            "🟠 Unclaimed: Blake Sample unassigned themselves in GitLab",
            [],
        ),
        (
            step(StepKind.CLOSED, in_gitlab=True),
            "⚫ No contact recorded: Avery Example closed the issue in GitLab",
            [],
        ),
        (
            step(StepKind.CLOSED, in_gitlab=True, moved_to="https://gitlab.example/a/b/-/issues/3"),
            "⚫ No contact recorded: Avery Example moved the issue to "
            "<https://gitlab.example/a/b/-/issues/3|another project> in GitLab",
            [],
        ),
        (
            step(StepKind.CLOSED, in_gitlab=True, moved_to=""),
            "⚫ No contact recorded: Avery Example moved the issue to another project in GitLab",
            [],
        ),
        (
            step(StepKind.WITHDRAWN, in_gitlab=True),
            "⚪ Avery Example withdrew the contact request in GitLab",
            [],
        ),
        (
            step(StepKind.UNCONTACTED, in_gitlab=True),
            '🟠 Avery Example removed the "customer contacted" label in GitLab',
            [],
        ),
        # GitLab does not always say who it was.
        (
            step(StepKind.ASSIGNED, None, other=DANA, in_gitlab=True),
            "🔵 someone assigned Dana Duty in GitLab",
            [],
        ),
        (step(StepKind.REOPENED, None, in_gitlab=True), "The issue was reopened in GitLab", []),
        (
            step(StepKind.ASKED_AGAIN, None, in_gitlab=True),
            "🟠 Contact was requested again in GitLab",
            [],
        ),
        (
            step(StepKind.SNOOZED, detail="waits for *engineering* <!here>", until=NOW),
            "💤 Avery Example snoozed the reminders until "
            "<!date^1770024600^{date_long}, {time}|Mon 2 Feb, 10:30 CET> "
            "(waits for \u2217engineering\u2217 &lt;!here&gt;)",
            [],
        ),
        (
            step(StepKind.GONE, None, in_gitlab=True),
            "⚫ The issue was deleted or moved in GitLab",
            [],
        ),
        # Whose choice got lost is told.
        (
            step(StepKind.REFUSED, detail="Error 403: Forbidden"),
            "⚠️ <@U1>, your choice was not carried out: Error 403: Forbidden",
            ["<@U1>"],
        ),
        (
            step(StepKind.REFUSED, detail="the label <!here> isn't set", is_partial=True),
            "⚠️ <@U1>, GitLab accepted this but left out a part: the label &lt;!here&gt; isn't set. "
            "Please do the rest in GitLab",
            ["<@U1>"],
        ),
    ],
)
def test_a_step_is_told_in_a_sentence_and_wakes_only_whom_it_concerns(
    told: Step, words: str, wakes: list[str]
) -> None:
    assert step_words(told, RULES) == words + WHEN
    assert pings(words) == set(wakes)


@pytest.mark.parametrize(
    ("told", "words", "wakes"),
    [
        (
            step(StepKind.CONTACTED, detail="email"),
            "✅ Avery Example contacted the customer by email · owner: <@U2>",
            ["<@U2>"],
        ),
        (
            step(StepKind.LABELED, detail="feedback::x", in_gitlab=True),
            "🏷️ Avery Example chose the feedback label *feedback::x* in GitLab · owner: <@U2>",
            ["<@U2>"],
        ),
        (
            step(StepKind.SNOOZED, detail="on leave"),
            "💤 Avery Example snoozed the reminders (on leave) · owner: <@U2>",
            ["<@U2>"],
        ),
        (
            step(StepKind.WITHDRAWN, None, in_gitlab=True),
            "⚪ someone withdrew the contact request in GitLab · owner: <@U2>",
            ["<@U2>"],
        ),
        (
            step(StepKind.UNCONTACTED, in_gitlab=True),
            '🟠 Avery Example removed the "customer contacted" label in GitLab · owner: <@U2>',
            ["<@U2>"],
        ),
        (
            step(StepKind.ASSIGNED, other=AVERY, in_gitlab=True),
            "🔵 Avery Example assigned themselves instead of <@U2> in GitLab",
            ["<@U2>"],
        ),
        (
            step(StepKind.ASSIGNED, DANA, other=AVERY, in_gitlab=True),
            "🔵 Dana Duty assigned <@U1> instead of <@U2> in GitLab",
            ["<@U1>", "<@U2>"],
        ),
        # The first release knew the owner by one account only.
        (
            step(StepKind.ASSIGNED, DANA, other=BLAKE, in_gitlab=True),
            "🔵 Dana Duty assigned <@U2> in GitLab",
            ["<@U2>"],
        ),
    ],
)
def test_who_owns_a_request_is_told_what_a_colleague_does_with_it(
    told: Step, words: str, wakes: list[str]
) -> None:
    assert step_words(replace(told, owner=BLAKE), RULES) == words + WHEN
    assert pings(words) == set(wakes)
    by_owner = step_words(replace(told, owner=AVERY, who=AVERY), RULES)
    assert pings(by_owner) <= {mention(told.other)}


@pytest.mark.parametrize(
    ("owner", "on_duty", "told"),
    [
        (BLAKE, (AVERY,), "<@U2>: "),
        (AVERY, (AVERY, BLAKE), "<@U2>: "),  # never who did it
        (AVERY, (), ""),
        (None, (AVERY, BLAKE), "<@U2>: "),
        (DANA, (BLAKE,), "<@U2>: "),  # the owner isn't known in Slack
        (DANA, (), ""),
        (None, (), ""),
    ],
)
def test_somebody_is_told_of_a_customer_who_may_still_be_waiting(
    owner: Person | None, on_duty: tuple[Person, ...], told: str
) -> None:
    closed = step(StepKind.CLOSED, in_gitlab=True, owner=owner, on_duty=on_duty)
    please = f"{told}{'i' if told else 'I'}f the customer is still waiting, please reopen it"
    said = f"⚫ No contact recorded: Avery Example closed the issue in GitLab. {please}"
    assert step_words(closed, RULES) == said + WHEN
    gone = step(StepKind.GONE, in_gitlab=True, owner=owner, on_duty=on_duty)
    warning = f"{told}{'t' if told else 'T'}he customer may still be waiting"
    said = f"⚫ The issue was deleted or moved in GitLab. {warning}"
    assert step_words(gone, RULES) == said + WHEN


@pytest.mark.parametrize("kind", StepKind)
@pytest.mark.parametrize("in_gitlab", [False, True])
@pytest.mark.parametrize("who", [AVERY, None])
def test_every_kind_of_step_has_words(kind: StepKind, in_gitlab: bool, who: Person | None) -> None:
    detail = "email" if kind is StepKind.CONTACTED else "feedback::x"
    message = render_step(step(kind, who, other=BLAKE, detail=detail, in_gitlab=in_gitlab), RULES)
    assert validate_blocks(list(message.blocks), "message") == []
    assert message.text == message.blocks[0]["text"]["text"]
    assert message.text.endswith(WHEN)
    assert ("in GitLab" in message.text) >= in_gitlab
    assert "None" not in message.text


@pytest.mark.parametrize("can_link", [True, False])
def test_who_is_not_linked_is_told_how_to_be_as_it_works_here(can_link: bool) -> None:
    rules = replace(RULES, link_issue=12 if can_link else None)
    in_thread = step_words(step(StepKind.UNLINKED, BLAKE), rules)
    in_queue = unknown_in_gitlab(BLAKE, can_link=can_link)
    assert in_thread.startswith("Blake Sample isn't known in GitLab")
    assert '`U2 = "gitlab-username"`' in in_thread
    for words in (in_thread, in_queue):
        assert ("/ssat link" in words) is can_link
        assert can_link or "people file" in words


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
_OTHER, _OWNER = operator.attrgetter("other"), operator.attrgetter("owner")
_MAY_WAKE: dict[StepKind, tuple[Callable[[Step], Person | None], ...]] = {
    StepKind.TAKEN_OVER: (_OTHER,),
    StepKind.ASSIGNED: (_OTHER, _OWNER),
    StepKind.UNASSIGNED: (_OTHER,),
    StepKind.REFUSED: (operator.attrgetter("who"),),
    **dict.fromkeys(
        (
            *(StepKind.UNCONTACTED, StepKind.LABELED, StepKind.LABEL_CLEARED, StepKind.SNOOZED),
            *(StepKind.WITHDRAWN, StepKind.REVIEWED, StepKind.NOTED, StepKind.WAITS),
            *(StepKind.FOLLOWED_UP, StepKind.TOLD, StepKind.THANKED, StepKind.EXPLAINED),
            *(StepKind.CLOSED, StepKind.REOPENED, StepKind.REROUTED),
        ),
        (_OWNER,),
    ),
}


_TELLS_ITS_OWN_WAY = ("claim", "take_over", "release", "close_idle")
"""A take-over names whom it is from; the bot closes only what nobody owns."""


@pytest.mark.parametrize(
    "action",
    [each for each in EVERY_ACTION if each.kind not in _TELLS_ITS_OWN_WAY],
    ids=lambda action: str(action.kind),
)
def test_an_owner_is_told_of_whatever_a_colleague_does(action: Action) -> None:
    decision = Decision(id=UUID(int=1), key=CLAIMED.key, by=BLAKE, at=NOW, action=action)
    told = render_step(step_of(decision, CLAIMED), RULES)
    assert pings(told.text) == {f"<@{AVERY.slack_user}>"}


@pytest.mark.parametrize("kind", [kind for kind in StepKind if kind is not StepKind.CONTACTED])
def test_an_owner_is_told_of_these_steps_and_of_no_others(kind: StepKind) -> None:
    told = render_step(Step(kind=kind, at=NOW, owner=AVERY), RULES)
    is_told = _OWNER in _MAY_WAKE.get(kind, ())
    assert pings(told.text) == ({f"<@{AVERY.slack_user}>"} if is_told else set())


@given(
    st.builds(
        Step,
        kind=st.sampled_from([kind for kind in StepKind if kind is not StepKind.CONTACTED]),
        at=st.just(NOW),
        who=_people,
        other=_people,
        owner=_people,
        detail=st.none() | _hostile,
        in_gitlab=st.booleans(),
        on_duty=st.none() | st.lists(_people.filter(bool), max_size=9).map(tuple),
        is_partial=st.booleans(),
        is_without_contact=st.booleans(),
    )
)
@settings(deadline=None)
def test_no_text_of_anybody_spoils_a_step_or_wakes_another(told: Step) -> None:
    message = render_step(told, RULES)
    blocks = list(message.blocks)
    assert validate_blocks(blocks, "message") == []
    concerned = [who(told) for who in _MAY_WAKE.get(told.kind, ())]
    concerned += [told.owner, *told.on_duty] if told.on_duty is not None else []
    allowed = {f"<@{each.slack_user}>" for each in concerned if each}
    assert pings(blocks) | pings(message.text) <= allowed
    assert links(blocks) == set()


def test_a_step_is_known_again_by_its_message() -> None:
    assert metadata(STEP_EVENT, str(UUID(int=5)))["metadata"] == {
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
    (NotIdle(), "Somebody has acted on this feedback in the meantime."),
    (AlreadyThanked(AVERY), "Avery Example has already given kudos for this feedback."),
    (NobodyNamed("names"), "Name or choose at least one person."),
    (TooManyNamed("names", 10), "Name at most 10."),
    (
        NotInGitLab("names", "dana"),
        "GitLab has no user dana. Enter this again with the username, which is the last part of "
        "their GitLab profile's address.",
    ),
    (
        NoKnownAccount("people", "Casey Nolink"),
        "I don't know the GitLab account of Casey Nolink. Type their GitLab username instead.",
    ),
    (
        TheBotItself("names"),
        "That is the bot itself, which can't be told. Name somebody else.",
    ),
    (
        NobodyThere("thanks"),
        "Somebody you chose has left Slack, or is an app. Remove them, or leave this empty to "
        "thank the whole team.",
    ),
    (
        NoFollowUp("team/meta", Obstacle.ARCHIVED),
        "No issue can be created in team/meta: the project is archived. Set another one "
        "(SSAT_FOLLOW_UP_PROJECT). Ask the bot's administrator, then try again.",
    ),
    (Unknown(), "I no longer track this request. `/ssat` shows the open ones."),
    (AlreadySettled(), "Someone has already tried this again or dismissed it."),
    (AlreadyYours(), "You already own this request."),
    (
        AlreadyClaimed(AVERY),
        "Avery Example owns this request. If you two have agreed on it, use *Take over* on the "
        "card.",
    ),
    (
        NotYours(AVERY),
        "Avery Example owns this request. Only they can release it. *Take over*?",
    ),
    (NotYours(None), "Nobody owns this request, so there is nothing to release."),
    (
        HeldAgain(),
        "You were assigned in GitLab after you released this request. If you don't want it, "
        "*Release* it again.",
    ),
    (
        AssignedAgain(AVERY),
        "Avery Example was assigned in GitLab after you took over this request. If you two have "
        "agreed on it, use *Take over* again.",
    ),
    (AlreadyContacted(AVERY), "Avery Example has already contacted this customer."),
    (AlreadyContacted(None), "Someone has already contacted this customer."),
    (
        AskedForContact(),
        "This customer has asked for contact, so nothing was done. Contact them, or use *Close "
        "without contact…* in the menu.",
    ),
    (
        AlreadyClosed(),
        (
            "The issue is closed already. In the menu, *Add note…* adds words to it, and "
            "*Reopen…* opens it again."
        ),
    ),
    (AlreadyOpen(), "The issue is open in GitLab already."),
    (NotContacted(), "No contact with this customer is on record."),
    (NotMissed(), "The deadline was not missed, so there is nothing to explain."),
    (InThePast("until"), "That day has passed. Choose today or a later day."),
    (NoLongerRequested(), "The contact request was withdrawn in GitLab."),
    (IssueGone(), "The issue was deleted or moved in GitLab."),
    (SameLabel(), "The request already has this feedback label."),
    (
        UnknownLabel("feedback::<!here>"),
        "The project has no label feedback::&lt;!here&gt;, or has archived it. Choose another one, "
        "or ask for the label to be created in GitLab.",
    ),
    (
        UnknownLabel("<!here>", is_chosen=False),
        "The project has no label &lt;!here&gt;. Ask for it to be created in GitLab. Then try "
        "again.",
    ),
    (
        LabelNotSet("feedback::<!here>"),
        "GitLab accepted the choice but did not set the label feedback::&lt;!here&gt;. Choose "
        "another one.",
    ),
    (
        LabelNotSet("feedback::a", ("feedback::<!here>",)),
        "GitLab accepted the choice but did not set the label feedback::a. It took off the label "
        "feedback::&lt;!here&gt;. Choose another one.",
    ),
    (
        LabelChanged("feedback::b"),
        "The feedback label was changed to feedback::b in the meantime. Choose again if you want "
        "another one.",
    ),
    (
        LabelChanged(None),
        "The feedback label was removed in GitLab in the meantime. Choose again.",
    ),
    (TextRequired("text"), "Paste the text of the email. It belongs in the feedback issue."),
    (
        TextTooLong("text"),
        "The text has more than 3,000 characters. Shorten it here, or post it in GitLab yourself.",
    ),
    (
        NotABookingLink("booking_link"),
        "This isn't a web address. Paste the whole link, such as https://calendar.example.com/you.",
    ),
    (InTheFuture("at"), "That time is in the future."),
    (BeforeTheRequest("at"), "That time is before the customer asked for contact."),
    (
        DeadlinePassed(),
        "The deadline has passed. Reminders after the deadline can't be snoozed.",
    ),
    (ReasonRequired(), "Give a reason, so that colleagues know."),
    (
        OtherWorkspace(),
        "Only members of this workspace can take action or use `/ssat`. Ask a manager of the "
        "support team.",
    ),
    (Guest(), "Guests can't take action or use `/ssat`. Ask a manager of the support team."),
    (NotAHuman(), "Only people can take action."),
    (
        NotAManager(frozenset({"S9", "U2", "U1"})),
        "View only. To take action, ask <!subteam^S9>, <@U1>, <@U2>.",
    ),
    (
        NotAManager(frozenset({"S9", "U1"}), frozenset({"S9"})),
        "View only. To take action, ask <@U1>. The user group `S9` is disabled or deleted in "
        "Slack, so its members can't take action. Ask an owner of the workspace to enable it, or "
        "the bot's administrator to change SSAT_MANAGERS.",
    ),
    (
        NotAManager(frozenset({"S9"}), frozenset({"S9"})),
        "View only. The user group `S9` is disabled or deleted in Slack, so its members can't take "
        "action. Ask an owner of the workspace to enable it, or the bot's administrator to change "
        "SSAT_MANAGERS.",
    ),
    (
        NameYourAccount(),
        "Which GitLab account is yours? Type its username without the @: `/ssat link "
        "your-gitlab-username`.",
    ),
    (
        LinksNotSetUp(BLAKE),
        "`/ssat link` isn't set up here: it needs GITLAB_OAUTH_CLIENT_ID or SSAT_LINK_ISSUE. If "
        "your GitLab profile shows the email that you use in Slack, I'll find your account in a "
        "moment. Otherwise, ask the bot's administrator to add this to the people file: "
        '`U2 = "gitlab-username"`',
    ),
    (
        NoIssueForCodes(BLAKE),
        "The issue where people post their codes can't be found: SSAT_LINK_ISSUE needs a change. "
        "Meanwhile, ask the bot's administrator to add this to the people file: "
        '`U2 = "gitlab-username"`',
    ),
    (
        NoSuchAccount("<!here>"),
        "GitLab has no user &lt;!here&gt;. Your username is the last part of your GitLab profile's "
        "address.",
    ),
    (
        LinkedByFile("avery"),
        "The people file says that you are avery in GitLab. If that's wrong, ask the bot's "
        "administrator to change your line there.",
    ),
    (LinkedAlready("avery"), "You are already linked to avery."),
    (
        ActsAlready("avery"),
        "You are linked to avery, and ssat-bot writes your choices under that name. `/ssat unlink` "
        "ends both.",
    ),
    (
        NotAuthorizable(),
        "GitLab doesn't accept the bot's application. Nothing was changed. Ask the bot's "
        "administrator to check GITLAB_OAUTH_CLIENT_ID.",
    ),
    (
        AccountTaken("avery"),
        "Someone else is linked to avery in GitLab. If that account is yours, ask the bot's "
        "administrator to check `ssat-bot people list`, and then to run `ssat-bot people unlink`.",
    ),
    (
        GitLabSilent(),
        "GitLab isn't answering right now. Nothing was changed. Try again in a moment.",
    ),
    (
        Incomplete(),
        "Slack sent only a part of this, so nothing was changed. Try again. If it happens again, "
        "do it in GitLab and tell the bot's administrator.",
    ),
    (
        FormNotOpened(),
        "Slack did not open the form just now. Nothing was changed; try again in a moment.",
    ),
    (
        TakesLonger(),
        "That's taking too long right now. Try again in a moment.",
    ),
    (CannotTell(), "Slack isn't saying who you are right now. Nothing was changed. Try again."),
]


@pytest.mark.parametrize(
    ("refusal", "words"), _REFUSALS, ids=[type(refusal).__name__ for refusal, _ in _REFUSALS]
)
def test_a_refusal_says_why_and_what_to_do(refusal: Refusal, words: str) -> None:
    assert refusal_words(refusal) == words


def test_every_refusal_there_is_has_words() -> None:
    assert {type(refusal) for refusal, _ in _REFUSALS} == set(leaves(Refusal))


STORIES = Path(__file__).parent.parent / "stories"


def runs(text: str) -> set[str]:
    """Return every four words in a row, whatever marks stand at them."""
    words = text.translate({ord(mark): None for mark in "*`.,:;?"}).split()
    return {" ".join(words[at : at + 4]) for at in range(len(words) - 3)}


def runs_in_stories() -> set[str]:
    modules = [ast.parse(path.read_text()) for path in STORIES.glob("test_*.py")]
    constants = [each for module in modules for each in ast.walk(module)]
    texts = [each.value for each in constants if isinstance(each, ast.Constant)]
    return {run for text in texts if isinstance(text, str) for run in runs(text)}


def test_every_refusal_that_people_read_is_met_in_a_story() -> None:
    said: dict[type[Refusal], set[str]] = {}
    for refusal, words in _REFUSALS:
        said.setdefault(type(refusal), set()).update(runs(words))
    expected = runs_in_stories()
    met = {
        kind
        for kind, own in said.items()
        if (own & expected).difference(*(said[other] for other in said if other is not kind))
    }
    assert said.keys() - met <= {NotIdle}  # what the bot wanted itself, which nobody waits for


def test_of_many_who_may_act_a_few_are_named() -> None:
    everybody = frozenset(f"U{number:02}" for number in range(40))
    assert refusal_words(NotAManager(everybody)).count("<@U") == 10


def test_a_failure_says_where_to_look_and_under_which_number_to_ask() -> None:
    words = failure_words("1a2b3c4d")
    assert "Check the card" in words
    assert "1a2b3c4d" in words


# --- Actions and states ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (Claim(), "claim"),
        (TakeOver(holder=AVERY), "takeover"),
        (Release(), "release"),
        (ChooseLabel(label="feedback::*x*"), "label feedback::\u2217x\u2217"),
        (MarkContacted(channel=Channel.CALL, text=None, at=NOW), "customer contacted"),
    ],
)
def test_every_choice_has_a_name(action: Action, words: str) -> None:
    assert action_words(action) == words


def test_every_state_has_a_mark() -> None:
    assert set(STATE_MARKS) == set(State)


def test_every_channel_has_words() -> None:
    assert set(CHANNELS) == set(Channel)


# --- Times -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counted", "words"),
    [
        (Left(48), "48 business hours left"),
        (Left(1), "1 business hour left"),
        (Left(0), "less than 1 business hour left"),
        (Overdue(), "less than 1 hour overdue"),
        (Overdue(hours=1), "1 hour overdue"),
        (Overdue(hours=24), "24 hours overdue"),
        (Overdue(days=2), "2 days overdue"),
    ],
)
def test_the_time_left_can_be_read_aloud(counted: Left | Overdue, words: str) -> None:
    assert countdown_words(counted) == words


@pytest.mark.parametrize(
    ("late", "words"),
    [
        (timedelta(hours=-44), "on time"),
        (timedelta(0), "on time"),
        (timedelta(seconds=20), "less than a minute late"),
        (timedelta(hours=1), "1 hour late"),
        (timedelta(days=2, hours=3), "2 days and 3 hours late"),
    ],
)
def test_the_promise_can_be_read_aloud(late: timedelta, words: str) -> None:
    assert promise_words(late) == words


# --- What GitLab did not do --------------------------------------------------------------------


GITLAB = Platform.GITLAB


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            Unreachable(GITLAB, "GitLab is failing (502)", 502),
            "Saved; will be sent when GitLab is back (error 502)",
        ),
        (
            Unsettled(GITLAB, "GitLab did not answer in time"),
            "Saved; will be sent when GitLab is back (GitLab did not answer in time)",
        ),
        (
            Throttled(GITLAB, 30.0),
            "Saved; will be sent when GitLab is back (too many requests)",
        ),
        # Of what does not pass by itself, the administrator is named.
        (
            Denied(GITLAB, "401", "GITLAB_TOKEN is not valid: replace it"),
            "Saved; will be sent when the bot's administrator has fixed this (GitLab does not "
            "accept GITLAB_TOKEN)",
        ),
        (
            Untrusted(GITLAB, "GitLab's certificate is not trusted (self-signed certificate): …"),
            "Saved; will be sent when the bot's administrator has fixed this (GitLab's "
            "certificate is not trusted)",
        ),
    ],
)
def test_what_waits_says_for_what(error: PlatformError, said: str) -> None:
    assert waiting_words(problem_words(error)) == said


def test_what_an_older_release_has_noted_reads_well_enough() -> None:
    assert waiting_words("GitLab is failing (502)") == (
        "Saved; will be sent when GitLab is back (GitLab is failing (502))"
    )


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Rejected(GITLAB, "403", "Forbidden"), "Error 403: Forbidden"),
        (Missing(GITLAB, "404", "Not found"), "Error 404: Not found"),
    ],
)
def test_what_gitlab_rejects_is_told_with_its_own_words(error: PlatformError, words: str) -> None:
    assert problem_words(error) == words
