"""What a manager has to know before they write to a customer: exempt kinds, and the history."""

from slackbot.local.gitlab import Issue
from tests.stories.test_contacting import EMAIL
from tests.town import DESCRIPTION, Town, text_of


async def test_a_card_warns_of_tickets_that_should_have_no_survey(town: Town) -> None:
    description = DESCRIPTION.replace("Example Ltd", "DigitalOcean Support")
    assert description != DESCRIPTION
    issue = town.feedback(description=description)
    card = await town.card(issue, "🚫 Tickets of the kind DigitalOcean Support")
    # The forms say so, too: that is where people write.
    assert (await town.slack.click(town.avery, card, "Mark contacted")).ok
    assert "🚫 Tickets of the kind" in text_of(town.slack.open_view(town.avery))


async def test_a_card_warns_by_the_tags_of_the_ticket(town: Town) -> None:
    issue = town.feedback(description=f"**Tags:** spam, enterprise\n{DESCRIPTION}")
    await town.card(issue, "🚫 Tickets of the kind spam")


async def test_a_card_tells_by_whom_and_when_the_last_good_review_was_closed(town: Town) -> None:
    first = town.feedback("Positive feedback for ticket 412345", description=None, labels=[])
    await town.gitlab.hooks_settled()
    await town.settled()
    town.gitlab.close(first, by=town.blake_gitlab)
    await town.gitlab.hooks_settled()
    await town.settled()
    town.clock.forward(days=4)
    town.gitlab.comment(first, "For the record.", by=town.avery_gitlab)
    await town.gitlab.hooks_settled()
    await town.settled()
    said = "2nd feedback on this ticket; the last, a good review, was closed by Blake Sample on "
    await town.card(town.feedback(), said, "Fri 30 Jan, 15:00 UTC")


async def test_a_card_tells_of_earlier_feedback_on_the_ticket(town: Town) -> None:
    first, card = await town.request()
    await town.mark_contacted(town.avery, card, **{"What you sent": EMAIL})
    await town.card(first, "Contacted", delivered=True)
    town.clock.forward(minutes=5)

    second: Issue = town.feedback()
    words = "2nd feedback on this ticket; the last was contacted by Avery Example on"
    card = await town.card(second, words)
    assert (await town.slack.choose(town.avery, card, "menu", "Review…")).ok
    assert words in text_of(town.slack.open_view(town.avery))
    town.clock.forward(minutes=5)
    third = town.feedback()
    await town.card(third, "3rd feedback on this ticket; #2 is still open")
    # The first has none before it.
    assert "feedback on this ticket" not in text_of(town.card_of(first))
