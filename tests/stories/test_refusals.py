"""Choices that no longer fit: what people are told, and that nothing they typed is lost.

Somebody changes the issue in GitLab, or a colleague is faster in Slack, while a form is open, a
card is looked at, or a choice waits for GitLab.
"""

import copy
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from slackbot.blocks.text import without_scope
from slackbot.local.gitlab import Issue
from slackbot.local.slack import Ephemeral, Message, Outcome
from slackbot.local.slack import User as SlackUser
from slackbot.rules.outreach import TEXT_LIMIT
from slackbot.rules.request import IssueKey
from slackbot.store.decisions import Status
from tests.stories.test_contacting import EMAIL
from tests.stories.test_following_up import FOLLOW_UP, GROUP, GROUPS, KNOW, MANAGER, NAMES, opened
from tests.stories.test_good_reviews import good_review, looked_for_idle
from tests.stories.test_reminders import AROUND_THE_CLOCK, DEADLINE, overdue, reminded
from tests.stories.test_reviewing import SUMMARY, bad_feedback, comment
from tests.town import CONTACT, CONTACTED, Town, as_seen, text_of

SOFT_SKILLS, OUTSIDE = "feedback::soft-skills", "feedback::outside-support"
TYPED = "This took me an hour to write."
BLANK = " \u3164 "
"""Slack's client takes it for a text, and nobody can read it."""

WHY, OWN_WORDS, DEPENDS = "Why?", "In your own words", "What does this feedback depend on?"
REASON = "Another feedback says the same"
NOT_SEEN = "Nobody saw the request"
IS_CLOSED = (
    "The issue is closed already. In the menu, Add note… adds words to it, and Reopen… opens it "
    "again."
)
ASKED = (
    "This customer has asked for contact, so nothing was done. Contact them, or use Close without "
    "contact… in the menu."
)
NOT_MISSED = "The deadline was not missed, so there is nothing to explain."
IS_GONE = "The issue was deleted or moved in GitLab."

Place = Message | Ephemeral
Scene = Callable[[Town], Awaitable[tuple[Issue, Place]]]
Meanwhile = Callable[[Town, Issue], Awaitable[None]]


# --- What people have before them --------------------------------------------------------------


async def waiting(town: Town) -> tuple[Issue, Place]:
    return await town.request()


async def overdue_card(town: Town) -> tuple[Issue, Place]:
    issue, _ = await town.request()
    town.clock.forward(days=7)
    return issue, await town.card(issue, "🔴 Overdue")


async def closed_card(town: Town) -> tuple[Issue, Place]:
    issue, _ = await town.request()
    town.gitlab.close(issue, by=town.duty_gitlab)
    return issue, await town.card(issue, "Closed without contact")


async def contacted_card(town: Town) -> tuple[Issue, Place]:
    issue, card = await town.request()
    await town.mark_contacted(town.avery, card, **{"What you sent": EMAIL})
    return issue, await town.card(issue, "Contacted on time", delivered=True)


async def labeled_card(town: Town) -> tuple[Issue, Place]:
    issue = town.feedback(labels=[CONTACT, OUTSIDE])
    return issue, await town.card(issue, without_scope(OUTSIDE))


async def bad_row(town: Town) -> tuple[Issue, Place]:
    """A row of ``/ssat``: nobody asked for contact, so there is no card."""
    return await bad_feedback(town)


async def mixed_row(town: Town) -> tuple[Issue, Place]:
    """Nothing says whether it is good or bad."""
    issue = town.feedback("Feedback for ticket 412345", description=None, labels=[])
    await town.settled()
    return issue, await town.asks(town.avery)


# --- What happens meanwhile --------------------------------------------------------------------


async def reopens(town: Town, issue: Issue) -> None:
    town.gitlab.reopen(issue, by=town.blake_gitlab)


async def closes(town: Town, issue: Issue) -> None:
    town.gitlab.close(issue, by=town.blake_gitlab)


async def asks_for_contact(town: Town, issue: Issue) -> None:
    town.gitlab.change_labels(issue, add=[CONTACT], by=town.blake_gitlab)


