"""What people do with what the bot shows: click, choose, fill in, send, type a command."""

import json
import re
from collections.abc import Mapping
from typing import Any

from slackbot.local.json_type import Json
from slackbot.local.slack import payloads
from slackbot.local.slack.block_kit import elements_of
from slackbot.local.slack.inputs import complaint, initial_values, pick, state_of, words
from slackbot.local.slack.leases import ResponseUrl
from slackbot.local.slack.models import Channel, Ephemeral, Message, Outcome, SlackError, User, View
from slackbot.local.slack.responses import respond
from slackbot.local.slack.socket_mode import SocketMode
from slackbot.local.slack.state import State
from slackbot.local.slack.transport import Transport
from slackbot.local.slack.views import answer_submission

Place = Message | Ephemeral | View
_URL = re.compile(r"https?://[^\s<>|]+")
_BUTTONS = frozenset({"button", "workflow_button"})
_NOT_IN_ACTION = frozenset({"options", "option_groups", "confirm", "focus_on_load"})


class Incomplete(AssertionError):
    """Slack's own client would not send this modal.

    Its view's `errors` say what is wrong with which input, so the person sees it there.
    """

    def __init__(self, complaints: dict[str, str]) -> None:
        super().__init__(f"Slack's client would not send this: {complaints}")
        self.complaints = complaints
        """What is wrong, by block_id."""


