"""From GitLab's webhook to the card, and many cards at Slack's own pace."""

from bench.pair import RUNS, Databases, bot, fast_town, pair, timed
from bench.report import Row, in_ms, median
from tests.process import present_town
from tests.town import HOOK_SECRET, Town

MANY = 300
PATIENCE = 900
TOO_MANY = 429


async def hooks(databases: Databases) -> None:
    async with fast_town(databases, databases.sqlite()) as place, pair(place) as both:
        await both.cards(1)
        beside, posted = [], []
        for _ in range(RUNS):
            both.aim_at_bare()
            beside.append(await timed(lambda: _next_card(place)))
            both.aim_at_bot()
            posted.append(await timed(lambda: _next_card(place)))
            await place.settled()
    print(
        Row(
            what="a webhook until its card, SQLite / a script that posts the same message",
            bot=in_ms(median(posted)),
            beside=in_ms(median(beside)),
            ratio=median(posted) / median(beside),
            aim=3,
        )
    )


async def _next_card(place: Town) -> None:
    before = len(place.cards)
    place.feedback()
    await place.slack.wait_for(lambda: len(place.cards) > before)


async def many_cards(databases: Databases) -> None:
    """Let customers ask all at once, with the limits of the real Slack and GitLab."""
    async with present_town(databases.new_folder(), databases.sqlite()) as place:
        place.slack.rates.scale = 1
        async with bot(place, "1") as process:
            await place.polled()
            place.gitlab.add_hook(place.project, f"{process.url}/gitlab/webhook", token=HOOK_SECRET)
            for number in range(MANY):
                place.feedback(f"Negative feedback for ticket {number}")
            await place.slack.wait_for(lambda: len(place.cards) == MANY, PATIENCE)
        posts = [call.at for call in place.slack.requests if call.method == "chat.postMessage"]
        refused = sum(call.status == TOO_MANY for call in place.slack.requests)
    rate = (len(posts) - 1) / (posts[-1] - posts[0])
    print(
        Row(
            what=f"{MANY} cards / Slack's one a second, with {refused} answers 429",
            bot=f"{rate:.3f}/s",
            beside="1/s",
            ratio=rate,
            aim=0.97,
            at_least=True,
        )
    )