async def withdraws(town: Town, issue: Issue) -> None:
    town.gitlab.change_labels(issue, remove=[CONTACT], by=town.blake_gitlab)
    town.gitlab.edit(issue, description="Never mind.", by=town.blake_gitlab)


async def takes_contact_back(town: Town, issue: Issue) -> None:
    town.gitlab.change_labels(issue, remove=[CONTACTED], by=town.blake_gitlab)


async def contacts(town: Town, issue: Issue) -> None:
    card = await town.card(issue)
    assert (await town.mark_contacted(town.blake, card, channel="Call")).errors == {}
    await town.card(issue, "Contacted on time", delivered=True)


async def contacted_in_time(town: Town, issue: Issue) -> None:
    """Somebody notes only now that the customer was called."""
    called = {"channel": "Call", "When": town.clock() - timedelta(days=6)}
    card = await town.card(issue)
    assert (await town.mark_contacted(town.blake, card, **called)).errors == {}
    await town.card(issue, "on time", delivered=True)


async def contacts_in_gitlab(town: Town, issue: Issue) -> None:
    town.gitlab.change_labels(issue, add=[CONTACTED], by=town.blake_gitlab)


async def unlabels(town: Town, issue: Issue) -> None:
    town.gitlab.change_labels(issue, remove=[OUTSIDE], by=town.blake_gitlab)


async def labels(town: Town, issue: Issue) -> None:
    town.gitlab.change_labels(issue, add=[SOFT_SKILLS], remove=[OUTSIDE], by=town.blake_gitlab)


async def the_deadline_passes(town: Town, issue: Issue) -> None:
    town.clock.forward(days=7)
    await town.card(issue, "🔴 Overdue")


async def deletes(town: Town, issue: Issue) -> None:
    town.gitlab.edit(issue, title="About to go", by=town.blake_gitlab)  # GitLab tells of no more
    town.gitlab.delete_issue(issue)
    key = IssueKey(town.project.id, issue.iid)
    await town.slack.wait_for(lambda: town.on_record()[key].is_gone)


async def an_hour_passes(town: Town, _: Issue) -> None:
    town.clock.forward(hours=1)


# --- A form that no longer fits ----------------------------------------------------------------


async def refused(town: Town, user: SlackUser, inputs: dict[str, Any]) -> Outcome:
    """Fill in the open form and send it; it is refused, stays as it is, and nothing comes of it."""
    form = await town.slack.enter(user, inputs)
    entered, before = copy.deepcopy(form.values), town.choices()
    outcome = await town.slack.submit(user)
    assert outcome.response_action == "errors"
    assert town.slack.open_view(user) is form
    assert form.values == entered
    await town.settled()
    assert town.choices() == before
    return outcome


