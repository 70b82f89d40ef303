"""What a feedback leads to: an issue to discuss it, and people who are told in its own issue."""

import json
from typing import Any

import pytest

from slackbot.app import connect
from slackbot.handlers import acting, following_up
from slackbot.local.gitlab import Issue
from slackbot.local.slack import Message, Outcome, View, links
from slackbot.platforms.errors import PLATFORM_TIMEOUT
from slackbot.rebuild import rebuild_record
from tests.stories.test_rebuild import backed_up, restore
from tests.stories.test_reviewing import SUMMARY, bad_feedback, comment, more
from tests.town import CONTACT, FAST, FOLLOW_UPS, Town, text_of

FOLLOW_UP, MANAGER, GROUP = "Follow-up issue…", "Tell a manager…", "Tell a product group…"
KNOW, NAMES, GROUPS = "What should they know?", "GitLab usernames", "Product groups"
TITLE = "Three days of silence"
CREATED = "🔗 Avery Example created a <"
JSON = {"Content-Type": "application/json"}
LOST = [
    pytest.param({"drop": True, "when": "before"}, id="dropped before the effect"),
    pytest.param({"drop": True, "when": "after"}, id="dropped after the effect"),
    pytest.param({"status": 502, "when": "before"}, id="502 before the effect"),
    pytest.param({"status": 502, "when": "after"}, id="502 after the effect"),
]


async def opened(town: Town, place: Any, offer: str) -> View:
    """Open a form from the list of all that can be done."""
    assert (await town.slack.choose(town.avery, place, "menu", "More…")).ok
    everything = town.slack.open_view(town.avery)
    assert (await town.slack.click(town.avery, everything, offer)).ok
    return town.slack.open_view(town.avery)


async def follow_up(town: Town, card: Any, **inputs: Any) -> Outcome:
    outcome = await more(town, card, FOLLOW_UP, **({"Title": TITLE} | inputs))
    assert outcome.ok
    assert not town.slack.views[town.avery.id]
    return outcome


async def delivered(town: Town, issue: Issue) -> Message:
    await town.thread(issue, CREATED)
    await town.settled()
    return await town.card(issue, "🟠 Unclaimed", delivered=True)


def created(town: Town) -> Issue:
    """The one issue that was created."""
    [issue] = town.follow_ups.issues.values()
    return issue


def notes(issue: Issue) -> list[str]:
    return [each.body for each in issue.comments]


def related(issue: Issue) -> list[Issue]:
    return [link.other(issue) for link in issue.links]


def is_done_once(town: Town, issue: Issue) -> bool:
    """Whether there is one issue, one note with its address, one relation, one step."""
    follow_up = created(town)
    [note] = notes(issue)
    steps = [step for step in town.steps(issue) if step.startswith(CREATED)]
    url = f"{town.gitlab.url}/{town.follow_ups.path}/-/issues/{follow_up.iid}"
    return url in note and related(issue) == [follow_up] and len(steps) == 1


# --- A follow-up issue -------------------------------------------------------------------------


async def test_a_follow_up_issue_is_created_noted_and_linked(town: Town) -> None:
    issue, card = await town.request()
    await follow_up(town, card, Description="They waited.\n/close\n@blake said so.")
    await delivered(town, issue)

    made = created(town)
    assert made.title == TITLE
    assert made.confidential
    assert made.labels == []
    assert made.description is not None
    address = f"{town.gitlab.url}/{town.project.path}/-/issues/{issue.iid}"
    assert made.description.startswith(
        f"**Follow-up** to {address} by Avery Example (`@avery`).\n\n"
        "> They waited.\n> /close\n> \\@blake said so.\n\n<!-- ssat-bot: "
    )
    [note] = notes(issue)
    assert note.startswith(
        "**Follow-up issue** by Avery Example (`@avery`): "
        f"{town.gitlab.url}/{FOLLOW_UPS}/-/issues/1\n\n> {TITLE}\n\n<!-- ssat-bot: "
    )
    assert is_done_once(town, issue)
    assert issue.state == "opened"
    told = await town.thread(issue, CREATED)
    assert f"<{town.gitlab.url}/{FOLLOW_UPS}/-/issues/1|follow-up issue>" in told.text
    assert town.choices() == ["delivered"]
    assert TITLE not in town.everything_stored()


