"""Every kind of message and view that the bot produces: the sample of days, and then each click.

A crawler presses each button and takes each option that it sees, in the channel, in Home, in
modals and in the answers of `/ssat`, and looks at what the bot shows then.
"""

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from slackbot.local.cast import AVERY, BLAKE, CASEY, DANA, FINLEY
from slackbot.local.gitlab import Issue
from slackbot.local.slack import Ephemeral, Message, View, Workspace
from slackbot.local.slack.block_kit import elements_of
from slackbot.local.world import World
from slackbot.rules.reading.feedback import Sentiment

Json = dict[str, Any]
Place = Message | Ephemeral | View
COMMANDS = (
    *("", "mine", "unclaimed", "overdue", "good", "bad", "neutral", "all", "done 30d", "help"),
    *("duty", "stats", "stats 30d by region", "profile", "nonsense", "link casey"),
)
DEEPEST = 3
"""How many modals in a row are gone through."""
FASTER = 1000
PATIENCE = 60.0
"""How many seconds may take what must fit into three: the machine may be busy."""
ALIKE = 3
MORE, MORE_OFTEN = "More…", 8
"""What offers something else for each request."""
OPENS = ("…", "Mark contacted", "Snooze")
"""How words end that open a modal."""
OPENS_SECONDS, FOLLOWS_SECONDS = 20.0, 0.3
"""How long the bot has to open it, or to do something else beyond acknowledging a click."""


@dataclass
class Produced:
    """What was seen: a few of each make."""

    messages: dict[str, Json] = field(default_factory=dict)
    views: dict[str, Json] = field(default_factory=dict)

    def add(self, what: Json) -> None:
        """Keep a message or a view, unless there are some of the same make."""
        kept = self.views if what.get("type") in {"modal", "home"} else self.messages
        alike = [name for name in kept if name.startswith(f"{_make(what)} #")]
        if len(alike) < ALIKE and what not in kept.values():
            kept[f"{_make(what)} #{len(alike) + 1}"] = what


def _make(what: Json) -> str:
    """Tell two apart by their blocks and elements, and not by their words."""
    parts = [
        ".".join([block["type"], *(_action(each) for each in elements_of(block))])
        for block in what.get("blocks") or []
    ]
    title = what.get("title", {}).get("text", "")
    return f"{what.get('callback_id', '')} {title} {' '.join(dict.fromkeys(parts))}".strip()


def _action(element: Json) -> str:
    return f"{element['type']}:{element.get('action_id', '')}"


async def produced() -> Produced:
    """Run the local workspace, go through all of it, and return what the bot has shown."""
    world = World()
    await world.begin()
    try:
        await world.ready()
        crawler = _Crawler(world)
        await crawler.go()
        return crawler.produced
    finally:
        await world.end()