STALE: list[Any] = [
    pytest.param(
        closed_card,
        "Reopen…",
        {OWN_WORDS: TYPED},
        reopens,
        {"text": "The issue is open in GitLab already."},
        id="reopen-what was reopened",
    ),
    pytest.param(
        bad_row,
        "Close…",
        {WHY: REASON, OWN_WORDS: TYPED},
        asks_for_contact,
        {"reason": ASKED},
        id="close-what asks for contact by now",
    ),
    pytest.param(
        mixed_row,
        "Kudos…",
        {OWN_WORDS: TYPED},
        asks_for_contact,
        {"thanks": ASKED},
        id="kudos-and close what asks for contact by now",
    ),
    pytest.param(
        waiting,
        "Close without contact…",
        {WHY: REASON, OWN_WORDS: TYPED},
        closes,
        {"reason": IS_CLOSED},
        id="close-what was closed",
    ),
    pytest.param(
        waiting, "Waiting on…", {DEPENDS: TYPED}, closes, {"text": IS_CLOSED}, id="wait-for nothing"
    ),
    pytest.param(
        contacted_card,
        "Undo contacted…",
        {WHY: TYPED},
        takes_contact_back,
        {"text": "No contact with this customer is on record."},
        id="undo-what was undone",
    ),
    pytest.param(
        overdue_card,
        "Explain missed deadline…",
        {WHY: NOT_SEEN, OWN_WORDS: TYPED},
        contacted_in_time,
        {"reason": NOT_MISSED},
        id="explain-what a colleague did in time",
    ),
    pytest.param(
        waiting,
        "Mark contacted",
        {"What you sent": TYPED},
        contacts,
        {"channel": "Blake Sample has already contacted this customer."},
        id="contact-whom a colleague has contacted",
    ),
    pytest.param(
        waiting,
        "Mark contacted",
        {"What you sent": TYPED},
        contacts_in_gitlab,
        {"channel": "Blake Sample has already contacted this customer."},
        id="contact-whom somebody has contacted by GitLab",
    ),
    pytest.param(
        labeled_card,
        "Change label…",
        {"Feedback label": "No feedback label"},
        unlabels,
        {"label": "The feedback label was removed in GitLab in the meantime. Choose again."},
        id="clear-what was cleared",
    ),
    pytest.param(
        labeled_card,
        "Change label…",
        {"Feedback label": "No feedback label"},
        labels,
        {
            "label": f"The feedback label was changed to {SOFT_SKILLS} in the meantime. Choose "
            "again if you want another one."
        },
        id="clear-what has another label",
    ),
    pytest.param(
        labeled_card,
        "Change label…",
        {"Feedback label": SOFT_SKILLS},
        labels,
        {"label": "The request already has this feedback label."},
        id="label-what has this label",
    ),
    pytest.param(
        waiting,
        "Snooze…",
        {"Pause reminders": "For 1 hour", WHY: TYPED},
        the_deadline_passes,
        {"until": "The deadline has passed. Reminders after the deadline can't be snoozed."},
        id="snooze-what is overdue",
    ),
    pytest.param(
        waiting,
        "Snooze…",
        {"Pause reminders": "For 1 hour", WHY: TYPED},
        contacts,
        {"until": "Blake Sample has already contacted this customer."},
        id="snooze-whom a colleague has contacted",
    ),
]


@pytest.mark.parametrize(("scene", "offer", "inputs", "meanwhile", "errors"), STALE)
async def test_a_form_that_no_longer_fits_is_refused_in_words_and_stays_filled(
    town: Town,
    scene: Scene,
    offer: str,
    inputs: dict[str, Any],
    meanwhile: Meanwhile,
    errors: dict[str, str],
) -> None:
    issue, place = await scene(town)
    await opened(town, place, offer)
    await meanwhile(town, issue)
    await town.settled()
    comments = len(issue.comments)
    assert (await refused(town, town.avery, inputs)).errors == errors
    assert len(issue.comments) == comments


EVERY_FORM: list[tuple[Scene, str, dict[str, Any]]] = [
    (waiting, "Mark contacted", {"What you sent": TYPED}),
    (waiting, "Review…", {SUMMARY: TYPED}),
    (waiting, "Draft email…", {"Email": TYPED}),
    (waiting, "Change label…", {"Feedback label": SOFT_SKILLS}),
    (waiting, "Add note…", {"Note": TYPED}),
    (waiting, "Waiting on…", {DEPENDS: TYPED}),
    (waiting, FOLLOW_UP, {"Title": TYPED}),
    (waiting, MANAGER, {NAMES: "duty", KNOW: TYPED}),
    (waiting, GROUP, {GROUPS: "gitlab-org/manage", KNOW: TYPED}),
    (waiting, "Snooze…", {"Pause reminders": "For 1 hour", WHY: TYPED}),
    (waiting, "Close without contact…", {WHY: REASON, OWN_WORDS: TYPED}),
    (overdue_card, "Explain missed deadline…", {WHY: NOT_SEEN, OWN_WORDS: TYPED}),
    (contacted_card, "Undo contacted…", {WHY: TYPED}),
    (closed_card, "Reopen…", {OWN_WORDS: TYPED}),
]


@pytest.mark.parametrize(
    ("scene", "offer", "inputs"), EVERY_FORM, ids=[offer for _, offer, _ in EVERY_FORM]
)
async def test_the_form_of_an_issue_that_was_deleted_meanwhile_says_so_and_stays_filled(
    town: Town, scene: Scene, offer: str, inputs: dict[str, Any]
) -> None:
    town.gitlab.add_group("gitlab-org/manage", public=True)
    issue, place = await scene(town)
    await opened(town, place, offer)
    await deletes(town, issue)
    assert list((await refused(town, town.avery, inputs)).errors.values()) == [IS_GONE]


