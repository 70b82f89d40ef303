"""The bot's one port, and the ways in which its callers call it."""

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from slackbot import door
from tests.town import HOOK_SECRET, Town

FIXTURES = Path(__file__).parent / "fixtures"
GITLAB_HEADERS = json.loads(
    (FIXTURES / "gitlab" / "headers.gitlab-17.11.issue_hook.json").read_text()
)


@contextlib.asynccontextmanager
async def serving(app: web.Application) -> AsyncIterator[str]:
    """Serve an application on a port of its own; yields its URL."""
    async with door.serving(app, "127.0.0.1", 0) as port:
        yield f"http://127.0.0.1:{port}"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass(frozen=True, kw_only=True)
class Port:
    """The bot's port, and the ways of calling it."""

    town: Town
    session: aiohttp.ClientSession

    async def call(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        url = f"{self.town.url}{path}"
        async with self.session.request(method, url, data=body, headers=headers) as answer:
            return Answer(status=answer.status, body=await answer.read(), headers=answer.headers)

    async def get(self, path: str) -> Answer:
        return await self.call("GET", path)

    async def hook(self, body: Any, token: str | None = HOOK_SECRET, **headers: str) -> Answer:
        """Deliver as GitLab does, under an id of its own where the headers give none."""
        sent = GITLAB_HEADERS | {"Idempotency-Key": str(uuid.uuid4())} | headers
        sent |= {"X-Gitlab-Token": token} if token is not None else {}
        return await self.call("POST", "/gitlab/webhook", body, sent)

    async def signed(self, body: str, content_type: str, **headers: str) -> Answer:
        """Post as Slack does."""
        signature = self.town.slack.transport.signature(body)
        return await self.unsigned(body, content_type, **(signature | headers))

    async def unsigned(self, body: str, content_type: str, **headers: str) -> Answer:
        sent = {"Content-Type": content_type} | headers
        return await self.call("POST", "/slack/events", body.encode(), sent)

    async def ready(self, status: int, *words: str) -> dict[str, str]:
        """Wait until ``/readyz`` answers a status and says some words."""
        answer = None
        try:
            async with asyncio.timeout(10):
                while True:
                    answer = await self.get("/readyz")
                    if answer.status == status and all(word in answer.text for word in words):
                        said: dict[str, str] = json.loads(answer.text)
                        return said
                    await self.town.slack.next_change(0.05)
        except TimeoutError:
            raise AssertionError(f"expected {status} {words}, got {answer}") from None
