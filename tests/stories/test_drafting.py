"""Drafting an email to a customer: the modal, its tools, and how it leads on to the contact."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from slackbot.blocks.elements import actions, button
from slackbot.blocks.text import without_scope
from slackbot.local.gitlab import Issue
from slackbot.local.slack import Message, Outcome, View, links
from slackbot.local.slack import User as SlackUser
from slackbot.rules.offers import Offer
from tests.stories.test_contacting import logs_as_in_production
from tests.stories.test_reviewing import bad_feedback, comment
from tests.town import CONTACTED, Town, text_of

SOFT_SKILLS = "feedback::soft-skills"
WORDS = "Nobody answered for three days."
LOOPS = "{% for each in range(10 ** 9) %}{% endfor %}"


def with_button(town: Town, issue: Issue) -> Message:
    """A message whose button drafts an email, as any menu of the bot may have it."""
    click = button("Draft email", Offer.DRAFT_EMAIL, f"{town.project.id}/{issue.iid}")
    return town.slack.post(town.channel, town.slack.bot_user_id, "Draft", blocks=[actions([click])])


async def drafted(town: Town, user: SlackUser, issue: Issue) -> View:
    assert (await town.slack.click(user, with_button(town, issue), "Draft email")).ok
    await town.slack.wait_for(lambda: town.slack.views[user.id])
    return town.slack.open_view(user)


def field(view: View) -> dict[str, Any]:
    return next(each for each in view.blocks if each["type"] == "input")


def text_in(view: View) -> str:
    """What stands in the form's text, by now."""
    block = field(view)
    return str(view.values[block["block_id"]][block["element"]["action_id"]]["value"])


async def types(town: Town, text: str | None) -> None:
    """Let Avery change the text; the bot hears of it with the next click."""
    await town.slack.enter(town.avery, {"Email": text})


def mail_links(view: View) -> dict[str, dict[str, list[str]]]:
    """What each link would put into the email, by the kind of the address and its host."""
    found = (each.replace("&amp;", "&") for each in links(view.blocks))
    return {
        f"{urlsplit(each).scheme}:{urlsplit(each).netloc}": parse_qs(urlsplit(each).query)
        for each in found
        if "body=" in each
    }


async def send(town: Town, user: SlackUser, **inputs: Any) -> Outcome:
    return await town.slack.submit(user, inputs)


async def test_a_draft_follows_the_five_points_of_the_handbook(town: Town) -> None:
    issue = town.feedback(labels=["SSAT::Contact", SOFT_SKILLS])
    await town.card(issue, without_scope(SOFT_SKILLS))

    view = await drafted(town, town.avery, issue)

    assert view.title == "Draft email"
    paragraphs = text_in(view).split("\n\n")
    assert paragraphs == [
        "Hello,",
        "My name is Avery Example, and I am writing to you as Support Manager at GitLab.",
        "This is about your ticket 412345 for Example Ltd: "
        "https://support.gitlab.com/hc/requests/412345",
        f'You wrote: "{WORDS}"\n'
        "I understand why this was frustrating, and I am glad that you told us.",
        "I am sorry that our answers did not give you what you needed. [What went wrong, what we "
        "do about it, and links that help.]",
        "If you would like to talk about it, reply with a time that suits you, and I will set up "
        "a video call.",
        "Kind regards,\nAvery Example\nSupport Manager, GitLab",
    ]
    shown = text_of(view)
    assert "Ticket 412345* · Example Ltd" in shown
    assert f"Feedback label: {SOFT_SKILLS}: Support Engineer responses unhelpful" in shown
    assert "type `/ssat profile` first" in shown
    hint = field(view)["hint"]["text"]
    assert "(1) introduce yourself" in hint
    assert "(5) offer your Calendly link" in hint