async def test_who_is_slower_to_send_kudos_is_told_who_gave_them_and_keeps_the_words(
    town: Town,
) -> None:
    issue, row = await good_review(town)
    others = await town.asks(town.blake, "good")
    assert (await town.slack.choose(town.blake, others, "menu", "Kudos…")).ok
    assert (await town.slack.choose(town.avery, row, "menu", "Kudos…")).ok
    assert (await town.slack.submit(town.avery, {OWN_WORDS: "Well done!"})).ok
    await town.settled()
    assert (await refused(town, town.blake, {OWN_WORDS: TYPED})).errors == {
        "thanks": "Avery Example has already given kudos for this feedback."
    }
    assert len(issue.comments) == 1


# --- A form that lacks something ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("scene", "offer", "inputs", "errors", "right"),
    [
        (waiting, "Add note…", {"Note": BLANK}, {"text": "Write the note."}, {"Note": TYPED}),
        (
            waiting,
            "Waiting on…",
            {DEPENDS: BLANK},
            {"text": "Say what this feedback still depends on."},
            {DEPENDS: TYPED},
        ),
        (
            waiting,
            "Close without contact…",
            {WHY: "For another reason", OWN_WORDS: BLANK},
            {"text": "Say why in your own words."},
            {OWN_WORDS: TYPED},
        ),
        (
            overdue_card,
            "Explain missed deadline…",
            {WHY: "For another reason"},
            {"text": "Say why in your own words."},
            {OWN_WORDS: TYPED},
        ),
        (
            contacted_card,
            "Undo contacted…",
            {WHY: BLANK},
            {"text": "Say why, so that colleagues understand the issue."},
            {WHY: TYPED},
        ),
        (
            waiting,
            FOLLOW_UP,
            {"Title": BLANK},
            {"title": "Give the issue a title."},
            {"Title": TYPED},
        ),
        (
            waiting,
            GROUP,
            {GROUPS: " , ", KNOW: TYPED},
            {"names": "Name at least one group."},
            {GROUPS: "gitlab-org/manage"},
        ),
        (
            waiting,
            GROUP,
            {GROUPS: "gitlab-org/manage", KNOW: BLANK},
            {"text": "Write what they should know."},
            {KNOW: TYPED},
        ),
    ],
)
async def test_what_a_form_lacks_is_said_at_its_field_and_can_be_put_right(
    town: Town,
    scene: Scene,
    offer: str,
    inputs: dict[str, Any],
    errors: dict[str, str],
    right: dict[str, Any],
) -> None:
    town.gitlab.add_group("gitlab-org/manage", public=True)
    issue, place = await scene(town)
    await opened(town, place, offer)
    assert (await refused(town, town.avery, inputs)).errors == errors
    assert (await town.slack.submit(town.avery, right)).errors == {}
    await comment(town, issue, TYPED)


async def test_a_draft_that_is_too_long_is_refused_and_stays_filled(town: Town) -> None:
    """Slack's client lets nobody send so much: it is what another client might."""
    _, card = await town.request()
    form = await opened(town, card, "Draft email…")
    sent = await town.slack.submit(town.avery, {"Email": TYPED})
    await town.slack.close_view(town.avery)
    assert town.slack.open_view(town.avery) is form
    forged = json.loads(json.dumps(sent.payload).replace(TYPED, "x" * (TEXT_LIMIT + 1)))
    outcome = await town.slack.replay(forged)
    assert list(outcome.errors.values()) == [
        "The text has more than 3,000 characters. Shorten it here, or post it in GitLab yourself."
    ]
    assert TYPED in str(town.slack.open_view(town.avery).values)
    assert town.choices() == []


# --- A form that still fits --------------------------------------------------------------------