class Interactions(State):
    """The acts of people; each sends what Slack would send and waits for the bot's answer."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.sockets = SocketMode(self)
        self.transport = Transport(self, self.sockets)

    @property
    def request_url(self) -> str | None:
        """Where interactions, commands and events go over HTTP."""
        return self.transport.request_url

    @request_url.setter
    def request_url(self, url: str | None) -> None:
        self.transport.request_url = url

    def person(self, user: User | str) -> User:
        """Return a person by id."""
        return user if isinstance(user, User) else self.users[user]

    # Messages

    def message(self, channel: Channel | str, ts: str) -> Message | Ephemeral:
        """Return the message or ephemeral with this ts."""
        place = channel if isinstance(channel, Channel) else self.channel(channel)
        whispered = (one for one in self.ephemerals if (one.channel, one.ts) == (place.id, ts))
        found = place.find(ts) or next(whispered, None)
        if found is None:
            raise AssertionError(f"no message {ts} in {place.name}")
        return found

    async def click(
        self,
        user: User | str,
        message: Place,
        text: str,
        *,
        within: str = "",
        confirm: bool = True,
    ) -> Outcome:
        """Click the first button that shows `text`; with `confirm=False`, cancel its dialog if any.

        If there is no such button, choose the option of a menu that shows it. `within` picks among
        several: a block_id, or words or a value in the block.
        """
        self._check_seen_by(user, message)
        try:
            block, button = _find(message, text, within, buttons=True)
        except AssertionError:
            if not (menu := _menu_with(message, text, within)):
                raise
            return await self.choose(user, message, menu, text, within=within, confirm=confirm)
        return await self._act(user, message, block, button, {}, confirm)

    async def choose(
        self,
        user: User | str,
        message: Place,
        label: str,
        option: Any,
        *,
        within: str = "",
        confirm: bool = True,
    ) -> Outcome:
        """Choose an option, a date, a person … in the element of this placeholder or action_id.

        Options are found by their text or value; those of an external select are asked for. An
        overflow menu shows no words: it is found by its action_id. With `confirm=False`, its dialog
        is canceled, if it has one.
        """
        self._check_seen_by(user, message)
        block, element = _find(message, label, within)
        if element["type"] == "overflow":
            change: Json = {"selected_option": pick(element, option)}
            return await self._act(user, message, block, element, change, confirm)
        change = await self._entered(user, message, block, element, option)
        if element.get("confirm") and not confirm:
            return Outcome(kind="block_actions", payload={}, sent=False, error="cancelled")
        self._remember(user, message, block, element, change)
        if block["type"] == "input" and not block.get("dispatch_action"):
            return Outcome(kind="block_actions", payload={}, sent=False)
        return await self._act(user, message, block, element, change, confirm)

    def _check_seen_by(self, user: User | str, message: Place) -> None:
        if isinstance(message, Ephemeral) and message.user != self.person(user).id:
            raise AssertionError(f"only {message.user} sees this message")

    async def suggestions(
        self, user: User | str, message: Place, label: str, query: str
    ) -> list[Json]:
        """Return the options that the bot offers in an external select for what was typed."""
        block, element = _find(message, label)
        return await self._suggested(user, message, block, element, query)

    async def _act(
        self,
        user: User | str,
        place: Place,
        block: Json,
        element: Json,
        change: Json,
        confirm: bool,
    ) -> Outcome:
        if element.get("confirm") and not confirm:
            return Outcome(kind="block_actions", payload={}, sent=False, error="cancelled")
        action = {name: value for name, value in element.items() if name not in _NOT_IN_ACTION}
        action |= {**change, "block_id": block["block_id"]}
        payload = payloads.block_actions(self, self.person(user), place, action)
        return await self.transport.send(payload)

    async def _entered(
        self, user: User | str, place: Place, block: Json, element: Json, value: Any
    ) -> Json:
        """Return an element's new state; an external select's options come from the bot."""
        if "external_select" not in element["type"] or value is None:
            return state_of(element, value)
        wanted = value if isinstance(value, list) else [value]
        options: list[Json] = []
        for one in wanted:
            offered = await self._suggested(user, place, block, element, str(one))
            options += [option for option in offered if option not in options]
        return state_of({**element, "options": options}, value)

    async def _suggested(
        self, user: User | str, place: Place, block: Json, element: Json, query: str
    ) -> list[Json]:
        ids = (block["block_id"], element["action_id"])
        payload = payloads.block_suggestion(self, self.person(user), place, ids, query)
        outcome = await self.transport.send(payload)
        body = outcome.body if isinstance(outcome.body, dict) else {}
        groups = body.get("option_groups", [])
        offered = [*body.get("options", []), *(o for group in groups for o in group["options"])]
        if outcome.ok and not {"options", "option_groups"} & body.keys():
            self.refuse("block_suggestion: answered without options")
        return offered

    def _remember(
        self, user: User | str, place: Place, block: Json, element: Json, change: Json
    ) -> None:
        if isinstance(place, View):
            values = place.values
        else:
            values = self.selections[self.person(user).id, place.ts]
        values.setdefault(block["block_id"], {})[element["action_id"]] = change
        self.changed()

    def person_posts(
        self, user: User | str, channel: Channel | str, text: str, *, thread_ts: str | None = None
    ) -> Message:
        """Let a person write a message."""
        place = channel if isinstance(channel, Channel) else self.channel(channel)
        return self.post(place, self.person(user).id, text, thread_ts=thread_ts)

    async def share_link(
        self,
        user: User | str,
        channel: Channel | str,
        text: str,
        *,
        thread_ts: str | None = None,
    ) -> tuple[Message, Outcome | None]:
        """Let a person post a message with links; the bot hears of those to its domains."""
        message = self.person_posts(user, channel, text, thread_ts=thread_ts)
        urls = [url for url in _URL.findall(text) if url.split("/")[2] in self.unfurl_domains]
        if not urls or "links:read" not in self.scopes:
            return message, None
        return message, await self.send_event(payloads.link_shared(self, message, urls))

    async def shortcut(self, user: User | str, message: Message, callback_id: str) -> Outcome:
        """Choose a shortcut of the bot from the menu of a message."""
        payload = payloads.message_action(self, self.person(user), message, callback_id)
        return await self.transport.send(payload)

    def delete_message(self, channel: Channel | str, ts: str) -> None:
        """Let a person delete a message."""
        self.delete(channel if isinstance(channel, Channel) else self.channel(channel), ts)

    # Modals and the home tab

    def open_view(self, user: User | str) -> View:
        """Return the modal that a person has in front of them."""
        stack = self.views[self.person(user).id]
        if not stack:
            raise AssertionError(f"{self.person(user).name} has no modal open")
        return stack[-1]

    async def click_in_home(
        self, user: User | str, text: str, *, within: str = "", confirm: bool = True
    ) -> Outcome:
        """Click a button in the home tab."""
        home = self.homes[self.person(user).id]
        return await self.click(user, home, text, within=within, confirm=confirm)

    async def submit(self, user: User | str, values: Mapping[str, Any] | None = None) -> Outcome:
        """Fill in inputs, found by label, block_id or action_id, and submit the open modal.

        The outcome and the view carry the errors that the bot answers.

        Raises:
            Incomplete: Slack's own client would not send: a required input is empty, or a text
                too long.
        """
        view = await self.enter(user, values or {})
        view.errors = _complaints(view)
        self.changed()
        if view.errors:
            raise Incomplete(view.errors)
        outcome = await self.transport.send(payloads.view_submission(self, self.person(user), view))
        if outcome.ok:
            try:
                answer_submission(self, view, outcome.body)
            except SlackError as error:
                self.refuse(f"view_submission: {error.code} {' '.join(error.messages)}")
        return outcome

    async def enter(self, user: User | str, values: Mapping[str, Any]) -> View:
        """Fill in inputs of the open modal; the bot hears of them with the next click or choice.

        https://docs.slack.dev/reference/interaction-payloads/block_actions-payload: `view.state`
        """
        view = self.open_view(user)
        for label, value in values.items():
            block, element = _find(view, label)
            change = await self._entered(user, view, block, element, value)
            self._remember(user, view, block, element, change)
        return view

    async def close_view(self, user: User | str) -> Outcome | None:
        """Close the open modal; the bot hears of it only where it asked to."""
        view = self.open_view(user)
        stack = self.views[view.user]
        cleared = bool(view.body.get("clear_on_close"))
        stack[:] = [] if cleared else stack[:-1]
        self.changed()
        if not view.body.get("notify_on_close"):
            return None
        payload = payloads.view_closed(self, self.person(user), view, cleared=cleared)
        return await self.transport.send(payload)

    async def open_home(self, user: User | str) -> Outcome:
        """Look at the bot's home tab."""
        return await self.send_event(payloads.app_home_opened(self, self.person(user)))

    # Commands and events

    async def command(
        self, user: User | str, command: str, text: str, channel: Channel | str
    ) -> Outcome:
        """Type a slash command; what the ack says is shown to the person."""
        place = channel if isinstance(channel, Channel) else self.channel(channel)
        who = self.person(user)
        outcome = await self.transport.send(payloads.slash_command(self, who, command, text, place))
        answer = {"text": outcome.body} if isinstance(outcome.body, str) else outcome.body
        if outcome.ok and answer and any(answer.get(name) for name in ("text", "blocks")):
            try:
                respond(self, ResponseUrl(user=who.id, channel=place.id, issued=0), answer)
            except SlackError as error:
                self.refuse(f"{command}: {error.code} {' '.join(error.messages)}")
        return outcome

    async def send_event(
        self, event: Json, *, retry_num: int | None = None, event_id: str | None = None
    ) -> Outcome:
        """Send an event; the same `event_id` with a `retry_num` is Slack's retry."""
        payload = payloads.event_callback(self, event, event_id or self.new_id("Ev"))
        return await self.transport.send(payload, retry_num=retry_num)

    async def replay(self, what: Outcome | Json, *, retry_num: int | None = None) -> Outcome:
        """Send the very same payload again, signed afresh."""
        payload = what.payload if isinstance(what, Outcome) else what
        return await self.transport.send(payload, retry_num=retry_num)


