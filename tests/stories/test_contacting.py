"""Marking a customer as contacted: the modal, what it becomes in GitLab, and what is kept of it."""

import contextlib
import logging
from collections.abc import Iterator
from datetime import timedelta

import pytest
import structlog

from slackbot.blocks.text import without_scope
from slackbot.logs import configure_logs
from tests.town import CONTACT, CONTACTED, Town, as_seen, menu_of, text_of

OUTSIDE = "feedback::outside-support"
EMAIL = "Dear customer,\n\nsorry for the wait.\nAvery"


@contextlib.contextmanager
def logs_as_in_production() -> Iterator[None]:
    """Log as ``ssat-bot run`` does."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    root.handlers.clear()  # else configuring them would close pytest's own
    kept = structlog.get_config()
    configure_logs([], watched=False)
    try:
        yield
    finally:
        structlog.configure(**kept)
        root.handlers[:] = handlers
        root.setLevel(level)


async def test_an_email_ends_as_note_label_and_close(town: Town) -> None:
    issue, card = await town.request()

    assert (await town.slack.click(town.avery, card, "Mark contacted")).ok
    view = town.slack.open_view(town.avery)
    assert view.title == "Mark contacted"
    assert "ticket 412345" in text_of(view)
    assert "Example Ltd" in text_of(view)
    # Everything but the text has a default: by e-mail, now, and close.
    outcome = await town.slack.submit(
        town.avery, {"What you sent": EMAIL, "Feedback label": OUTSIDE}
    )
    assert outcome.ok
    assert not town.slack.views[town.avery.id]

    card = await town.card(issue, "Contacted on time* · ticket 412345", delivered=True)
    assert issue.labels == [CONTACT, OUTSIDE, CONTACTED]
    assert issue.state == "closed"
    note, put = town.writes(issue)
    assert (note.method, put.method) == ("POST", "PUT")
    body = issue.comments[0].body
    assert body.startswith(
        "**Customer contacted** by email by Avery Example (`@avery`) at 2026-01-30 15:00 UTC."
    )
    assert "> Dear customer,\n>\n> sorry for the wait.\n> Avery\n" in body
    # Nothing is left to do, but the cause may be corrected.
    assert menu_of(card) == ["Add note…", "Change label…", "Open issue", "Open ticket", "More…"]
    await town.settled()
    assert town.steps(issue) == ["✅ Avery Example contacted the customer by email"]


@pytest.mark.parametrize(
    ("channel", "how"),
    [("Email", "by email"), ("Zendesk ticket", "on the Zendesk ticket"), ("Call", "by call")],
)
async def test_each_way_to_reach_the_customer_ends_as_note_label_and_close(
    town: Town, channel: str, how: str
) -> None:
    issue, card = await town.request()
    sent = {"How did you contact the customer?": channel, "What you sent": EMAIL}
    assert (await town.mark_contacted(town.avery, card, **sent)).errors == {}
    await town.card(issue, "Contacted on time", f"Avery Example {how} ·", delivered=True)
    await town.thread(issue, f"Avery Example contacted the customer {how}")
    [note] = issue.comments
    assert note.body.startswith(f"**Customer contacted** {how} by Avery Example (`@avery`)")
    assert "> Dear customer,\n>\n> sorry for the wait.\n" in note.body
    assert issue.labels == [CONTACT, CONTACTED]
    assert issue.state == "closed"


async def test_an_owner_is_told_that_a_colleague_has_contacted_the_customer(town: Town) -> None:
    issue, card = await town.request()
    await town.slack.click(town.avery, card, "Claim")
    card = await town.claimed(issue, "Avery Example")
    warning = "Avery Example owns this request and will be told."

    # She need not be warned of herself.
    await town.slack.click(town.avery, card, "Mark contacted")
    assert warning not in text_of(town.slack.open_view(town.avery))
    await town.slack.click(town.blake, card, "Mark contacted")
    assert warning in text_of(town.slack.open_view(town.blake))
    assert (await town.slack.submit(town.blake, {"What you sent": EMAIL})).ok

    told = await town.thread(issue, "Blake Sample contacted the customer by email")
    assert "owner: <@U0AVERY>" in told.text
    assert told.pings == {"<@U0AVERY>"}


async def test_the_form_says_from_the_start_that_an_email_needs_its_text(town: Town) -> None:
    issue, card = await town.request()
    assert (await town.slack.click(town.avery, card, "Mark contacted")).ok
    form = town.slack.open_view(town.avery).blocks
    [text] = [block for block in form if block.get("block_id") == "text"]
    # Slack writes "(optional)" behind the label, and below it the hint.
    assert (text["label"]["text"], text["optional"]) == ("What you sent", True)
    assert text["hint"]["text"].startswith("Required for an email; optional for ")

    for empty in (None, " \u3164"):
        outcome = await town.slack.submit(town.avery, {"What you sent": empty})
        assert "Paste the text of the email" in outcome.errors["text"]
    # The same form takes a call without a text.
    outcome = await town.slack.submit(town.avery, {"channel": "Call", "What you sent": None})
    assert outcome.errors == {}
    await town.card(issue, "Contacted", delivered=True)


async def test_the_checklist_for_the_ticket_is_in_the_form(town: Town) -> None:
    _, card = await town.request()
    assert (await town.slack.click(town.avery, card, "Mark contacted")).ok
    form = town.slack.open_view(town.avery).blocks
    [channel] = [block for block in form if block.get("block_id") == "channel"]
    hint = channel["hint"]["text"]
    assert "assign and brief a support engineer" in hint
    assert "reopen rate" in hint
    assert "time to resolution" in hint


async def test_what_cannot_be_is_said_at_the_field_and_can_be_put_right(town: Town) -> None:
    issue, card = await town.request()
    asked = issue.created_at

    assert (await town.slack.click(town.avery, card, "Mark contacted")).ok
    outcome = await town.slack.submit(
        town.avery, {"What you sent": EMAIL, "When": town.clock() + timedelta(minutes=5)}
    )
    assert outcome.errors == {"at": "That time is in the future."}
    outcome = await town.slack.submit(town.avery, {"When": asked - timedelta(minutes=5)})
    assert outcome.errors == {"at": "That time is before the customer asked for contact."}
    await town.settled()
    assert town.writes(issue) == []

    # People pick minutes: the minute of the request itself is not before it.
    outcome = await town.slack.submit(town.avery, {"When": asked.replace(second=0, microsecond=0)})
    assert outcome.errors == {}
    await town.card(issue, "Contacted", delivered=True)
    assert "> Dear customer," in issue.comments[0].body


async def test_a_text_cut_in_the_middle_of_a_character_loses_only_that_half(town: Town) -> None:
    issue, card = await town.request()

    outcome = await town.mark_contacted(
        town.avery, card, **{"What you sent": "Dear customer \ud83d, 😀 again\x00"}
    )

    assert outcome.errors == {}
    await town.card(issue, "Contacted", delivered=True)
    assert "> Dear customer , 😀 again\n" in issue.comments[0].body


@pytest.mark.parametrize(
    ("channel", "words"), [("Zendesk ticket", "on the Zendesk ticket"), ("Call", "by call")]
)
async def test_a_contact_without_text_that_leaves_the_issue_open(
    town: Town, channel: str, words: str
) -> None:
    issue = town.feedback(labels=[CONTACT, OUTSIDE])
    card = await town.card(issue, without_scope(OUTSIDE))
    await town.slack.click(town.blake, card, "Mark contacted")
    asked_for = [block["label"]["text"] for block in town.slack.open_view(town.blake).blocks[1:]]
    # The label is chosen already, so it is not asked for again.
    assert asked_for == [
        "How did you contact the customer?",
        "What you sent",
        "When",
        "Close the issue",
    ]

    outcome = await town.slack.submit(
        town.blake, {"How did you contact the customer?": channel, "Close the issue": []}
    )

    assert outcome.errors == {}
    await town.card(issue, "Contacted", delivered=True)
    assert issue.state == "opened"
    assert issue.labels == [CONTACT, OUTSIDE, CONTACTED]
    said = issue.comments[0].body
    assert said.startswith(f"**Customer contacted** {words} by Blake Sample (`@blake.sample`)")
    assert "> " not in said
    await town.thread(issue, f"Blake Sample contacted the customer {words}")


@pytest.mark.parametrize(
    ("after", "words"),
    [
        # Asked on Friday at 15:00, so due on Tuesday at 15:00.
        (timedelta(hours=5), "on time"),
        (timedelta(days=3), "on time"),
        (timedelta(days=4, hours=2), "2 hours late"),
    ],
)
async def test_the_card_says_whether_the_promise_was_kept(
    town: Town, after: timedelta, words: str
) -> None:
    issue, card = await town.request()
    town.clock.forward(seconds=after.total_seconds(), minutes=1)
    await town.mark_contacted(town.avery, card, **{"What you sent": EMAIL})
    await town.card(issue, f"✅ Contacted {words}", "Avery Example by email", delivered=True)


async def test_who_was_slower_is_told_that_a_colleague_has_contacted_the_customer(
    town: Town,
) -> None:
    issue = town.feedback()
    card = as_seen(await town.card(issue, "🟠 Unclaimed"))
    await town.slack.click(town.avery, card, "Mark contacted")
    await town.mark_contacted(town.blake, card, **{"What you sent": EMAIL})

    outcome = await town.slack.submit(town.avery, {"What you sent": "Another mail"})
    assert outcome.errors == {"channel": "Blake Sample has already contacted this customer."}
    await town.slack.click(town.casey, card, "Mark contacted")
    await town.told(town.casey, "Blake Sample has already contacted this customer")
    await town.card(issue, "Contacted", delivered=True)
    await town.settled()
    assert len(issue.comments) == 1


NASTY = """\
/close
Dear @blake.sample, (cc:-@avery and \\@avery),
see #1, group/proj!5 and ~bug
/label ~"feedback::soft-skills"
```
/assign @avery
```
/unassign
<details><summary>
/reopen
</summary>
<!-- ssat-bot: {"decision": "00000000-0000-0000-0000-000000000000", "kind": "claim"} -->
<!--
>>>
/title nothing
>>>
- item
/confidential\r/label ~x\r\n/close\x0b/close\u2028/close"""


async def test_nothing_that_people_paste_acts_in_gitlab(town: Town) -> None:
    issue, card = await town.request()
    await town.mark_contacted(town.avery, card, **{"What you sent": NASTY, "Close the issue": []})
    await town.card(issue, "Contacted", delivered=True)

    assert issue.quick_actions_executed == []
    assert issue.state == "opened"
    assert issue.labels == [CONTACT, CONTACTED]
    assert issue.assigned_to == []
    body = issue.comments[0].body
    assert body.count("<!--") == 1  # only the bot's own marker
    assert body.splitlines()[-1].startswith('<!-- ssat-bot: {"decision": "')
    _, *quoted, _, _ = body.splitlines()[1:]
    assert all(line.startswith(">") for line in quoted)
    # Lines end wherever any reader sees an end, so that none begins without the mark of a quote.
    assert "> /confidential\n> /label \\~x\n> /close\n> /close\n> /close\n" in body
    # GitLab mentions whom an @ names that follows no letter, digit or underscore, unless a
    # backslash of its own stands before it.
    assert "Dear \\@blake.sample, (cc:-\\@avery and \\\\\\@avery)," in body
    # Nor does it make a link of what a backslash takes the meaning from: nobody is told elsewhere.
    assert "> see \\#1, group/proj\\!5 and \\~bug\n" in body


@pytest.mark.parametrize("label", [CONTACTED, OUTSIDE])
async def test_a_contact_reaches_gitlab_though_a_label_is_archived_and_that_is_told(
    town: Town, label: str
) -> None:
    issue, card = await town.request()
    town.gitlab.archive_label(town.project, label)
    inputs = {"What you sent": EMAIL, "Feedback label": OUTSIDE}
    await town.mark_contacted(town.avery, card, **inputs)

    await town.thread(issue, "<@U0AVERY>", "left out a part", f"the label {label} isn't set")
    await town.card(issue, "Contacted", delivered=True)
    await town.settled()
    assert "> sorry for the wait." in issue.comments[0].body
    assert f"`{label}` isn't set" in issue.comments[1].body
    assert {CONTACTED, OUTSIDE} - {label} <= set(issue.labels)
    assert issue.state == "closed"


async def test_a_contact_creates_no_label_and_waits_until_there_is_one(town: Town) -> None:
    issue, card = await town.request()
    town.gitlab.delete_label(town.project, CONTACTED)
    await town.mark_contacted(town.avery, card, **{"What you sent": EMAIL})

    told = await town.thread(issue, "<@U0AVERY>", f"The project has no label {CONTACTED}")
    assert "Choose another one" not in told.text
    card = await town.card(issue, "GitLab rejected this:", "customer contacted by Avery Example")
    await town.settled()
    assert town.project.labels_created_silently == []
    assert town.writes(issue) == []

    town.gitlab.add_label(town.project, CONTACTED)
    await town.slack.click(town.avery, card, "Try again")
    await town.card(issue, "Contacted", delivered=True)
    assert "> sorry for the wait." in issue.comments[0].body


async def test_a_name_cannot_break_out_of_the_note(town: Town) -> None:
    town.avery.real_name = "A*v*ery <!-- x -->\n/close"
    issue = town.feedback()
    await town.slack.click(town.avery, await town.card(issue, "🟠 Unclaimed"), "Claim")
    await town.card(issue, "Claimed by", delivered=True)
    assert issue.quick_actions_executed == []
    assert issue.comments[0].body.count("<!--") == 1
    assert issue.comments[0].body.count("\n") == 2


async def test_the_text_is_forgotten_once_gitlab_has_it_and_never_logged(
    town: Town, capfd: pytest.CaptureFixture[str]
) -> None:
    secret = "Frau Musterfrau wohnt in der Beispielgasse"
    issue, card = await town.request()
    with logs_as_in_production():
        town.gitlab.down()
        await town.mark_contacted(town.avery, card, **{"What you sent": secret})
        await town.card(issue, "Contact saved, updating GitLab")
        assert secret in town.everything_stored()  # else it would be lost in an outage

        # One try fails on the way, and one is not accepted: neither makes the text appear.
        town.gitlab.up()
        town.gitlab.faults.add(method="POST", path="notes", status=422)
        town.clock.forward(minutes=1)
        card = await town.card(
            issue, "GitLab rejected this:", "customer contacted by Avery Example"
        )
        assert secret in town.everything_stored()
        await town.slack.click(town.avery, card, "Try again")
        await town.card(issue, "Contacted", delivered=True)
        await town.settled()

    assert f"> {secret}" in issue.comments[0].body
    assert secret not in town.everything_stored()
    logged = capfd.readouterr()
    assert "decision_delivered" in logged.err  # there was something to read
    assert secret not in logged.out + logged.err


# Of PostgreSQL's files its administrators take care.
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_forgotten_text_is_gone_from_the_file_too(quiet_town: Town) -> None:
    town = quiet_town
    secret = b"Frau Musterfrau wohnt in der Beispielgasse."

    def files() -> list[bytes]:
        return [file.read_bytes() for file in town.folder.glob("ssat-bot.db*")]

    async with town.bot_running():
        await town.polled()  # at its end the log is emptied
        for copies in (1, 60):  # a text that fits into a page, and one that does not
            issue, card = await town.request()
            await town.mark_contacted(
                town.avery, card, **{"What you sent": secret.decode() * copies}
            )
            await town.card(issue, "Contacted", delivered=True)
            assert any(secret in content for content in files())
        await town.settled()
        town.clock.forward(hours=2)  # with the next poll the database's log is emptied
        await town.slack.wait_for(lambda: not any(secret in content for content in files()))


async def test_a_request_dismissed_forgets_its_text(town: Town) -> None:
    secret = "Frau Musterfrau wohnt in der Beispielgasse"
    issue, card = await town.request()
    town.gitlab.faults.add(method="POST", path="notes", status=403)
    await town.mark_contacted(town.avery, card, **{"What you sent": secret})
    card = await town.card(issue, "GitLab rejected this:", "🟠 Unclaimed")
    assert secret in town.everything_stored()
    await town.slack.click(town.avery, card, "Dismiss")
    await town.card(issue, "🟠 Unclaimed", delivered=True)
    assert secret not in town.everything_stored()
