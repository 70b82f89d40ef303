"""What a workspace is made of: people, channels, messages, views, and a record of what happened."""

from dataclasses import dataclass, field
from typing import Any

from slackbot.local.json_type import Json


class SlackError(Exception):
    """A method's answer with `ok: false`.

    `mistake` tells whether the caller did something wrong (and a test should fail on it) or met
    the world as it is, such as a message that a person has deleted.
    """

    def __init__(self, code: str, *messages: str, mistake: bool = False, **extra: Any) -> None:
        super().__init__(code, *messages)
        self.code = code
        self.messages = list(messages)
        self.mistake = mistake
        self.extra = extra


@dataclass(kw_only=True)
class User:
    """A person or a bot; `team_id` of another workspace makes a Slack Connect person.

    A status ends at `status_expiration`, in Unix seconds; 0 is no end.

    In Enterprise Grid, `teams` are the workspaces of the organization that they are a member of.
    """

    id: str
    name: str
    real_name: str
    email: str | None
    tz: str | None
    team_id: str
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_bot: bool = False
    deleted: bool = False
    teams: tuple[str, ...] = ()
    is_stranger: bool = False
    status_text: str = ""
    status_emoji: str = ""
    status_expiration: int = 0


@dataclass(kw_only=True)
class Upload:
    """A file on its way, and once it is shared."""

    id: str
    name: str
    mimetype: str
    length: int
    alt: str = ""
    title: str = ""
    content: bytes | None = None
    is_shared: bool = False


@dataclass(kw_only=True)
class Message:
    """A message in a channel or a thread; `ts` is its id within the channel."""

    ts: str
    channel: str
    user: str
    text: str = ""
    blocks: list[Json] = field(default_factory=list)
    metadata: Json | None = None
    bot_id: str | None = None
    thread_ts: str | None = None
    thread: list["Message"] = field(default_factory=list)
    edited: str | None = None
    reactions: dict[str, set[str]] = field(default_factory=dict)
    broadcast: bool = False
    tombstone: bool = False
    pings: set[str] = field(default_factory=set)
    files: list[Upload] = field(default_factory=list)
    unfurls: dict[str, list[Json]] = field(default_factory=dict)
    """The blocks that the bot has attached to links, by their address."""


@dataclass(kw_only=True)
class Ephemeral:
    """A message that only one person sees, until their client reloads."""

    ts: str
    channel: str
    user: str
    text: str = ""
    blocks: list[Json] = field(default_factory=list)
    thread_ts: str | None = None
    pings: set[str] = field(default_factory=set)


@dataclass(kw_only=True)
class Channel:
    """A channel or a direct message; `messages` are the top-level ones, oldest first."""

    id: str
    name: str
    private: bool = False
    is_im: bool = False
    archived: bool = False
    members: set[str] = field(default_factory=set)
    messages: list[Message] = field(default_factory=list)

    def find(self, ts: str) -> Message | None:
        """Return the message with this ts, in the channel or in one of its threads."""
        everything = (m for top in self.messages for m in (top, *top.thread))
        return next((m for m in everything if m.ts == ts and not m.tombstone), None)


@dataclass(kw_only=True)
class Usergroup:
    """A user group such as `@support-managers`; one with a `date_delete` is disabled."""

    id: str
    handle: str
    users: list[str]
    date_delete: int = 0


@dataclass(kw_only=True)
class View:
    """An open modal or a published home tab.

    `values` holds what the person has typed or chosen so far, as `state.values` shows it;
    `errors` what the bot answered to the last submission, by block_id.
    """

    id: str
    user: str
    team_id: str
    body: Json
    hash: str
    root_view_id: str
    previous_view_id: str | None = None
    values: dict[str, Json] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def blocks(self) -> list[Json]:
        """The blocks, with the ids that Slack filled in."""
        blocks: list[Json] = self.body["blocks"]
        return blocks

    @property
    def title(self) -> str:
        """The words at the top of a modal; empty for a home tab."""
        return str(self.body.get("title", {}).get("text", ""))

    @property
    def callback_id(self) -> str:
        """The bot's own name for this view."""
        return str(self.body.get("callback_id", ""))

    @property
    def private_metadata(self) -> str:
        """What the bot put into the view for itself."""
        return str(self.body.get("private_metadata", ""))


@dataclass(kw_only=True, frozen=True)
class ApiRequest:
    """One call of the Web API and what it was answered."""

    method: str
    args: Json
    token: str | None
    status: int | None
    ok: bool
    error: str | None
    at: float  # seconds of the monotonic clock


@dataclass(kw_only=True)
class Outcome:
    """What the bot answered to one thing that a person did.

    `status` is None where no answer came in time (`error` says why). `sent` is False where the
    client itself stopped, as for a confirm dialog that was cancelled.
    """

    kind: str
    payload: Json
    status: int | None = None
    body: Any = None
    error: str | None = None
    sent: bool = True
    url: str | None = None
    """Where it was sent, over HTTP."""

    @property
    def ok(self) -> bool:
        """Whether the bot acknowledged it within the time that Slack gives."""
        return self.status == 200

    @property
    def response_action(self) -> str | None:
        """What the answer to a view submission asks for: errors, update, push, clear or nothing."""
        return self.body.get("response_action") if isinstance(self.body, dict) else None

    @property
    def errors(self) -> dict[str, str]:
        """The errors of a refused submission, by block_id."""
        if self.response_action != "errors":
            return {}
        return dict(self.body.get("errors", {}))
