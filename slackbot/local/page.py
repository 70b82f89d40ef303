"""The web page of ``ssat-bot local``: its files, the state as it changes, and people's acts.

The page is for this machine alone: it is bound to loopback, answers to its own name only (against
DNS rebinding), and only its own scripts may change anything (against other sites' requests).
"""

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from slackbot.local.acts import Problem
from slackbot.local.cast import PEOPLE
from slackbot.local.json_type import Json
from slackbot.local.preview import Preview
from slackbot.local.shown import shown_to
from slackbot.local.stage import Stage
from slackbot.local.ticket import ticket_page
from slackbot.local.world import World

STATIC = Path(__file__).parent / "static"
CONTENT_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

LOOK_SECONDS = 0.1
"""How often to look whether there is something new to show."""
QUIET_LOOKS = 50
"""After how many looks without a change to draw the state anew."""
AT_MOST_EVERY, WHILE_TIME_PASSES = 0.05, 0.4
"""Seconds between two pieces of news: a burst of changes is shown at once, and so are hours."""
PAUSE = 3
"""How often the time that a state took to draw and to send must go by before the next: in a channel
that has grown long, the bot behind the page gets the most of it, and so does the browser."""

_Version = tuple[int, int, int, int]
"""Counts what changes: worlds, and in this one what Slack and GitLab have, and what was said."""


class Page:
    """What the page shows to one of the people, and what they do there."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._is_closing = False

    @property
    def _world(self) -> World:
        return self._stage.world

    async def close(self, _: web.Application) -> None:
        """End the streams of news."""
        self._is_closing = True

    async def state(self, request: web.Request) -> web.Response:
        """Return what one person sees now."""
        await self._stage.is_set.wait()
        return web.json_response(self._state(_who(request)))

    def _state(self, me: str) -> Json:
        return shown_to(me, self._world) | self._stage.shown()

    async def upload(self, request: web.Request) -> web.Response:
        """Return a file that the bot has shared."""
        wanted = request.match_info["id"]
        shared = self._world.sample.slack.uploads.values()
        found = next((each for each in shared if each.id == wanted and each.is_shared), None)
        if found is None:
            raise web.HTTPNotFound
        return web.Response(body=found.content, content_type=found.mimetype)

    async def traffic(self, request: web.Request) -> web.Response:
        """Return the exchanges that came after a certain one."""
        after = request.query.get("after", "0")
        if not after.isdecimal():
            raise web.HTTPBadRequest
        entries = self._world.traffic.after(int(after))
        return web.json_response({"entries": [each.to_json() for each in entries]})

    async def ticket(self, request: web.Request) -> web.Response:
        """Return what stands for a ticket in the help desk."""
        text = ticket_page(int(request.match_info["number"]), self._world.sample)
        return web.Response(text=text, content_type="text/html")

    async def news(self, request: web.Request) -> web.StreamResponse:
        """Send what one person sees, again after every change: server-sent events."""
        me = _who(request)
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        sent = ""
        with contextlib.suppress(ConnectionError):
            while not self._is_closing:
                await self._stage.is_set.wait()
                began, version = time.monotonic(), self._version
                state = json.dumps(self._state(me))
                # A page that is gone gets noticed.
                news = f"data: {state}" if state != sent else ": still here"
                await stream.write(f"{news}\n\n".encode())
                sent = state
                await self._change_after(version, PAUSE * (time.monotonic() - began))
        return stream

    async def _change_after(self, seen: _Version, pause: float) -> None:
        """Return after the next change; without one after a while, for what comes with the time.

        Args:
            seen: The version that is shown already.
            pause: Seconds that go by at least.
        """
        world = self._world
        time_passes = not world.is_ready or world.moving_to is not None
        await asyncio.sleep(max(pause, WHILE_TIME_PASSES if time_passes else AT_MOST_EVERY))
        for _ in range(QUIET_LOOKS):
            if self._version != seen or self._is_closing:
                return
            await self._world.sample.slack.next_change(LOOK_SECONDS)

    @property
    def _version(self) -> _Version:
        sample = self._world.sample
        return (
            self._stage.number,
            sample.slack.version,
            sample.gitlab.change_count,
            self._world.traffic.count,
        )

    async def act(self, request: web.Request) -> web.Response:
        """Do what a person asks for; what keeps it from being done is told in words."""
        try:
            body = await request.json()
        except ValueError as error:
            raise web.HTTPBadRequest from error
        try:
            await self._stage.do(request.match_info["act"], body if isinstance(body, dict) else {})
        except Problem as problem:
            return web.json_response({"problem": str(problem)})
        except LookupError as error:
            raise web.HTTPNotFound from error
        finally:
            self._world.show()
        return web.json_response({})


def _who(request: web.Request) -> str:
    wanted = request.query.get("me")
    return next((each.slack for each in PEOPLE if each.slack == wanted), PEOPLE[0].slack)


def _page(name: str) -> Handler:
    async def page(_: web.Request) -> web.Response:
        return _file(name)

    return page


async def _part(request: web.Request) -> web.Response:
    return _file(request.match_info["name"])


def _file(name: str) -> web.Response:
    path = STATIC / name
    if path.parent != STATIC or not path.is_file():
        raise web.HTTPNotFound
    return web.Response(
        text=path.read_text(encoding="utf-8"),
        content_type=CONTENT_TYPES[path.suffix],
        charset="utf-8",
    )


def _guard(names: frozenset[str]) -> Middleware:
    """Refuse what was asked under another name, and changes that other sites ask for."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.host not in names:
            raise web.HTTPMisdirectedRequest
        if request.method == "POST" and request.headers.get("Origin") != f"http://{request.host}":
            raise web.HTTPForbidden
        return await handler(request)

    return guard


async def _harden(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)


@contextlib.asynccontextmanager
async def serve_page(page: Page, listener: socket.socket) -> AsyncIterator[str]:
    """Serve the page on a socket that listens already; yields its URL."""
    routes = [
        web.get("/", _page("index.html")),
        web.get(r"/tickets/{number:\d{1,12}}", page.ticket),
        web.get("/api/state", page.state),
        web.get("/api/news", page.news),
        web.get("/api/traffic", page.traffic),
        web.get("/api/file/{id}", page.upload),
        web.post("/api/{act}", page.act),
    ]
    async with _serving(routes, listener, page.close) as url:
        yield url


@contextlib.asynccontextmanager
async def serve_preview(preview: Preview, listener: socket.socket) -> AsyncIterator[str]:
    """Serve the page that shows a file with blocks; yields its URL."""

    async def shown(_: web.Request) -> web.Response:
        return web.json_response(preview.read())

    routes = [web.get("/preview", _page("preview.html")), web.get("/api/preview", shown)]
    async with _serving(routes, listener) as url:
        yield f"{url}/preview"


@contextlib.asynccontextmanager
async def _serving(
    routes: Iterable[web.RouteDef],
    listener: socket.socket,
    when_closing: Callable[[web.Application], Awaitable[None]] | None = None,
) -> AsyncIterator[str]:
    host, port = listener.getsockname()[:2]
    app = web.Application(middlewares=[_guard(frozenset({f"{host}:{port}", f"localhost:{port}"}))])
    app.add_routes([web.get("/static/{name}", _part), *routes])
    app.on_response_prepare.append(_harden)
    if when_closing:
        app.on_shutdown.append(when_closing)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()