class _Crawler:
    def __init__(self, world: World) -> None:
        self._world, self._sample = world, world.sample
        self._slack: Workspace = world.sample.slack
        self._slack.rates.scale = FASTER
        self._slack.transport.ack_seconds = self._slack.leases.trigger_seconds = PATIENCE
        self.produced = Produced()
        self._done: Counter[tuple[str, str, str]] = Counter()

    async def go(self) -> None:
        """Let people use everything; then let time pass."""
        fresh = await self._card("Nobody called.")
        await self._through(AVERY.slack, fresh)
        await self._through(BLAKE.slack, fresh)
        await self._finished()
        await self._refused()
        for command in COMMANDS:
            await self._command(AVERY.slack, command)
        for who in (AVERY.slack, BLAKE.slack):
            await self._slack.open_home(who)
            await self._through(who, await self._home(who))
        await self._links()
        await self._world.pass_until(self._sample.clock() + timedelta(days=2, hours=1))
        for who in (AVERY.slack, CASEY.slack):
            for message in reversed(self._everything()):
                await self._through(who, message)
        self._collect()

    def _everything(self) -> list[Message]:
        tops = [top for one in self._slack.channels.values() for top in one.messages]
        return [one for top in tops for one in (top, *top.thread)]

    async def _home(self, who: str) -> View:
        return await self._slack.wait_for(lambda: self._slack.homes[who])

    async def _shows(self, card: Message, words: str) -> None:
        await self._slack.wait_for(lambda: words in str(card.blocks))

    async def _card(self, comment: str) -> Message:
        issue = self._sample.new_feedback(
            comment=comment,
            sentiment=Sentiment.NEGATIVE,
            wants_contact=True,
            organization="Acme Ltd",
        )
        return await self._slack.wait_for(lambda: self._sample.card_of(issue))

    async def _refused(self) -> None:
        """Let those act who may not, and let GitLab refuse."""
        for who in (DANA, FINLEY):
            await self._slack.click(who.slack, await self._card("Slow."), "Claim")
        card = await self._card("It was refused.")
        await self._world.troubles.switch("gitlab-forbidden", on=True)
        await self._slack.click(AVERY.slack, card, "Claim")
        await self._world.settled()
        self._collect()
        await self._world.troubles.switch("gitlab-forbidden", on=False)
        card = await self._card("GitLab is down.")
        await self._world.troubles.switch("gitlab-down", on=True)
        await self._slack.click(BLAKE.slack, card, "Claim")
        await self._slack.wait_for(lambda: self._slack.requests)
        self._collect()
        await self._world.troubles.switch("gitlab-down", on=False)
        await self._world.settled()

    async def _finished(self) -> None:
        """Mark customers contacted, in time and with a follow-up, and undo it."""
        for answers in ({"channel": "Call"}, {"channel": "Email", "text": "I am sorry.\nAvery"}):
            card = await self._card("I would like a call.")
            await self._slack.click(AVERY.slack, card, "Mark contacted")
            await self._slack.wait_for(lambda: self._slack.views[AVERY.slack])
            await self._slack.submit(AVERY.slack, answers)
            await self._shows(card, "Contacted")
            await self._world.settled()
            self._collect()
            await self._through(AVERY.slack, card)
            await self._through(BLAKE.slack, card)

    async def _links(self) -> None:
        """Share a link to each of some issues, and show what they are about."""
        issues: list[Issue] = list(self._sample.project.issues.values())[-4:]
        for issue in issues:
            url = f"{self._sample.gitlab.web_url}/{issue.project.path}/-/issues/{issue.iid}"
            message, _ = await self._slack.share_link(AVERY.slack, self._sample.channel, url)
            await self._world.settled()
            await self._slack.shortcut(AVERY.slack, message, "show_feedback")
            await self._world.settled()
            self._collect()

    async def _command(self, who: str, text: str) -> None:
        told = len(self._slack.ephemerals)
        await self._slack.command(who, "/ssat", text, self._sample.channel)
        await self._world.settled()
        self._collect()
        for answer in self._slack.ephemerals[told:]:
            await self._through(who, answer)
        await self._inside(who, 0, 1)

    async def _through(self, who: str, place: Place, depth: int = 0) -> None:
        """Use each element of a place once, and those of the modals that open.

        What opens a modal comes first: what changes the request may take the rest away.
        """
        usable = sorted(_usable(place), key=lambda one: not one[2].endswith(OPENS))
        for block_id, element, words in usable:
            kind = (who if depth == 0 else "", element["action_id"].rstrip("0123456789"), words)
            if self._done[kind] >= (MORE_OFTEN if words == MORE else 1):
                continue
            self._done[kind] += 1
            below = len(self._slack.views[who])
            try:
                if element["type"] == "button":
                    await self._slack.click(who, place, words, within=block_id)
                else:
                    label = element["action_id"]
                    await self._slack.choose(who, place, label, words, within=block_id)
            except AssertionError:
                self._done[kind] -= 1  # what was pressed before has taken it away
                continue
            seconds = OPENS_SECONDS if words.endswith(OPENS) else FOLLOWS_SECONDS
            await self._what_follows(who, below, seconds)
            await self._inside(who, below, depth + 1)

    async def _what_follows(self, who: str, below: int, seconds: float) -> None:
        """Wait until the bot has shown something, if it does, and has no more to do."""
        told = len(self._slack.ephemerals)

        def has_followed() -> bool:
            opened = len(self._slack.views[who]) > below
            return opened or len(self._slack.ephemerals) > told

        with contextlib.suppress(AssertionError):
            await self._slack.wait_for(has_followed, seconds)
        await self._world.settled()
        self._collect()

    async def _inside(self, who: str, below: int, depth: int) -> None:
        """Go through the modal that has opened above others, and close it."""
        stack = self._slack.views[who]
        if len(stack) > below and depth <= DEEPEST:
            await self._through(who, stack[-1], depth)
        del stack[below:]

    def _collect(self) -> None:
        for request in self._slack.requests:
            for shown in _shown(request.args):
                self.produced.add(shown)
        self._slack.requests.clear()
        for ephemeral in self._slack.ephemerals:
            self.produced.add({"text": ephemeral.text, "blocks": ephemeral.blocks})
        for stack in self._slack.views.values():
            for view in stack:
                self.produced.add(view.body)


def _shown(args: Json) -> Iterator[Json]:
    """Return what a call shows: a message, a view, or blocks beside links."""
    if isinstance(args.get("view"), dict):
        yield args["view"]
    if isinstance(args.get("blocks"), list) and args["blocks"]:
        yield {"text": args.get("text", ""), "blocks": args["blocks"]}
    if isinstance(args.get("unfurls"), dict):
        yield from ({"blocks": each["blocks"]} for each in args["unfurls"].values())


def _usable(place: Place) -> Iterator[tuple[str, Json, str]]:
    """Yield block_id, element and words of each button and each option of a menu."""
    for block in place.blocks:
        for element in elements_of(block):
            if element["type"] == "button" and "url" not in element:
                yield block["block_id"], element, element["text"]["text"]
            elif element["type"] in {"overflow", "static_select", "radio_buttons"}:
                options = [each for each in element.get("options", ()) if "url" not in each]
                few = options if element["type"] == "overflow" else options[:1]
                for option in few:
                    yield block["block_id"], element, option["text"]["text"]