async def test_a_draft_is_made_for_a_customer_who_asked_for_no_contact(town: Town) -> None:
    issue, row = await bad_feedback(town)
    assert (await town.slack.choose(town.avery, row, "menu", "More…")).ok
    everything = town.slack.open_view(town.avery)
    assert (await town.slack.click(town.avery, everything, "Draft email…")).ok
    view = town.slack.open_view(town.avery)
    assert 'You wrote: "Three days of silence."' in text_in(view)
    await send(town, town.avery)
    assert (await send(town, town.avery)).errors == {}
    await comment(town, issue, "**Customer contacted** by email by Avery Example")
    await town.settled()
    assert CONTACTED in issue.labels
    assert issue.state == "closed"


async def test_the_link_opens_the_draft_in_the_mail_program(town: Town) -> None:
    issue, _ = await town.request()
    view = await drafted(town, town.avery, issue)
    [(where, said)] = mail_links(view).items()
    assert where == "mailto:"
    assert said["subject"] == ["Your GitLab Support ticket 412345"]
    assert said["body"] == [text_in(view).replace("\n", "\r\n")]
    assert "to" not in said
    assert "take it from the ticket" in text_of(view)


@pytest.mark.parametrize(
    ("webmail", "where"),
    [("gmail", "https:mail.google.com"), ("outlook", "https:outlook.office.com")],
)
async def test_the_draft_also_opens_in_the_teams_webmail(
    quiet_town: Town, webmail: str, where: str
) -> None:
    town = quiet_town
    async with town.bot_running(ssat_webmail=webmail):
        issue, _ = await town.request()
        view = await drafted(town, town.avery, issue)
        found = mail_links(view)
        assert set(found) == {"mailto:", where}
        assert found[where]["body"] == found["mailto:"]["body"]


async def test_an_edited_text_gets_another_link_and_is_kept(town: Town) -> None:
    issue, _ = await town.request()
    view = await drafted(town, town.avery, issue)
    await types(town, "Dear customer,\n\n50 % & <more>")
    assert (await town.slack.click(town.avery, view, "Update link")).ok

    assert text_in(view) == "Dear customer,\n\n50 % & <more>"
    assert mail_links(view)["mailto:"]["body"] == ["Dear customer,\r\n\r\n50 % & <more>"]


async def test_a_text_too_long_for_a_link_is_to_be_copied(town: Town) -> None:
    issue, _ = await town.request()
    view = await drafted(town, town.avery, issue)
    await types(town, "Sorry. " * 400)
    assert (await town.slack.click(town.avery, view, "Update link")).ok
    assert mail_links(view) == {}
    assert "too long for a link: copy it" in text_of(view)


async def test_another_language_is_drafted_while_nobody_has_typed(town: Town) -> None:
    issue, _ = await town.request()
    view = await drafted(town, town.avery, issue)
    for language, begin in (("Deutsch", "Guten Tag"), ("日本語", "お客様"), ("English", "Hello")):
        assert (await town.slack.choose(town.avery, view, "Language", language)).ok
        assert text_in(view).startswith(begin)
        assert WORDS in text_in(view)
    # An emptied text is nothing to keep.
    await types(town, None)
    assert (await town.slack.choose(town.avery, view, "Language", "Español")).ok
    assert text_in(view).startswith("Hola")


async def test_what_was_typed_is_kept_when_the_language_changes(town: Town) -> None:
    issue, _ = await town.request()
    view = await drafted(town, town.avery, issue)
    await types(town, "Dear customer, I am so sorry.")
    for language in ("Deutsch", "Français"):
        assert (await town.slack.choose(town.avery, view, "Language", language)).ok
        assert text_in(view) == "Dear customer, I am so sorry."
    told = text_of(view)
    assert "You have changed the text, so it was kept in English" in told
    assert "replaces it with a new one in Français" in told

    # Only who confirms loses it.
    await town.slack.click(town.avery, view, "Start over", confirm=False)
    assert text_in(view) == "Dear customer, I am so sorry."
    assert (await town.slack.click(town.avery, view, "Start over")).ok
    assert text_in(view).startswith("Bonjour")
    assert "You have changed the text" not in text_of(view)
    # And again, in the same language.
    await types(town, "Rien")
    assert (await town.slack.click(town.avery, view, "Start over")).ok
    assert text_in(view).startswith("Bonjour")


