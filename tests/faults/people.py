"""The people of a run: what they do in Slack and in GitLab's own pages, and what they were told."""

import asyncio
import contextlib
import copy
import json
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from slackbot.handlers.incoming import Interaction, payload_of
from slackbot.local.gitlab import Issue
from slackbot.local.gitlab import User as GitLabUser
from slackbot.local.slack import Ephemeral, Message, Outcome, User, View, Workspace
from slackbot.local.slack.block_kit import elements_of
from tests.faults import acts
from tests.faults.history import CARD, Deletion, Recorder, about_decisions, words_in
from tests.faults.replicas import Replicas
from tests.faults.schedule import LABELS
from tests.process import BotProcess
from tests.town import CONTACT, CONTACTED, DESCRIPTION, Town, buttons, menu_of

ASKING = "/ssat"
MENU, MORE = "menu", "More…"
MODAL_SECONDS = 2.0
"""How long a person waits for a modal before they let it be."""
SETTLED = timedelta(seconds=1)
"""How old an interaction is when it is repeated: what a person is told of it has arrived."""
REMEMBERED = 6
"""How many versions of a card people may still have before their eyes."""

LABEL_SELECT = "Feedback label"
FIRST_TICKET = 412_000

GOOD = "satisfaction::good"

_NOT_ASKED = DESCRIPTION.replace("Manager contact requested: Yes", "").rstrip()
_GOOD_WORDS = "**Organisation:** Example Ltd\n**Comment:** Blake found it in ten minutes."


@dataclass(kw_only=True)
class Sent:
    """An interaction, and the process that it went to."""

    at: datetime
    key: str
    who: str
    what: str
    outcome: Outcome
    process: BotProcess | None
    told_before: int
    """How much the person had been told about it before it was sent, or sent again."""
    answered_at: datetime | None = None
    """When the answer came, or was no longer waited for."""
    is_to_show: bool = False
    """It asks for a form or a row, and chooses nothing yet."""
    has_opened: bool = False
    """It has shown what it asked for."""

    @property
    def interaction(self) -> str:
        """By what a repetition is known: Slack's id, or the form and what was entered."""
        if self.outcome.kind == "view_submission":
            return Interaction.of_form(payload_of(self.outcome.payload)).id
        return str(self.outcome.payload["trigger_id"])

    @property
    def action(self) -> str:
        """What the bot's log calls it: the action or the form."""
        payload = self.outcome.payload
        form = payload.get("view", {}).get("callback_id", "")
        return str(payload.get("actions", [{}])[0].get("action_id", form))

    @property
    def typed(self) -> frozenset[str]:
        """What the person typed, as words that nobody else has typed."""
        return words_in(json.dumps(self.outcome.payload.get("view", {}).get("state", {})))

    @property
    def decision(self) -> str | None:
        """The refused decision that it is about."""
        actions = self.outcome.payload.get("actions", [{}])
        return str(actions[0].get("value", "")).partition(":")[2] or None


