"""A card whose post lost its answer, while its request goes to another channel: there is one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from slackbot.local.gitlab import Issue
from slackbot.platforms.errors import Unreachable
from slackbot.rules.request import IssueKey
from slackbot.store.jobs import IssueQueue
from slackbot.store.messages import cards
from tests.conftest import MovableClock
from tests.place import Place, place_at
from tests.town import CONTACT, cards_in, text_of

EMEA = "Region::EMEA"
FILE = f"""
[[route]]
name = "emea"
label = "{EMEA}"
channel = "#emea"

[[route]]
name = "rest"
bad_channel = "#bad"
"""


class Doubt:
    """A place with the teams emea and rest, and a feedback of rest whose post gets no answer."""

    def __init__(self, place: Place, *, has_teams: bool) -> None:
        self.place, self.has_teams, town = place, has_teams, place.town
        everybody = [town.avery.id, town.blake.id]
        town.gitlab.add_label(town.project, EMEA)
        self.emea, self.bad = (
            town.slack.add_channel(each, members=everybody) for each in ("emea", "bad")
        )
        self.rest, self.issue = town.channel, self._feedback()
        self.first, self.then = (self.rest, self.emea) if has_teams else (self.bad, self.rest)

    def _feedback(self) -> Issue:
        bad = {"description": "**Score:** 2", "labels": ["satisfaction::bad"]}
        return self.place.town.feedback(**({} if self.has_teams else bad))  # type: ignore[arg-type]

    @property
    def key(self) -> IssueKey:
        return self.place.key(self.issue)

    async def begin(self, when: str = "after") -> None:
        """Post the card, without an answer; then its request belongs elsewhere."""
        town = self.place.town
        await self.place.do(IssueQueue.SYNC, self.key)
        town.slack.faults.add("chat.postMessage", drop=True, when=when)  # type: ignore[arg-type]
        with pytest.raises(Unreachable):
            await self.show()
        label = EMEA if self.has_teams else CONTACT
        town.gitlab.change_labels(self.issue, add=[label], by=town.duty_gitlab)
        await self.place.do(IssueQueue.SYNC, self.key)

    async def show(self) -> None:
        await self.place.do(IssueQueue.CARD, self.key)

    def count(self) -> dict[str, int]:
        """Return how many cards there are, by channel, where there are any."""
        found = {each.name: len(cards_in(each)) for each in (self.emea, self.bad, self.rest)}
        return {name: number for name, number in found.items() if number}

    async def place_on_record(self) -> tuple[str | None, str | None]:
        async with self.place.database.transaction() as tx:
            card = await cards.load_card(tx, self.key)
        return (card.channel, card.ts) if card else (None, None)


@pytest.fixture(params=[True, False], ids=["to another team", "from the second channel"])
async def doubt(
    request: pytest.FixtureRequest, clock: MovableClock, tmp_path: Path, database_url: str
) -> AsyncIterator[Doubt]:
    file = tmp_path / "routes.toml"
    file.write_text(FILE)
    has_teams: bool = request.param
    settings = {"ssat_routes_file": file} if has_teams else {"ssat_bad_channel": "#bad"}
    async with place_at(clock, tmp_path, database_url, **settings) as place:
        yield Doubt(place, has_teams=has_teams)


async def test_it_is_found_where_it_was_begun_and_moves_from_there(doubt: Doubt) -> None:
    await doubt.begin()
    assert doubt.count() == {doubt.first.name: 1}
    await doubt.show()
    assert doubt.count() == {doubt.then.name: 1}
    [card] = cards_in(doubt.then)
    assert "Unclaimed" in text_of(card)
    assert await doubt.place_on_record() == (doubt.then.id, card.ts)


async def test_one_that_never_arrived_is_posted_where_it_belongs_now(doubt: Doubt) -> None:
    await doubt.begin(when="before")
    await doubt.show()
    assert doubt.count() == {doubt.then.name: 1}


async def test_one_that_moves_while_in_doubt_again_is_found_there(doubt: Doubt) -> None:
    await doubt.begin()
    doubt.place.town.slack.faults.add("chat.postMessage", drop=True, when="after")
    with pytest.raises(Unreachable):
        await doubt.show()
    await doubt.show()
    assert doubt.count() == {doubt.then.name: 1}


async def test_a_channel_that_cannot_be_read_any_more_keeps_no_customer_waiting(
    doubt: Doubt,
) -> None:
    await doubt.begin(when="before")
    doubt.first.members.discard(doubt.place.town.slack.bot_user_id)
    doubt.first.private = True
    await doubt.show()
    assert doubt.count() == {doubt.then.name: 1}


async def test_it_is_known_where_it_stands_though_it_cannot_move_yet(doubt: Doubt) -> None:
    await doubt.begin()
    doubt.then.archived = True
    await doubt.show()
    channel, ts = await doubt.place_on_record()
    assert channel == doubt.first.id
    assert ts == cards_in(doubt.first)[0].ts
