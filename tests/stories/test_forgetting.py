"""What has ended long ago is forgotten, people's words first of all; who waits never is."""

from slackbot.local.gitlab import Issue
from tests.town import CONTACTED, Town, text_of

SECRET = "Frau Musterfrau wohnt in der Beispielgasse."
SAYS_SO = f"**Comment:** {SECRET}\n\nManager contact requested: Yes"
HOURLY = {"ssat_poll_seconds": 3600}


async def contacted(town: Town, description: str = SAYS_SO) -> Issue:
    """Let a customer ask, and be contacted."""
    issue = town.feedback(description=description)
    card = await town.card(issue, "🟠 Unclaimed")
    await town.mark_contacted(town.avery, card, **{"What you sent": SECRET})
    await town.card(issue, "Contacted", delivered=True)
    await town.settled()
    return issue


async def test_a_request_that_ended_long_ago_leaves_no_trace(
    quiet_town: Town, database_url: str
) -> None:
    town = quiet_town

    def is_anywhere() -> bool:
        files = [file.read_bytes() for file in town.folder.glob("ssat-bot.db*")]
        return any(SECRET.encode() in content for content in files)

    async with town.bot_running(**HOURLY):
        issue = await contacted(town)
        assert SECRET in town.everything_stored()
        assert issue.title in town.everything_stored()
        town.clock.forward(days=199)
        await town.polled()
        assert town.choices() == ["delivered"]
        town.clock.forward(days=2)
        await town.slack.wait_for(lambda: town.choices() == [])
        assert SECRET not in town.everything_stored()
        assert issue.title not in town.everything_stored()
        if database_url.startswith("sqlite"):
            await town.slack.wait_for(lambda: not is_anywhere())


async def test_a_request_that_returns_after_it_was_forgotten_gets_a_new_card(
    quiet_town: Town,
) -> None:
    town = quiet_town
    async with town.bot_running(**HOURLY, ssat_retention_days=1):
        issue = await contacted(town)
        town.clock.forward(days=2)
        await town.slack.wait_for(lambda: town.choices() == [])
        town.gitlab.reopen(issue, by=town.duty_gitlab)
        town.gitlab.change_labels(issue, remove=[CONTACTED], by=town.duty_gitlab)
        old, new = await town.slack.wait_for(lambda: town.cards if len(town.cards) > 1 else None)
        assert "Contacted" in text_of(old)
        assert "🟠 Unclaimed" in text_of(new)
        # The old card speaks of nothing that can still be chosen by mistake.
        town.channel.messages.remove(old)
        await town.slack.click(town.avery, new, "Claim")
        await town.claimed(issue, "Avery Example")


async def test_a_customer_who_waits_is_not_forgotten(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running(**HOURLY, ssat_retention_days=1):
        issue = town.feedback(description=SAYS_SO)
        await town.card(issue, "🟠 Unclaimed")
        for _ in range(3):
            town.clock.forward(days=100)
            await town.polled()
        await town.card(issue, "Overdue", SECRET)
        assert SECRET in town.everything_stored()


async def test_the_text_of_a_choice_that_nobody_puts_right_is_forgotten(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running(**HOURLY):
        issue = town.feedback(description=None)
        card = await town.card(issue, "🟠 Unclaimed")
        town.gitlab.faults.add(method="POST", path="notes", status=403)
        await town.mark_contacted(town.avery, card, **{"What you sent": SECRET})
        await town.card(issue, "GitLab rejected this:", "🟠 Unclaimed")
        town.clock.forward(days=199)
        await town.polled()
        assert SECRET in town.everything_stored()
        town.clock.forward(days=2)
        await town.card(issue, "Overdue", delivered=True)
        assert town.choices() == ["dropped"]
        assert SECRET not in town.everything_stored()
