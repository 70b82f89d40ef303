"""Serves a GitLab over HTTP: the API and the human pages."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from slackbot.local.control import Control, control_routes
from slackbot.local.gitlab.api import Api
from slackbot.local.gitlab.instance import GitLab
from slackbot.local.gitlab.page import Pages

METHODS = frozenset({"DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"})


@asynccontextmanager
async def serve(gitlab: GitLab, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve until the block ends; yields the base URL, which `gitlab.url` then is too.

    Args:
        gitlab: what to serve
        host: the address to listen on
        port: the port, 0 for any that is free
    """
    runner = web.AppRunner(_application(gitlab), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        gitlab.url = f"http://{host}:{runner.addresses[0][1]}"
        yield gitlab.url
    finally:
        gitlab.faults.release()
        await gitlab.stop_hooks()
        await runner.cleanup()


def _application(gitlab: GitLab) -> web.Application:
    app = web.Application()
    app.add_subapp("/api/v4", Api(gitlab).app())
    # Before the endpoints: a page is for people, and no request of the bot.
    app.router.add_get("/oauth/device", gitlab.oauth.show)
    app.router.add_post("/oauth/device", gitlab.oauth.decide)
    app.add_subapp("/oauth", gitlab.oauth.app())
    app.add_routes(control_routes(_control(gitlab)))
    issue = r"/{path:.+?}/-/{kind:issues|work_items}/{iid:\d+}"
    app.router.add_get(issue, Pages(gitlab).issue)
    return app


def _control(gitlab: GitLab) -> Control:
    return Control(
        clock=gitlab.clock,
        reset=gitlab.reset,
        requests=lambda: gitlab.requests,
        refusals=lambda: gitlab.violations,
        add_fault=gitlab.faults.add,
        faults=lambda: gitlab.faults.pending,
        clear_faults=gitlab.faults.clear,
        changed=gitlab.note_change,
        targets=METHODS,
    )
