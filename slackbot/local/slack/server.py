"""Serves a workspace over HTTP, for the bot to talk to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web

from slackbot.local.control import Control, control_routes
from slackbot.local.slack.api import Api
from slackbot.local.slack.calls import METHODS
from slackbot.local.slack.faults import ANY_METHOD
from slackbot.local.slack.files import UPLOAD, Uploads
from slackbot.local.slack.responses import Responses
from slackbot.local.slack.workspace import Workspace


def routes(workspace: Workspace) -> list[web.RouteDef]:
    """Return the routes of the stand-in, for `serve` or to mount beside others."""
    api = Api(workspace)
    return [
        web.get("/api/{method}", api.handle, allow_head=False),
        web.post("/api/{method}", api.handle),
        web.post("/response/{token}", Responses(workspace).handle),
        web.post("/upload/v1/{token}", Uploads(workspace).handle),
        web.get("/socket", workspace.sockets.handle, allow_head=False),
        *control_routes(_control(workspace)),
    ]


def _control(workspace: Workspace) -> Control:
    return Control(
        clock=workspace.clock,
        reset=workspace.reset,
        requests=lambda: workspace.requests,
        refusals=lambda: workspace.refusals,
        add_fault=workspace.faults.add,
        faults=lambda: workspace.faults.pending,
        clear_faults=workspace.faults.clear,
        changed=workspace.changed,
        targets=frozenset({*METHODS, ANY_METHOD, UPLOAD}),
    )


@asynccontextmanager
async def serve(
    workspace: Workspace, *, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[str]:
    """Serve the workspace; yields the base URL for slack_sdk: `http://127.0.0.1:PORT/api/`."""
    app = web.Application()
    app.add_routes(routes(workspace))
    # Calls that a fault keeps hanging must not keep a test waiting at its end.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        actual = runner.addresses[0][1]
        workspace.base_url = f"http://{host}:{actual}"
        async with aiohttp.ClientSession() as session:
            workspace.transport.session = session
            yield f"{workspace.base_url}/api/"
    finally:
        workspace.transport.session = None
        await workspace.sockets.drop()
        await runner.cleanup()