class People:
    """Carries out the acts of people.

    Args:
        running: The replicas that people's clicks go to.
    """

    def __init__(self, town: Town, recorder: Recorder, running: Replicas) -> None:
        self._town, self._recorder, self._running = town, recorder, running
        self.issues: dict[int, Issue] = {}
        self.sent: list[Sent] = []
        self.deletions: list[Deletion] = []
        self._seen: dict[str, deque[Message]] = defaultdict(lambda: deque(maxlen=REMEMBERED))
        # A person does one thing at a time.
        self._hands: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        town.slack.watchers.append(self._see)

    def _see(self, message: Message) -> None:
        # A message that changes gets other blocks, and its copies keep theirs.
        if _is_card(message):
            self._seen[message.ts].appendleft(copy.copy(message))

    @property
    def expecting(self) -> int:
        """How many requests for contact have never had a card."""
        carded = {each.key for each in self._recorder.paintings}
        asking = (issue for issue in self.issues.values() if CONTACT in issue.labels)
        return sum(self._recorder.key_of(issue) not in carded for issue in asking)

    async def act(self, act: acts.Act) -> None:
        """Do what the schedule says, as far as it can be done."""
        match act:
            case acts.Click(who=who):
                await asyncio.gather(*(self._click(act, who) for _ in range(act.times)))
            case acts.AtOnce(who=one, other=other):
                claim = acts.Click(at=act.at, before=act.before, who=one, buttons=("Claim",))
                await asyncio.gather(self._click(claim, one), self._click(claim, other))
            case acts.Across():
                await self._act_across(act)
            case acts.ChooseLabel():
                await self._choose(act)
            case acts.MarkContacted():
                await self._mark_contacted(act)
            case acts.FillIn():
                await self._fill_in(act)
            case acts.Settle():
                await self._settle(act)
            case acts.Replay():
                await self._replay(act)
            case acts.DeleteCard(before=before):
                self._delete(before)
            case _:
                self._act_in_gitlab(act)

    # In Slack

    async def _click(self, act: acts.Click, who: str) -> None:
        async with self._hands[who]:
            if seen := self._looked_at(act.before, act.buttons, is_late=act.is_late):
                card, button = seen
                click = partial(self._town.slack.click, self._user(who), card, button)
                await self._send(key_on(card), who, button, click)

    async def _choose(self, act: acts.ChooseLabel) -> None:
        slack, user = self._town.slack, self._user(act.who)
        async with self._hands[act.who]:
            if seen := self._looked_at(act.before, (LABEL_SELECT,)):
                card, select = seen
                choose = partial(slack.choose, user, card, select, act.label)
                await self._send(key_on(card), act.who, select, choose)

    async def _act_across(self, act: acts.Across) -> None:
        """Choose on a card, and let somebody choose otherwise in GitLab before that arrives."""
        cards, at, who, before = self._cards, act.at, act.who, act.before
        if not cards:
            return
        issue = self._issue_on(cards[-1 - before % len(cards)])
        by = self._town.gitlab.user(act.account)
        if act.label is None:
            claim = acts.Click(at=at, before=before, who=who, buttons=("Claim",))
            await self._click(claim, who)
            self._town.gitlab.assign(issue, by, by=by)
        else:
            chosen = acts.ChooseLabel(at=at, before=before, who=who, label=act.label)
            await self._choose(chosen)
            other = next(label for label in LABELS if label != act.label)
            self._town.gitlab.change_labels(issue, add=[other], by=by)

    async def _send(
        self,
        key: str,
        who: str,
        what: str,
        send: Callable[[], Awaitable[Outcome]],
        *,
        told_before: int = 0,
        is_to_show: bool = False,
    ) -> Sent:
        at, process = self._town.clock(), self._running.aim()
        outcome = await send()
        if process and outcome.url:
            # Somebody else may have aimed before it left.
            process = self._running.process_at(outcome.url)
        sent = Sent(
            at=at,
            key=key,
            who=who,
            what=what,
            outcome=outcome,
            process=process,
            told_before=told_before,
            answered_at=self._town.clock(),
            is_to_show=is_to_show,
        )
        self.sent.append(sent)
        return sent

    async def _mark_contacted(self, act: acts.MarkContacted) -> None:
        slack, user = self._town.slack, self._user(act.who)
        async with self._hands[act.who]:
            seen = self._looked_at(act.before, ("Mark contacted",))
            if seen is None:
                return
            slack.views[user.id].clear()  # what came when they had given up
            opening = partial(slack.click, user, *seen)
            if await self._opened(key_on(seen[0]), act.who, "Mark contacted …", opening):
                inputs = {"channel": act.channel} | ({"text": act.text} if act.text else {})
                await self._submit(act.who, "Mark contacted", inputs)
            slack.views[user.id].clear()

    async def _opened(
        self, key: str, who: str, what: str, send: Callable[[], Awaitable[Outcome]]
    ) -> bool:
        """Ask for a form, and wait for it; they let it be if it does not open."""
        slack, user = self._town.slack, self._user(who)
        before = len(slack.views[user.id])
        asked = await self._send(key, who, what, send, is_to_show=True)
        with contextlib.suppress(AssertionError):
            await slack.wait_for(lambda: len(slack.views[user.id]) > before, MODAL_SECONDS)
            asked.has_opened = True
        return asked.has_opened

    async def _submit(self, who: str, what: str, inputs: Mapping[str, Any]) -> None:
        """Send a form, and once more if that did not come through: it is open still."""
        slack, user = self._town.slack, self._user(who)
        about = slack.open_view(user).private_metadata
        for _ in range(2):
            sent = await self._send(about, who, what, partial(slack.submit, user, inputs))
            if sent.outcome.ok:
                return

    async def _fill_in(self, act: acts.FillIn) -> None:
        user = self._user(act.who)
        async with self._hands[act.who]:
            self._town.slack.views[user.id].clear()
            place = await self._row(act) if act.in_row else self._card_with_menu(act)
            if place is not None and (way := await self._chosen(act, *place)):
                await self._fill_in_open(act, way)
            self._town.slack.views[user.id].clear()

    def _card_with_menu(self, act: acts.FillIn) -> tuple[str, Message] | None:
        cards = [card for card in self._cards if menu_of(card)]
        cards = [card for card in cards if _calls_for(act, self._issue_on(card))] or cards
        if not cards:
            return None
        card = copy.copy(cards[-1 - act.before % len(cards)])
        return key_on(card), card

    async def _row(self, act: acts.FillIn) -> tuple[str, Ephemeral] | None:
        """Ask for one feedback by its ticket."""
        if not self.issues:
            return None
        found = [each for each in self.issues.items() if _calls_for(act, each[1])]
        found = found or list(self.issues.items())
        number, issue = found[-1 - act.before % len(found)]
        slack, user, key = self._town.slack, self._user(act.who), self._recorder.key_of(issue)
        ticket, told = str(FIRST_TICKET + number), len(slack.ephemerals)
        ask = partial(slack.command, user, ASKING, ticket, self._town.channel)
        asked = await self._send(key, act.who, ASKING, ask, is_to_show=True)
        asked.has_opened = asked.outcome.ok

        def shown() -> Ephemeral | None:
            answers = (each for each in slack.ephemerals[told:] if each.user == user.id)
            return next((each for each in answers if menu_of(each)), None)

        with contextlib.suppress(AssertionError):  # none is on record, or it is not answered
            return key, await slack.wait_for(shown, MODAL_SECONDS)
        return None

    async def _chosen(
        self, act: acts.FillIn, key: str, place: Message | Ephemeral
    ) -> acts.Way | None:
        """Open the form of the first way that is offered; return the way if it has opened."""
        slack, user = self._town.slack, self._user(act.who)
        choose = partial(slack.choose, user, place, MENU)
        way = _first(act.ways, menu_of(place))
        if way is not None:
            opened = await self._opened(key, act.who, way.offer, partial(choose, way.offer))
            return way if opened else None
        if not await self._opened(key, act.who, MORE, partial(choose, MORE)):
            return None
        everything = slack.open_view(user)
        way = _first(act.ways, _offered(everything))
        if way is None:
            return None
        click = partial(slack.click, user, everything, way.offer)
        return way if await self._opened(key, act.who, way.offer, click) else None

    async def _fill_in_open(self, act: acts.FillIn, way: acts.Way) -> None:
        slack, user = self._town.slack, self._user(act.who)
        form = slack.open_view(user)
        title = form.title
        inputs = (dict(each.inputs) for each in act.ways if each.offer == way.offer)
        fitting = next((each for each in inputs if _takes(form, each)), None)
        if fitting is None:
            return  # it has no such label, say; or it explains why there is no form
        await self._submit(act.who, title, self._entered(form, fitting))
        if not (act.goes_on and slack.views[user.id]):
            return
        following = slack.open_view(user)
        if following.title == title:
            return  # it says what is wrong, and they let it be
        answers = ({"reason": "nothing_to_do"}, {"channel": "ticket"})
        if answer := next((each for each in answers if _takes(following, each)), None):
            await self._submit(act.who, following.title, answer)

    def _entered(self, form: View, inputs: Mapping[str, str]) -> dict[str, Any]:
        """Say it as Slack does: people by their ids, and ticks as lists."""
        entered: dict[str, Any] = {}
        for name, value in inputs.items():
            match _inputs(form)[name]["type"]:
                case "multi_users_select":
                    entered[name] = [self._user(who).id for who in _listed(value)]
                case "checkboxes":
                    entered[name] = _listed(value)
                case _:
                    entered[name] = value
        return entered

    async def _settle(self, act: acts.Settle) -> None:
        """Look at the latest of the direct messages that still offers to try again."""
        slack, user = self._town.slack, self._user(act.who)
        async with self._hands[act.who]:
            messages = reversed(slack.im(user.id).messages)
            found = (each for each in messages if act.button in buttons(each))
            if message := next(found, None):
                [key] = {key for _, key in about_decisions(message.blocks)}
                click = partial(slack.click, user, message, act.button)
                await self._send(key, act.who, act.button, click)

    async def _replay(self, act: acts.Replay) -> None:
        who = act.who
        async with self._hands[who]:
            until = self._town.clock() - SETTLED
            own = [sent for sent in self.sent if sent.who == who and sent.at < until]
            if act.was_accepted:
                own = [sent for sent in own if self._was_accepted(sent)]
            # A modal is not opened twice by one click.
            sent = next((each for each in reversed(own) if not each.is_to_show), None)
            if sent is not None:
                told = len(words_told(sent.outcome, self._town.slack))
                again = partial(self._town.slack.replay, sent.outcome)
                await self._send(sent.key, who, sent.what, again, told_before=told)

    def _was_accepted(self, sent: Sent) -> bool:
        outcome = sent.outcome
        return outcome.ok and not outcome.errors and not words_told(outcome, self._town.slack)

    def _delete(self, before: int) -> None:
        if cards := self._cards:
            card, now = cards[-1 - before % len(cards)], self._town.clock()
            self._town.slack.delete_message(self._town.channel, card.ts)
            self.deletions.append(Deletion(at=now, key=key_on(card), ts=card.ts))

    def _looked_at(
        self, before: int, elements: tuple[str, ...], *, is_late: bool = False
    ) -> tuple[Message, str] | None:
        """Return a card as somebody has it before their eyes, and which element they go for."""
        cards = self._cards
        if not cards:
            return None
        card = cards[-1 - before % len(cards)]
        versions = list(self._seen[card.ts]) if is_late else [copy.copy(card)]
        found = (
            (version, element)
            for element in elements
            for version in versions
            if element in (*buttons(version), *menu_of(version))
        )
        return next(found, None)

    def _issue_on(self, card: Message) -> Issue:
        """Return the issue that a card is about."""
        iid = int(key_on(card).partition("/")[2])
        return self._town.project.issues[iid]

    @property
    def _cards(self) -> list[Message]:
        # Where a card was deleted, a step for its thread may end up in the channel.
        return [each for each in self._town.cards if _is_card(each)]

    def _user(self, who: str) -> User:
        user: User = getattr(self._town, who)
        return user

    # In GitLab

    def _act_in_gitlab(self, act: acts.Act) -> None:
        gitlab, town = self._town.gitlab, self._town
        if gitlab.faults.down:
            return  # its pages answer people no better than its API answers the bot
        self._running.aim()
        match act:
            case acts.Feedback():
                self._open(act)
            case acts.Ask(number=number) if number in self.issues:
                gitlab.change_labels(self.issues[number], add=[CONTACT], by=town.automation)
            case acts.OnIssue(before=before, who=who) if self.issues:
                issues = list(self.issues.values())
                self._change(act, issues[-1 - before % len(issues)], gitlab.user(who))

    def _change(self, act: acts.OnIssue, issue: Issue, by: GitLabUser) -> None:
        gitlab = self._town.gitlab
        match act:
            case acts.Assign(to=to):
                gitlab.assign(issue, *(() if to == acts.NOBODY else (to,)), by=by)
            case acts.Relabel(label=label):
                change = {"add" if act.is_put_on else "remove": [label]}
                gitlab.change_labels(issue, **change, by=by)
            case acts.Close():
                change_state = gitlab.reopen if act.is_reopened else gitlab.close
                change_state(issue, by=by)

    def _open(self, act: acts.Feedback) -> None:
        if act.is_good:
            title = f"Positive feedback for ticket {FIRST_TICKET + act.number}"
            good = self._town.feedback(title, description=_GOOD_WORDS, labels=[GOOD])
            self.issues[act.number] = good
            return
        self.issues[act.number] = self._town.feedback(
            f"Negative feedback for ticket {FIRST_TICKET + act.number}",
            description=DESCRIPTION if act.asks else _NOT_ASKED,
            labels=(CONTACT,) if act.asks else (),
            assignees=(self._town.duty_gitlab,) if act.duty else (),
        )

    def bring_back_deleted_cards(self) -> None:
        """Change the issues whose cards were deleted: that is when a card comes back."""
        for issue in self.issues.values():
            if any(deleted.key == self._recorder.key_of(issue) for deleted in self.deletions):
                title = f"{issue.title} (looked at)"
                self._town.gitlab.edit(issue, title=title, by=self._town.duty_gitlab)