async def test_a_draft_that_was_sent_becomes_the_contact(
    town: Town, capfd: pytest.CaptureFixture[str]
) -> None:
    secret = "Frau Musterfrau wohnt in der Beispielgasse."
    issue, _ = await town.request()
    with logs_as_in_production():
        view = await drafted(town, town.avery, issue)
        await types(town, secret)
        await town.slack.click(town.avery, view, "Update link")
        outcome = await send(town, town.avery)
        assert outcome.response_action == "push"
        contact = town.slack.open_view(town.avery)
        assert contact.title == "Mark contacted"
        assert secret not in town.everything_stored()  # nothing says yet that it was sent

        # Cancel leads back to the draft, as it was.
        await town.slack.close_view(town.avery)
        assert text_in(town.slack.open_view(town.avery)) == secret
        await send(town, town.avery)
        assert (await send(town, town.avery)).errors == {}
    assert town.slack.views[town.avery.id] == []  # the draft below is gone, too

    await town.card(issue, "Contacted", delivered=True)
    assert f"> {secret}" in issue.comments[0].body
    assert "by email by Avery Example" in issue.comments[0].body
    assert CONTACTED in issue.labels
    logged = capfd.readouterr()
    assert secret not in logged.out + logged.err


async def test_a_colleague_who_owns_the_request_is_named_first(town: Town) -> None:
    issue, card = await town.request()
    await town.slack.click(town.avery, card, "Claim")
    await town.claimed(issue, "Avery Example")
    warning = "Avery Example owns this request and will be told."
    assert warning in text_of(await drafted(town, town.blake, issue))
    await send(town, town.blake)
    assert warning in text_of(town.slack.open_view(town.blake))
    assert warning not in text_of(await drafted(town, town.avery, issue))


async def test_who_was_slower_keeps_the_text_and_hears_of_it(town: Town) -> None:
    issue, card = await town.request()
    await drafted(town, town.avery, issue)
    await types(town, "Dear customer")
    await town.mark_contacted(town.blake, card, **{"What you sent": "Another mail"})
    await town.card(issue, "Contacted", delivered=True)

    town.clock.forward(hours=1)
    outcome = await send(town, town.avery)
    assert list(outcome.errors.values()) == ["Blake Sample has already contacted this customer."]
    assert text_in(town.slack.open_view(town.avery)) == "Dear customer"
    # Who comes later is told at once.
    await town.slack.click(town.casey, with_button(town, issue), "Draft email")
    await town.told(town.casey, "Blake Sample has already contacted this customer")


async def test_a_closed_issue_may_be_marked_contacted(town: Town) -> None:
    issue, _ = await town.request()
    await drafted(town, town.avery, issue)
    await types(town, "Dear customer")
    town.gitlab.close(issue, by=town.blake_gitlab)
    await town.card(issue, "Closed without contact")
    await send(town, town.avery)
    assert (await send(town, town.avery)).errors == {}
    await town.card(issue, "Contacted", delivered=True)