async def test_the_form_has_the_customers_words_and_the_reviews_points(town: Town) -> None:
    _, card = await town.request()
    await more(
        town,
        card,
        "Review…",
        **{SUMMARY: "They waited.\n@blake saw <it>.", "Action to be taken": "Ask the team."},
    )
    await town.slack.close_view(town.avery)
    await town.settled()
    [card] = town.cards

    view = await opened(town, card, FOLLOW_UP)
    assert view.values["title"]["title"]["value"] == (
        "Follow-up: Negative feedback for ticket 412345"
    )
    assert view.values["text"]["text"]["value"] == (
        "Ticket 412345 · https://support.gitlab.com/hc/requests/412345 · Example Ltd · score 2\n\n"
        "What the customer wrote:\nNobody answered for three days.\n\n"
        "Summary of ticket/feedback:\nThey waited.\n@blake saw <it>.\n\n"
        "Action to be taken:\nAsk the team.\n\n"
        "To discuss:\n"
    )
    assert f"A new issue in {FOLLOW_UPS}." in text_of(view)


async def test_a_review_on_its_way_is_in_the_form_although_gitlab_is_down(town: Town) -> None:
    _, card = await town.request()
    town.gitlab.down()
    answers = {SUMMARY: "They waited.", "contact": "No", "Action to be taken": "Ask the team."}
    await more(town, card, "Review…", **answers)
    view = await opened(town, card, FOLLOW_UP)
    text = view.values["text"]["text"]["value"]
    assert "Summary of ticket/feedback:\nThey waited.\n" in text


async def test_the_projects_own_template_can_begin_the_description(quiet_town: Town) -> None:
    town = quiet_town
    template = "## What we learn\n\n<!-- Be kind. -->\n\n/label ~retro"
    town.follow_ups.issue_templates["Feedback"] = template
    async with town.bot_running(ssat_follow_up_template="Feedback"):
        issue, card = await town.request()
        view = await opened(town, card, FOLLOW_UP)
        assert view.values["text"]["text"]["value"].endswith(
            "Nobody answered for three days.\n\n## What we learn"
        )
        assert (await town.slack.submit(town.avery, {})).ok
        await delivered(town, issue)
        assert "\n> ## What we learn\n" in str(created(town).description)
        # Without the template, the bot's own text serves.
        del town.follow_ups.issue_templates["Feedback"]
        view = await opened(town, town.cards[0], FOLLOW_UP)
        assert view.values["text"]["text"]["value"].endswith("To discuss:\n")


@pytest.mark.impatient
async def test_a_form_does_not_wait_for_a_template(
    quiet_town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following_up, "PATIENCE_SECONDS", 0.05)
    town = quiet_town
    async with town.bot_running(ssat_follow_up_template="Feedback"):
        _, card = await town.request()
        town.gitlab.faults.add(path="/templates/", hang=60)
        view = await opened(town, card, FOLLOW_UP)
        assert view.values["text"]["text"]["value"].endswith("To discuss:\n")
        town.gitlab.faults.release()


async def test_a_follow_up_need_not_be_confidential(town: Town) -> None:
    issue, card = await town.request()
    await follow_up(town, card, Confidential=[])
    await delivered(town, issue)
    assert not created(town).confidential


async def test_feedback_that_asks_for_no_contact_is_followed_up_too(town: Town) -> None:
    issue, row = await bad_feedback(town)
    assert (await more(town, row, FOLLOW_UP, Title=TITLE)).ok
    # No card would show it, and no thread tells of it.
    assert town.slack.open_view(town.avery).title == "Saved"
    await comment(town, issue, "**Follow-up issue** by Avery Example")
    await town.settled()
    assert related(issue) == [created(town)]
    [told] = await town.slack.wait_for(lambda: town.slack.direct_messages(town.avery))
    assert any(each.endswith(f"/-/issues/{created(town).iid}") for each in links(told.blocks))
    assert "ticket 412345" in text_of(told)


async def test_a_follow_up_without_a_title_is_refused_at_its_field(town: Town) -> None:
    _, card = await town.request()
    outcome = await more(town, card, FOLLOW_UP, Title=" \u3164 ")
    assert outcome.errors == {"title": "Give the issue a title."}
    assert town.follow_ups.issues == {}


