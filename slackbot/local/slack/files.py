"""The methods files.*: an upload in three steps, and where its bytes go.

https://docs.slack.dev/messaging/working-with-files/#upload
"""

import mimetypes
import secrets
from typing import Any

from aiohttp import web

from slackbot.local.json_type import Json
from slackbot.local.slack.calls import method, needed
from slackbot.local.slack.models import SlackError, Upload
from slackbot.local.slack.shapes import file_json
from slackbot.local.slack.state import State

MAX_ALT = 1000
"""``alt_txt_too_large``: https://docs.slack.dev/reference/methods/files.getUploadURLExternal."""
UPLOAD = "upload"
"""The name under which ``faults`` know the upload itself."""


@method("files.getUploadURLExternal", scope="files:write", tier=4)
def get_upload_url(state: State, args: Json) -> Json:
    """Return where to send a file's bytes."""
    name, length = needed(args, "filename"), needed(args, "length")
    if not length.isdecimal() or int(length) == 0:
        raise SlackError("missing_argument", "[ERROR] length", mistake=True)
    alt = str(args.get("alt_txt") or "")
    if len(alt) > MAX_ALT:
        raise SlackError("alt_txt_too_large", mistake=True)
    upload = Upload(
        id=state.new_id("F"),
        name=name,
        mimetype=mimetypes.guess_type(name)[0] or "application/octet-stream",
        length=int(length),
        alt=alt,
    )
    token = secrets.token_urlsafe(12)
    state.uploads[token] = upload
    return {"upload_url": f"{state.base_url}/upload/v1/{token}", "file_id": upload.id}


class Uploads:
    """Serves `/upload/v1/<token>`."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Take a file's bytes, raw or as a form."""
        traffic = self._state.traffic
        begun = traffic.begin() if traffic else None
        content = await _content(request)
        so_far = len(self._state.refusals)
        status, text, is_ordered = self._taken(request.match_info["token"], content)
        if traffic is not None and begun is not None:
            traffic.add(
                begun,
                sender="bot",
                receiver="Slack",
                title=UPLOAD,
                status=status,
                ok=status == 200,
                request=content,
                response=text,
                problem=self._state.refused_since(so_far),
                is_ordered=is_ordered,
            )
        return web.Response(status=status, text=text)

    def _taken(self, token: str, content: bytes) -> tuple[int, str, bool]:
        """Keep a file's bytes; return the status, the words, and whether a fault answered."""
        if self._state.is_down:
            return self._state.down_status or 503, "", True
        fault = self._state.faults.take(UPLOAD)
        if fault is not None:
            return fault.status, "upload failed", True
        upload = self._state.uploads.get(token)
        if upload is None or upload.content is not None or len(content) != upload.length:
            self._state.refuse(f"upload: {len(content)} bytes are not what was announced")
            return 400, "invalid upload", False
        upload.content = content
        return 200, f"OK - {len(content)}", False


async def _content(request: web.Request) -> bytes:
    if not request.content_type.startswith("multipart/"):
        return await request.read()
    for value in (await request.post()).values():
        if isinstance(value, web.FileField):
            return value.file.read()
    return b""


@method("files.completeUploadExternal", scope="files:write", tier=4)
def complete_upload(state: State, args: Json) -> Json:
    """Share what was uploaded; without a channel it stays private."""
    uploads = [_uploaded(state, one) for one in _listed(args)]
    place = args.get("channel_id")
    if place:
        channel = state.channels.get(str(place))
        if channel is None:
            raise SlackError("channel_not_found")
        if state.bot_user_id not in channel.members:
            raise SlackError("not_in_channel")
        message = state.post(
            channel,
            state.bot_user_id,
            str(args.get("initial_comment") or ""),
            thread_ts=args.get("thread_ts"),
        )
        message.files = uploads
    state.changed()
    return {"files": [file_json(state, one) for one in uploads]}


def _listed(args: Json) -> list[Any]:
    files = args.get("files")
    if not isinstance(files, list) or not files:
        raise SlackError("invalid_arguments", "[ERROR] missing required field: files", mistake=True)
    return files


def _uploaded(state: State, one: Any) -> Upload:
    if not isinstance(one, dict) or not one.keys() <= {"id", "title", "highlight_type"}:
        raise SlackError("invalid_arguments", "[ERROR] files", mistake=True)
    found = next((each for each in state.uploads.values() if each.id == one.get("id")), None)
    if found is None or found.content is None or found.is_shared:
        raise SlackError("file_not_found", mistake=True)
    found.title, found.is_shared = str(one.get("title") or found.name), True
    return found
