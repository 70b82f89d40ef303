"""GitLab's OAuth as the bot asks for it: codes, tokens, and what goes wrong."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from slackbot.health import Health
from slackbot.local.gitlab import GitLab, User, serve
from slackbot.platforms.errors import Denied, Rejected, Throttled, Unreachable, Unsettled
from slackbot.platforms.gitlab.client import GitLabAsPerson, GitLabClient
from slackbot.platforms.gitlab.oauth import DENIED, EXPIRED, INVALID, PENDING, GitLabOAuth

NOW = datetime(2026, 1, 30, 15, 0, tzinfo=UTC)
PATH = "example/feedback"


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gitlab(clock: Clock) -> GitLab:
    return GitLab(clock=clock)


@pytest.fixture
def avery(gitlab: GitLab) -> User:
    return gitlab.add_user("avery", "Avery Example")


@pytest.fixture
async def bot(gitlab: GitLab) -> AsyncIterator[GitLabClient]:
    user = gitlab.add_user("ssat-bot", "ssat-bot", bot=True)
    gitlab.add_member(gitlab.add_project(PATH), user)
    async with serve(gitlab) as url:
        client = GitLabClient(url, gitlab.add_token(user), PATH)
        yield client
        await client.close()


@pytest.fixture
def oauth(gitlab: GitLab, bot: GitLabClient, clock: Clock) -> GitLabOAuth:
    return GitLabOAuth(bot, gitlab.oauth.add_application().client_id, None, clock, Health())


async def test_a_person_confirms_and_the_bot_asks_as_them(
    oauth: GitLabOAuth, bot: GitLabClient, gitlab: GitLab, avery: User, clock: Clock
) -> None:
    asked = await oauth.authorize("read_user")
    assert (asked.interval, asked.lifetime) == (5.0, timedelta(minutes=5))
    with pytest.raises(Rejected) as pending:
        await oauth.redeem(asked.device_code)
    assert pending.value.reason == PENDING
    gitlab.oauth.authorize(asked.user_code, avery)
    clock.now += timedelta(seconds=5)
    tokens = await oauth.redeem(asked.device_code)
    assert tokens.expires_at == NOW + timedelta(hours=2, seconds=5)
    person = GitLabAsPerson(bot, tokens.access.get_secret_value(), avery.id)
    assert (await person.own_user()).username == "avery"
    assert (await bot.own_user()).username == "ssat-bot"
    renewed = await oauth.renew(tokens.refresh)
    await oauth.revoke(renewed)
    with pytest.raises(Rejected) as revoked:
        await oauth.renew(renewed.refresh)
    assert revoked.value.reason == INVALID
    with pytest.raises(Denied) as ended:
        await GitLabAsPerson(bot, renewed.access.get_secret_value(), avery.id).own_user()
    assert ended.value.code == "401"


async def test_what_a_person_says_and_what_the_time_says_has_oauths_words(
    oauth: GitLabOAuth, gitlab: GitLab, clock: Clock
) -> None:
    denied, late = await oauth.authorize("api"), await oauth.authorize("api")
    gitlab.oauth.deny(denied.user_code)
    with pytest.raises(Rejected) as no:
        await oauth.redeem(denied.device_code)
    clock.now += timedelta(minutes=6)
    with pytest.raises(Rejected) as too_late:
        await oauth.redeem(late.device_code)
    assert (no.value.reason, too_late.value.reason) == (DENIED, EXPIRED)


@pytest.mark.parametrize("outside", ["https://gitlab.example.com", "https://example.com/gitlab"])
async def test_the_link_leads_where_people_see_gitlab(
    oauth: GitLabOAuth, gitlab: GitLab, outside: str
) -> None:
    gitlab.external_url = outside
    asked = await oauth.authorize("api")
    assert asked.url == f"{outside}/oauth/device?user_code={asked.user_code}"


async def test_an_application_that_is_not_valid_names_the_settings(
    bot: GitLabClient, gitlab: GitLab, clock: Clock
) -> None:
    confidential = gitlab.oauth.add_application(confidential=True)
    for secret in (None, SecretStr("another")):
        client = GitLabOAuth(bot, confidential.client_id, secret, clock, Health())
        with pytest.raises(Denied, match="GITLAB_OAUTH_CLIENT_SECRET"):
            await client.renew(SecretStr("any"))


ODD = [
    ({"status": 502}, Unreachable),
    ({"drop": True}, Unreachable),
    ({"status": 429, "headers": {"Retry-After": "7"}}, Throttled),
    ({"status": 200, "body": "{}", "headers": {"Content-Type": "application/json"}}, Unreachable),
    ({"status": 200, "body": "[]", "headers": {"Content-Type": "application/json"}}, Unreachable),
    ({"status": 200, "body": "<html>", "headers": {"Content-Type": "text/html"}}, Unreachable),
]


@pytest.mark.parametrize(("fault", "error"), ODD)
async def test_no_odd_answer_ends_a_grant(
    oauth: GitLabOAuth, gitlab: GitLab, fault: dict[str, object], error: type[Exception]
) -> None:
    gitlab.faults.add(path="^/oauth/", times=None, **fault)  # type: ignore[arg-type]
    for call in (oauth.authorize("api"), oauth.renew(SecretStr("any"))):
        with pytest.raises(error) as caught:
            await call
        assert not isinstance(caught.value, Rejected | Unsettled)


async def test_the_calls_of_a_person_count_for_the_person(
    bot: GitLabClient, gitlab: GitLab, avery: User
) -> None:
    token = gitlab.add_token(avery)
    one, again = GitLabAsPerson(bot, token, avery.id), GitLabAsPerson(bot, token, avery.id)
    other = GitLabAsPerson(bot, token, avery.id + 1)
    assert one.paces is again.paces, "also in the next delivery"
    assert len({id(each.paces) for each in (bot, one, other)}) == 3
