"""What the bot may do with a response_url.

https://docs.slack.dev/interactivity/handling-user-interaction#message_responses
"""

from aiohttp import web

from slackbot.local.json_type import Json
from slackbot.local.slack.api import read_arguments
from slackbot.local.slack.calls import flag, structured
from slackbot.local.slack.chat import check_content
from slackbot.local.slack.leases import ResponseUrl
from slackbot.local.slack.models import Ephemeral, SlackError
from slackbot.local.slack.state import State


class Responses:
    """Serves `/response/<token>`."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one use of a response_url."""
        traffic = self._state.traffic
        begun = traffic.begin() if traffic else None
        args, _ = await read_arguments(request)
        so_far = len(self._state.refusals)
        status, body = self._answer(request.match_info["token"], args)
        if traffic is not None and begun is not None:
            traffic.add(
                begun,
                sender="bot",
                receiver="Slack",
                title="response_url",
                status=status,
                ok=status == 200,
                request=args,
                response=body,
                problem=self._state.refused_since(so_far),
                is_ordered=self._state.is_down,
            )
        if body is None:
            return web.Response(status=status)
        return web.json_response(body, status=status)

    def _answer(self, token: str, args: Json) -> tuple[int, Json | None]:
        if self._state.is_down:
            return self._state.down_status or 503, None
        try:
            respond(self._state, self._state.leases.use_response_url(token), structured(args))
        except SlackError as error:
            if error.mistake:
                what = " ".join([error.code, *error.messages])
                self._state.refuse(f"response_url: {what}")
            gone = error.code in {"used_url", "expired_url", "invalid_url"}
            return 404 if gone else 400, {"ok": False, "error": error.code}
        return 200, {"ok": True}


def respond(state: State, lease: ResponseUrl, args: Json) -> None:
    """Show, replace or delete what the answer says."""
    channel = state.channels[lease.channel]
    original = next((one for one in state.ephemerals if one.ts == lease.original), None)
    if flag(args, "delete_original"):
        _delete(state, lease, original)
        return
    text, blocks = check_content(state, args)
    lease.said.append(text)
    if blocks and not text:
        state.refuse("response_url: blocks without a text for notifications")
    if flag(args, "replace_original") and lease.original is not None:
        _replace(state, lease, original, text, blocks)
        return
    thread_ts = args.get("thread_ts") or lease.thread_ts
    if args.get("response_type") == "in_channel":
        state.post(channel, state.bot_user_id, text, blocks=blocks, thread_ts=thread_ts)
    else:
        state.whisper(channel, lease.user, text, blocks, thread_ts)


def _replace(
    state: State, lease: ResponseUrl, original: Ephemeral | None, text: str, blocks: list[Json]
) -> None:
    if original is not None:
        state.ephemerals.remove(original)
        channel = state.channels[lease.channel]
        state.whisper(channel, lease.user, text, blocks, original.thread_ts)
        lease.original = state.ephemerals[-1].ts
        return
    message = state.channels[lease.channel].find(str(lease.original))
    if message is None:
        raise SlackError("message_not_found")
    state.edit(message, text, blocks)


def _delete(state: State, lease: ResponseUrl, original: Ephemeral | None) -> None:
    if original is not None:
        state.ephemerals.remove(original)
        state.changed()
    elif lease.original is not None:
        state.delete(state.channels[lease.channel], lease.original)