@pytest.mark.parametrize("meanwhile", [an_hour_passes, closes], ids=["an hour later", "closed"])
@pytest.mark.parametrize(
    ("offer", "inputs", "words"),
    [
        (MANAGER, {NAMES: "duty", KNOW: TYPED}, "**For your attention**, @duty, from"),
        (
            GROUP,
            {GROUPS: "gitlab-org/manage", KNOW: TYPED},
            "**For your attention**, @gitlab-org/manage, from",
        ),
        (FOLLOW_UP, {"Title": TYPED}, "**Follow-up issue** by Avery Example"),
        ("Add note…", {"Note": TYPED}, "**Note** by Avery Example"),
        ("Review…", {SUMMARY: TYPED}, "**Reviewed** by Avery Example"),
        ("Mark contacted", {"What you sent": TYPED}, "**Customer contacted** by email"),
    ],
    ids=lambda each: each if isinstance(each, str) and each.endswith("…") else "",
)
async def test_what_is_said_about_a_feedback_counts_after_an_hour_and_on_a_closed_issue(
    town: Town, offer: str, inputs: dict[str, Any], words: str, meanwhile: Meanwhile
) -> None:
    town.gitlab.add_group("gitlab-org/manage", public=True)
    issue, card = await town.request()
    await opened(town, card, offer)
    await meanwhile(town, issue)
    await town.settled()
    state = issue.state
    assert (await town.slack.submit(town.avery, inputs)).errors == {}
    assert TYPED in await comment(town, issue, words)
    await town.settled()
    assert town.choices() == [Status.DELIVERED]
    assert issue.state == ("closed" if offer == "Mark contacted" else state)


# --- A click on what looks different by now ----------------------------------------------------


@pytest.mark.parametrize("button", ["Claim", "Take over"])
@pytest.mark.parametrize("where", ["in Slack", "in GitLab"])
async def test_who_clicks_what_a_colleague_has_claimed_meanwhile_is_told_who_owns_it(
    town: Town, button: str, where: str
) -> None:
    issue, card = await town.request()
    if button == "Take over":
        assert (await town.slack.click(town.casey, card, "Claim")).ok
        card = await town.claimed(issue, "Casey Nolink")
    before, user = as_seen(card), town.blake
    if where == "in Slack":
        assert (await town.slack.click(user, card, button)).ok
    else:
        town.gitlab.assign(issue, town.blake_gitlab, by=town.duty_gitlab)
    await town.claimed(issue, "Blake Sample")
    await town.settled()
    choices = town.choices()

    assert (await town.slack.click(town.avery, before, button)).ok
    await town.told(
        town.avery,
        "Blake Sample owns this request. If you two have agreed on it, use *Take over* on the "
        "card.",
    )
    await town.settled()
    assert town.choices() == choices
    assert issue.assigned_to == ["blake.sample"]


async def test_a_click_that_explains_a_deadline_kept_after_all_is_told_so(
    quiet_town: Town,
) -> None:
    town = quiet_town
    async with town.bot_running(**AROUND_THE_CLOCK):
        issue = await overdue(town)
        reminder = as_seen(await reminded(town, DEADLINE))
        called = {"channel": "Call", "When": town.clock() - timedelta(days=1)}
        assert (await town.mark_contacted(town.blake, await town.card(issue), **called)).ok
        await town.card(issue, "on time", delivered=True)
        choices = town.choices()
        assert (await town.slack.choose(town.avery, reminder, "Why was it late?", NOT_SEEN)).ok
        await town.told(town.avery, NOT_MISSED)
        assert town.choices() == choices


# --- A choice that waits for GitLab ------------------------------------------------------------


async def chosen_while_gitlab_is_away(
    town: Town, scene: Scene, offer: str, inputs: dict[str, Any], meanwhile: Meanwhile
) -> Issue:
    """Let Avery send a form that fits, and somebody change the issue before GitLab has it."""
    issue, place = await scene(town)
    await town.settled()
    await opened(town, place, offer)
    town.gitlab.down()
    assert (await town.slack.submit(town.avery, inputs)).errors == {}
    await meanwhile(town, issue)
    town.gitlab.up()
    town.clock.forward(minutes=6)
    return issue


