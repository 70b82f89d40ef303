"""A small GitLab with a feedback project, a bot, a manager and the real client library."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import gitlab as python_gitlab
import pytest
from aiohttp import web

from slackbot.local.gitlab import GitLab, Issue, Project, User, serve


class Clock:
    """A clock that moves only when told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 6, 14, 0, 0, 123_456, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **delta: float) -> None:
        self.now += timedelta(**delta)


class Receiver:
    """Takes hooks in; answers `status` to each."""

    def __init__(self) -> None:
        self.status = 200
        self.url = ""
        self.received: list[tuple[dict[str, str], bytes]] = []

    async def take(self, request: web.Request) -> web.Response:
        self.received.append((dict(request.headers), await request.read()))
        return web.Response(status=self.status)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gitlab(clock: Clock) -> GitLab:
    return GitLab(clock=clock)


@pytest.fixture
def project(gitlab: GitLab) -> Project:
    project = gitlab.add_project("example/support/feedback", id=7)
    for name in ("SSAT::Contact", "satisfaction::bad", "feedback::known-issue", "feedback::other"):
        gitlab.add_label(project, name, description=f"about {name}")
    return project


@pytest.fixture
def manager(gitlab: GitLab, project: Project) -> User:
    user = gitlab.add_user("avery", "Avery Example", public_email="avery@example.com")
    gitlab.add_member(project, user, 30)
    return user


@pytest.fixture
def bot(gitlab: GitLab, project: Project) -> User:
    user = gitlab.add_user("ssat-bot", "SSAT bot", email="bot@example.com", bot=True)
    gitlab.add_member(project, user, 20)
    return user


@pytest.fixture
def issue(gitlab: GitLab, project: Project, manager: User) -> Issue:
    return gitlab.open_issue(
        project,
        author=manager,
        title="Negative feedback for ticket 123456",
        description="They never answered.",
        labels=["SSAT::Contact"],
    )


@pytest.fixture
async def url(gitlab: GitLab) -> AsyncIterator[str]:
    async with serve(gitlab) as url:
        yield url


@pytest.fixture
def client(gitlab: GitLab, bot: User, url: str) -> Iterator[python_gitlab.Gitlab]:
    token = gitlab.add_token(bot)
    with python_gitlab.Gitlab(url, private_token=token, timeout=10) as client:
        yield client


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/gitlab/webhook", receiver.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/gitlab/webhook"
    yield receiver
    await runner.cleanup()