async def test_a_follow_up_sent_twice_is_one(town: Town) -> None:
    issue, card = await town.request()
    outcome = await follow_up(town, card)
    assert (await town.slack.replay(outcome)).ok
    await delivered(town, issue)
    assert is_done_once(town, issue)


@pytest.mark.parametrize("trouble", LOST)
@pytest.mark.parametrize("path", ["/issues$", "/notes$", "/links$"])
async def test_what_gitlab_does_not_answer_is_done_once(
    town: Town, path: str, trouble: dict[str, Any]
) -> None:
    issue, card = await town.request()
    fault = town.gitlab.faults.add(method="POST", path=path, **trouble)
    await follow_up(town, card)
    await town.in_gitlab(lambda: fault.left == 0)
    await town.settled()
    town.clock.forward(seconds=3)
    await delivered(town, issue)
    assert is_done_once(town, issue)


@pytest.mark.parametrize("path", ["/issues$", "/notes$", "/links$"])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_bot_that_stops_at_any_step_does_the_rest(
    quiet_town: Town, path: str, when: Any
) -> None:
    town = quiet_town
    async with town.bot_running():
        issue, card = await town.request()
        fault = town.gitlab.faults.add(method="POST", path=path, when=when, hang=60)
        await follow_up(town, card)
        await town.in_gitlab(lambda: fault.left == 0)
        town.gitlab.down()  # what is under way is not answered
        town.gitlab.faults.release()
        town.gitlab.faults.add(method="POST", status=502, times=None)
    town.gitlab.faults.clear()
    town.clock.forward(seconds=PLATFORM_TIMEOUT.total_seconds() + 1)
    async with town.bot_running():
        await delivered(town, issue)
        assert is_done_once(town, issue)


async def test_an_issue_that_was_created_is_known_though_somebody_deletes_its_marker(
    town: Town,
) -> None:
    issue, card = await town.request()
    fault = town.gitlab.faults.add(method="POST", path="/notes$", status=502, times=None)
    await follow_up(town, card)
    await town.in_gitlab(lambda: town.follow_ups.issues)
    await town.card(issue, "⏳ Saved")
    await town.settled()
    town.gitlab.edit(created(town), description="Rewritten", by=town.avery_gitlab)
    town.gitlab.faults.pending.remove(fault)
    town.clock.forward(minutes=6)
    await delivered(town, issue)
    assert is_done_once(town, issue)


async def test_a_record_that_is_lost_creates_nothing_again(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running():
        issue, card = await town.request()
        await town.settled()
        town.gitlab.down()
        await follow_up(town, card)
        await town.card(issue, "⏳ Saved")
        await town.idle_but_for_gitlab()
    backup = backed_up(town)
    town.gitlab.up()
    async with town.bot_running():
        town.clock.forward(minutes=6)
        await delivered(town, issue)
    await restore(town, backup)
    [link] = issue.links  # as if the bot had been killed before it
    issue.links.remove(link)
    created(town).links.remove(link)
    async with connect(town.set_up(), FAST) as clients:
        await rebuild_record(town.set_up(), clients, lambda *_: None, clock=town.clock)
    async with town.bot_running():
        town.clock.forward(minutes=6)
        await town.card(issue, "🟠 Unclaimed", delivered=True)
        await town.settled()
        assert is_done_once(town, issue)
    town.lose_record()
    async with connect(town.set_up(), FAST) as clients:
        await rebuild_record(town.set_up(), clients, lambda *_: None, clock=town.clock)
    async with town.bot_running():
        await town.settled()
        assert is_done_once(town, issue)


# --- A project that takes no issues ------------------------------------------------------------


def hidden(town: Town, *, mend: bool) -> None:
    town.gitlab.add_member(town.follow_ups, town.bot, 10 if mend else 0)


def archived(town: Town, *, mend: bool) -> None:
    town.follow_ups.archived = not mend


def without_issues(town: Town, *, mend: bool) -> None:
    town.follow_ups.issues_enabled = mend


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (hidden, "GitLab has no such project, or hides it from the bot."),
        (archived, "the project is archived. Set another one"),
        (without_issues, "issues are disabled in the project. Enable them"),
    ],
)
async def test_a_project_that_takes_no_issues_is_named_and_tried_again_once_mended(
    town: Town, spoil: Any, why: str
) -> None:
    issue, card = await town.request()
    spoil(town, mend=False)
    await follow_up(town, card, Description="They waited.")

    told = await town.thread(issue, "<@U0AVERY>", why, f"No issue can be created in {FOLLOW_UPS}")
    assert "(SSAT_FOLLOW_UP_PROJECT). Ask the bot's administrator, then try again." in told.text
    assert TITLE in text_of(told)
    assert "They waited." in text_of(told)
    card = await town.card(issue, "follow-up issue by Avery Example", why)
    assert town.follow_ups.issues == {}
    assert notes(issue) == []

    spoil(town, mend=True)
    assert (await town.slack.click(town.avery, card, "Try again")).ok
    await delivered(town, issue)
    assert is_done_once(town, issue)
    assert "> They waited." in str(created(town).description)