@pytest.mark.parametrize(
    ("scene", "offer", "inputs", "meanwhile", "words"),
    [
        pytest.param(
            closed_card,
            "Reopen…",
            {OWN_WORDS: TYPED},
            reopens,
            "The issue is open in GitLab already.",
            id="reopen-what was reopened",
        ),
        pytest.param(
            bad_row,
            "Close…",
            {WHY: REASON, OWN_WORDS: TYPED},
            asks_for_contact,
            ASKED,
            id="close-what asks for contact by now",
        ),
        pytest.param(
            mixed_row,
            "Kudos…",
            {OWN_WORDS: TYPED},
            asks_for_contact,
            ASKED,
            id="kudos-and close what asks for contact by now",
        ),
        pytest.param(
            waiting, "Waiting on…", {DEPENDS: TYPED}, closes, IS_CLOSED, id="wait-for nothing"
        ),
        pytest.param(
            contacted_card,
            "Undo contacted…",
            {WHY: TYPED},
            takes_contact_back,
            "No contact with this customer is on record.",
            id="undo-what was undone",
        ),
        pytest.param(
            overdue_card,
            "Explain missed deadline…",
            {WHY: NOT_SEEN, OWN_WORDS: TYPED},
            withdraws,
            NOT_MISSED,
            id="explain-what was withdrawn",
        ),
    ],
)
async def test_a_choice_that_no_longer_fits_is_told_in_the_thread_with_what_was_typed(
    town: Town,
    scene: Scene,
    offer: str,
    inputs: dict[str, Any],
    meanwhile: Meanwhile,
    words: str,
) -> None:
    issue = await chosen_while_gitlab_is_away(town, scene, offer, inputs, meanwhile)
    told = await town.thread(issue, "<@U0AVERY>", "not carried out", words)
    assert TYPED in text_of(told)
    assert told.pings == {"<@U0AVERY>"}
    await town.card(issue, "GitLab rejected this:", words)
    await town.settled()
    assert town.choices()[-1] == Status.REFUSED
    assert not [each for each in issue.comments if TYPED in each.body]


async def test_a_choice_about_feedback_without_a_card_comes_back_by_direct_message(
    town: Town,
) -> None:
    issue = await chosen_while_gitlab_is_away(
        town, bad_row, "Waiting on…", {DEPENDS: TYPED}, closes
    )
    [told] = await town.slack.wait_for(lambda: town.slack.direct_messages(town.avery))
    assert IS_CLOSED in text_of(told)
    assert TYPED in text_of(told)
    await town.settled()
    assert town.cards == []
    assert issue.comments == []


@pytest.mark.parametrize(
    ("offer", "inputs"),
    [
        (MANAGER, {NAMES: "duty", KNOW: TYPED}),
        (GROUP, {GROUPS: "gitlab-org/manage", KNOW: TYPED}),
        (FOLLOW_UP, {"Title": "To discuss", "Description": TYPED}),
        ("Review…", {SUMMARY: TYPED}),
        ("Add note…", {"Note": TYPED}),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
async def test_what_was_said_about_an_issue_that_was_deleted_comes_back_to_the_person(
    town: Town, offer: str, inputs: dict[str, Any]
) -> None:
    town.gitlab.add_group("gitlab-org/manage", public=True)

    async def is_deleted(town: Town, issue: Issue) -> None:
        town.gitlab.delete_issue(issue)

    issue = await chosen_while_gitlab_is_away(town, waiting, offer, inputs, is_deleted)
    told = await town.thread(issue, "<@U0AVERY>", "not carried out", IS_GONE)
    assert TYPED in text_of(told)
    await town.settled()
    assert town.follow_ups.issues == {}


# --- What the bot wants to do itself -----------------------------------------------------------


async def test_a_good_review_that_the_bot_leaves_open_because_somebody_acted_is_told_to_nobody(
    quiet_town: Town,
) -> None:
    town = quiet_town
    async with town.bot_running(ssat_close_good="true"):
        issue, _ = await good_review(town)
        told = len(town.slack.ephemerals)
        late = town.gitlab.faults.add(method="GET", path="resource_label_events", hang=60)
        town.clock.forward(days=7, hours=1)
        await town.in_gitlab(lambda: late.left == 0)
        town.gitlab.hooks[-1].lose = True
        town.gitlab.comment(issue, "I will tell the team.", by=town.blake_gitlab)
        town.gitlab.faults.release()
        await town.slack.wait_for(lambda: town.choices() == [Status.DROPPED])
        await looked_for_idle(town)
    assert issue.state == "opened"
    assert town.cards == []
    assert len(town.slack.ephemerals) == told
    assert [town.slack.direct_messages(each) for each in (town.avery, town.blake)] == [[], []]