def words_told(outcome: Outcome, slack: Workspace) -> list[str]:
    """Return what a person was told in the channel about an interaction, in order."""
    token = urlsplit(str(outcome.payload.get("response_url", ""))).path.rpartition("/")[2]
    lease = slack.leases.response_urls.get(token)
    return lease.said if lease else []


def _first(ways: tuple[acts.Way, ...], offered: list[str]) -> acts.Way | None:
    return next((way for way in ways if way.offer in offered), None)


def _calls_for(act: acts.FillIn, issue: Issue) -> bool:
    """Tell whether people would do this with an issue, as GitLab shows it."""
    match act.ways[0].offer:
        case "Reopen…":
            return issue.state == "closed"
        case "Undo contacted…":
            return CONTACTED in issue.labels
        case "Kudos…":
            return GOOD in issue.labels
        case _:
            return True


def _offered(everything: View) -> list[str]:
    """Name what the list of all that can be done offers."""
    return [
        element["text"]["text"] for block in everything.blocks for element in elements_of(block)
    ]


def _takes(form: View, inputs: Mapping[str, str]) -> bool:
    """Tell whether a form has all these inputs, and these options in them."""
    elements = _inputs(form)
    return all(
        name in elements and _has_option(elements[name], value) for name, value in inputs.items()
    )


def _inputs(form: View) -> dict[str, dict[str, Any]]:
    """Return the elements of a form's inputs by block."""
    return {
        block["block_id"]: block["element"] for block in form.blocks if block["type"] == "input"
    }


def _listed(value: str) -> list[str]:
    return [each for each in value.split(",") if each]


def _has_option(element: Mapping[str, Any], value: str) -> bool:
    options = element.get("options")
    wanted = _listed(value) if element["type"] == "checkboxes" else [value]
    return options is None or {*wanted} <= {option["value"] for option in options}


def _is_card(message: Message) -> bool:
    return (message.metadata or {}).get("event_type") == CARD


def key_on(card: Message) -> str:
    """Return which issue a card is about."""
    return str((card.metadata or {}).get("event_payload", {}).get("key"))