async def test_a_moved_project_is_said_to_have_moved(town: Town) -> None:
    issue, card = await town.request()
    town.gitlab.rename_project(town.follow_ups, "gitlab-com/support/renamed")
    await follow_up(town, card)
    await town.thread(issue, "the project was moved. Set its new path")


async def test_what_gitlab_has_against_the_issue_itself_is_said(town: Town) -> None:
    issue, card = await town.request()
    body = json.dumps({"message": {"title": ["is a word that we do not like"]}})
    town.gitlab.faults.add(method="POST", path="/issues$", status=400, body=body, headers=JSON)
    await follow_up(town, card)
    await town.thread(issue, "GitLab did not create the follow-up issue", "is a word that we")


async def test_a_404_that_passes_is_no_refusal(town: Town) -> None:
    issue, card = await town.request()
    path = r"team-meta/issues$"
    fault = town.gitlab.faults.add(method="GET", path=path, status=404)
    await follow_up(town, card)
    await town.in_gitlab(lambda: fault.left == 0)
    await town.settled()
    town.clock.forward(seconds=3)
    await delivered(town, issue)
    assert is_done_once(town, issue)


async def test_issues_that_cannot_be_linked_are_told_of(town: Town) -> None:
    issue, card = await town.request()
    town.gitlab.faults.add(
        method="POST",
        path="/links$",
        status=403,
        body=json.dumps({"message": "Couldn't link issues. You must have at least the Guest role"}),
        headers=JSON,
    )
    await follow_up(town, card)
    await town.thread(issue, "left out a part", "the follow-up issue isn't linked as related")
    await delivered(town, issue)
    assert "isn't linked as related. GitLab left this out." in notes(issue)[1]
    assert created(town)


async def test_dismissing_a_follow_up_forgets_what_was_typed(town: Town) -> None:
    issue, card = await town.request()
    archived(town, mend=False)
    await follow_up(town, card)
    card = await town.card(issue, "the project is archived", "GitLab rejected this:")
    assert TITLE in town.everything_stored()
    assert (await town.slack.click(town.avery, card, "Dismiss")).ok
    await town.card(issue, "🟠 Unclaimed", delivered=True)
    await town.settled()
    assert TITLE not in town.everything_stored()


# --- Telling people ----------------------------------------------------------------------------


async def test_a_manager_is_mentioned_by_username(town: Town) -> None:
    issue, card = await town.request()
    text = "Please look, @duty.\n/close"
    assert (await more(town, card, MANAGER, **{NAMES: "@Blake.Sample", KNOW: text})).ok
    assert not town.slack.views[town.avery.id]

    told = await town.thread(issue, "📣 Avery Example told blake.sample in the feedback issue")
    assert told.pings == set()
    [note] = notes(issue)
    assert note.startswith(
        "**For your attention**, @blake.sample, from Avery Example (`@avery`):\n\n"
        "> Please look, \\@duty.\n> /close\n\n<!-- ssat-bot: "
    )
    assert issue.state == "opened"
    await town.card(issue, "🟠 Unclaimed", delivered=True)