def _find(
    place: Place, wanted: str, within: str = "", *, buttons: bool = False
) -> tuple[Json, Json]:
    """Return the element that shows these words or has this id, and its block."""
    shown: list[str] = []
    for block in place.blocks:
        if within != block["block_id"] and within not in json.dumps(block, ensure_ascii=False):
            continue
        for element in elements_of(block):
            if (element["type"] in _BUTTONS) is not buttons:
                continue
            label = block.get("label", {}).get("text", "")
            if wanted in (words(element), element["action_id"], label, block["block_id"]):
                return block, element
            shown.append(label or words(element) or element["action_id"])
    what = "button" if buttons else "element"
    raise AssertionError(f"no {what} {wanted!r}; there are {shown}")


def _menu_with(place: Place, wanted: str, within: str) -> str | None:
    """Return the id of the overflow menu that has an option of these words."""
    for block in place.blocks:
        if within == block["block_id"] or within in json.dumps(block, ensure_ascii=False):
            for element in elements_of(block):
                shown = [each["text"]["text"] for each in element.get("options", ())]
                if element["type"] == "overflow" and wanted in shown:
                    return str(element["action_id"])
    return None


def _complaints(view: View) -> dict[str, str]:
    found = {}
    untouched = initial_values(view.blocks)
    for block in view.blocks:
        if block["type"] != "input" or block["block_id"] not in untouched:
            continue
        entered = view.values[block["block_id"]][block["element"]["action_id"]]
        if what := complaint(block, entered):
            found[block["block_id"]] = what
    return found