async def test_the_draft_of_an_issue_that_is_gone_stays_and_that_is_said(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running(ssat_poll_seconds=0.05):  # GitLab tells no hook of it
        issue, _ = await town.request()
        view = await drafted(town, town.avery, issue)
        town.gitlab.delete_issue(issue)
        await town.card(issue, "No longer in GitLab")
        outcome = await send(town, town.avery)
        assert list(outcome.errors.values()) == ["The issue was deleted or moved in GitLab."]
        assert town.slack.open_view(town.avery) is view


async def test_a_form_sent_twice_is_one_contact(town: Town) -> None:
    issue, _ = await town.request()
    await drafted(town, town.avery, issue)
    first = await send(town, town.avery)
    assert (await town.slack.replay(first)).ok  # Slack shows nothing twice: it has no form for it
    sent = await send(town, town.avery)
    await town.slack.replay(sent)
    await town.card(issue, "Contacted", delivered=True)
    await town.settled()
    assert len(issue.comments) == 1


async def test_a_text_of_50_kb_is_refused_in_words_and_stays(town: Town) -> None:
    issue, _ = await town.request()
    view = await drafted(town, town.avery, issue)
    sent = await send(town, town.avery)
    forged = json.loads(json.dumps(sent.payload))
    block = field(view)["block_id"]
    forged["view"]["state"]["values"][block][block]["value"] = "x" * 50_000
    outcome = await town.slack.replay(forged)
    assert "more than 3,000 characters" in outcome.errors[block]


async def test_a_customers_50_kb_and_markup_fit_into_the_draft(town: Town) -> None:
    words = "<!channel> *so* @here & <https://example.com|bad> " * 1000
    issue = town.feedback(description=f"**Score:** 1\n**Comment:** {words}\n")
    await town.card(issue, "🟠 Unclaimed")
    view = await drafted(town, town.avery, issue)
    assert "<!channel> *so* @here & <https://example.com|bad>" in text_in(view)
    assert len(text_in(view)) <= 3000
    assert view.title == "Draft email"  # the stand-in takes no more than Slack


async def test_what_slack_does_not_do_in_time_loses_nothing(town: Town) -> None:
    issue, _ = await town.request()
    view = await drafted(town, town.avery, issue)
    await types(town, "Dear customer")
    town.slack.faults.add("views.update", error="internal_error")
    await town.slack.click(town.avery, view, "Update link")
    await town.slack.wait_for(lambda: len(town.slack.views[town.avery.id]) == 2)
    assert "Slack did not open the form" in text_of(town.slack.open_view(town.avery))
    await town.slack.close_view(town.avery)
    assert text_in(town.slack.open_view(town.avery)) == "Dear customer"


# --- The team's own templates ------------------------------------------------------------------


def templates(town: Town, **sources: str) -> Path:
    folder = town.folder / "templates"
    folder.mkdir()
    for language, source in sources.items():
        (folder / f"{language}.j2").write_text(source)
    return folder


async def test_the_teams_own_template_goes_first(quiet_town: Town) -> None:
    town = quiet_town
    own = "Subject: About {{ ticket }}\n\nDear {{ organization or 'customer' }}, {{ words }}"
    folder = templates(town, en=own, pt="Olá {{ organization }}")
    async with town.bot_running(ssat_email_templates=folder):
        issue, _ = await town.request()
        view = await drafted(town, town.avery, issue)
        assert text_in(view) == f"Dear Example Ltd, {WORDS}"
        assert "Subject: About 412345" in text_of(view)
        await town.slack.choose(town.avery, view, "Language", "Português")
        assert text_in(view) == "Olá Example Ltd"
        await town.slack.choose(town.avery, view, "Language", "Deutsch")
        assert text_in(view).startswith("Guten Tag")


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (LOOPS, "en.j2: line 1: for can't be used"),
        ("Dear {{ custmer }}", "en.j2: line 1: there is no {{ custmer }}"),
        ("{% if ticket %}", "en.j2: line 1: "),
        ("Hello\n" * 4000, "en.j2: it is larger than 20,000 bytes"),
    ],
)
async def test_a_template_that_does_not_render_is_named_and_the_bots_own_serves(
    quiet_town: Town, source: str, problem: str, capfd: pytest.CaptureFixture[str]
) -> None:
    town = quiet_town
    with logs_as_in_production():
        async with town.bot_running(ssat_email_templates=templates(town, en=source)):
            assert problem in capfd.readouterr().err
            issue, _ = await town.request()
            view = await drafted(town, town.avery, issue)
    assert text_in(view).startswith("Hello,\n\nMy name is Avery Example")
    assert "Your team's template can't be used" in text_of(view)