async def test_a_manager_is_chosen_in_slack_and_named_once(town: Town) -> None:
    issue, card = await town.request()
    inputs = {
        "People in Slack": [town.blake.id, town.avery.id],
        NAMES: "duty, blake.sample",
        KNOW: "A 1:1, please.",
    }
    assert (await more(town, card, MANAGER, **inputs)).ok
    await comment(town, issue, "**For your attention**, @duty, @blake.sample, @avery, from Avery")


async def test_a_product_group_is_mentioned(town: Town) -> None:
    town.gitlab.add_group("gitlab-org/Manage", public=True)
    issue, card = await town.request()
    assert (await more(town, card, GROUP, **{GROUPS: "@gitlab-org/manage", KNOW: "FYI"})).ok
    await comment(town, issue, "**For your attention**, @gitlab-org/Manage, from Avery Example")


@pytest.mark.parametrize(
    ("inputs", "errors"),
    [
        ({}, {"names": "Name or choose at least one person."}),
        ({NAMES: " @ , "}, {"names": "Name or choose at least one person."}),
        (
            {NAMES: "blake.sample nobody"},
            {
                "names": "GitLab has no user nobody. Enter this again with the username, which is "
                "the last part of their GitLab profile's address."
            },
        ),
        (
            {NAMES: "ssat-bot"},
            {"names": "That is the bot itself, which can't be told. Name somebody else."},
        ),
        (
            {"People in Slack": ["U0CASEY"]},
            {
                "people": "I don't know the GitLab account of Casey Nolink. Type their GitLab "
                "username instead."
            },
        ),
        ({NAMES: "a b c d e f g h i j k"}, {"names": "Name at most 10."}),
        ({NAMES: "blake.sample", KNOW: "\u3164"}, {"text": "Write what they should know."}),
    ],
)
async def test_who_cannot_be_told_is_said_at_the_field(
    town: Town, inputs: dict[str, Any], errors: dict[str, str]
) -> None:
    issue, card = await town.request()
    outcome = await more(town, card, MANAGER, **({KNOW: "Please look."} | inputs))
    assert outcome.errors == errors
    assert town.slack.open_view(town.avery).values["text"]["text"]["value"]
    await town.settled()
    assert notes(issue) == []
    assert town.choices() == []


@pytest.mark.parametrize("name", ["gitlab-org/nothing", "blake.sample", "a b/c", "https://x/y"])
async def test_a_group_that_is_none_is_said_at_the_field(town: Town, name: str) -> None:
    _, card = await town.request()
    outcome = await more(town, card, GROUP, **{GROUPS: name, KNOW: "FYI"})
    assert "GitLab has no group" in outcome.errors["names"]


async def test_names_are_checked_at_delivery_if_gitlab_does_not_answer_before(town: Town) -> None:
    issue, card = await town.request()
    town.gitlab.down()
    inputs = {"People in Slack": [town.blake.id], NAMES: "Duty", KNOW: "Please look."}
    assert (await more(town, card, MANAGER, **inputs)).ok
    assert not town.slack.views[town.avery.id]
    await town.card(issue, "⏳ Saved", "mention by Avery Example")

    town.gitlab.up()
    town.clock.forward(minutes=6)
    await comment(town, issue, "**For your attention**, @duty, @blake.sample, from")


@pytest.mark.impatient
async def test_names_are_not_waited_for(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acting, "PATIENCE_SECONDS", 0.05)
    issue, card = await town.request()
    await town.settled()
    town.gitlab.faults.add(path="/users$", hang=60)
    inputs = {NAMES: "blake.sample", KNOW: "Please look."}
    assert (await more(town, card, MANAGER, **inputs)).ok
    assert not town.slack.views[town.avery.id]
    town.gitlab.faults.release()
    await comment(town, issue, "@blake.sample")


async def test_an_unknown_name_found_at_delivery_is_told_with_what_was_typed(town: Town) -> None:
    issue, card = await town.request()
    town.gitlab.down()
    inputs = {NAMES: "nobody", KNOW: "Please look."}
    assert (await more(town, card, MANAGER, **inputs)).ok
    town.gitlab.up()
    town.clock.forward(minutes=6)

    told = await town.thread(issue, "<@U0AVERY>", "GitLab has no user nobody.")
    assert "Please look." in text_of(told)
    assert told.pings == {"<@U0AVERY>"}
    card = await town.card(issue, "mention by Avery Example", "GitLab has no user nobody.")
    assert notes(issue) == []
    # Somebody creates the account.
    town.gitlab.add_user("nobody", "No Body")
    assert (await town.slack.click(town.avery, card, "Try again")).ok
    await comment(town, issue, "**For your attention**, @nobody, from Avery Example")


@pytest.mark.parametrize("trouble", LOST)
async def test_a_mention_without_an_answer_is_written_once(
    town: Town, trouble: dict[str, Any]
) -> None:
    issue, card = await town.request()
    fault = town.gitlab.faults.add(method="POST", path="/notes$", **trouble)
    assert (await more(town, card, MANAGER, **{NAMES: "duty", KNOW: "Please look."})).ok
    await town.in_gitlab(lambda: fault.left == 0)
    await town.settled()
    town.clock.forward(seconds=3)
    await town.thread(issue, "told duty")
    await town.settled()
    assert len(notes(issue)) == 1


# --- The empty template of another bot ---------------------------------------------------------

EMPTY = """\
Hi @duty, please review:

* **Summary of ticket/feedback:**
* **Action to be taken:**
* **Contact customer to discuss feedback? (Y/N)**
* **Make CSM aware (Y/N)?**
"""
REVIEW = {SUMMARY: "They waited.", "Action to be taken": "Ask the team."}


async def test_a_review_answers_the_empty_template_of_another_bot(town: Town) -> None:
    issue, card = await town.request()
    asked = town.gitlab.comment(issue, EMPTY, town.automation)
    assert asked
    await more(town, card, "Review…", **REVIEW)
    await town.thread(issue, "reviewed this")
    await town.settled()
    _, answer = issue.comments
    assert answer.thread is asked
    assert "**Reviewed** by Avery Example" in answer.body


@pytest.mark.parametrize("trouble", LOST)
async def test_an_answer_to_the_template_is_written_once(
    town: Town, trouble: dict[str, Any]
) -> None:
    issue, card = await town.request()
    town.gitlab.comment(issue, EMPTY, town.automation)
    fault = town.gitlab.faults.add(method="POST", path="/discussions/.*/notes$", **trouble)
    await more(town, card, "Review…", **REVIEW)
    await town.in_gitlab(lambda: fault.left == 0)
    await town.settled()
    town.clock.forward(seconds=3)
    await town.thread(issue, "reviewed this")
    await town.settled()
    assert len(issue.comments) == 2


@pytest.mark.parametrize(
    "body", [EMPTY.replace("taken:**", "taken:** Call them."), "Please review this."]
)
async def test_a_review_answers_no_other_comment(town: Town, body: str) -> None:
    issue, card = await town.request()
    town.gitlab.comment(issue, body, town.automation)
    await more(town, card, "Review…", **REVIEW)
    await town.thread(issue, "reviewed this")
    await town.settled()
    assert [each.thread for each in issue.comments] == [None, None]


async def test_a_template_that_takes_no_reply_is_left_alone(town: Town) -> None:
    issue, card = await town.request()
    town.gitlab.comment(issue, EMPTY, town.automation)
    message = "400 Bad request - Discussion can not be replied to."
    body = json.dumps({"message": message})
    path = "/discussions/.*/notes$"
    town.gitlab.faults.add(method="POST", path=path, status=400, body=body, headers=JSON)
    await more(town, card, "Review…", **REVIEW)
    await town.thread(issue, "reviewed this")
    assert [each.thread for each in issue.comments] == [None, None]


async def test_a_lost_record_reads_an_answer_to_the_template_as_a_review(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running():
        issue, card = await town.request()
        town.gitlab.comment(issue, EMPTY, town.automation)
        await more(town, card, "Review…", **REVIEW)
        await town.thread(issue, "reviewed this")
        await town.settled()
        before = [each.reviewed_by for each in town.on_record().values()]
    assert before[0]
    town.lose_record()
    async with connect(town.set_up(), FAST) as clients:
        await rebuild_record(town.set_up(), clients, lambda *_: None, clock=town.clock)
    assert [each.reviewed_by for each in town.on_record().values()] == before
    assert issue.labels == [CONTACT]
