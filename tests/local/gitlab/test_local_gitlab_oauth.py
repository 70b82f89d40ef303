"""OAuth of the stand-in: what people confirm, what applications get, and how it ends."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from slackbot.local.gitlab import GitLab, User
from slackbot.local.gitlab.oauth import DEVICE_CODE, Application

if TYPE_CHECKING:
    from tests.local.gitlab.conftest import Clock

Answer = tuple[int, dict[str, Any]]


class Client:
    """An application, as it speaks to GitLab."""

    def __init__(self, url: str, session: aiohttp.ClientSession, application: Application) -> None:
        self.url, self.application = url, application
        self._session = session

    async def post(self, name: str, **form: str) -> Answer:
        form = {"client_id": self.application.client_id} | form
        async with self._session.post(f"{self.url}/oauth/{name}", data=form) as answer:
            return answer.status, await answer.json()

    async def code(self, scope: str = "api") -> dict[str, Any]:
        status, answer = await self.post("authorize_device", scope=scope)
        assert status == 200
        return answer

    async def ask(self, code: dict[str, Any], **form: str) -> Answer:
        return await self.post(
            "token", grant_type=DEVICE_CODE, device_code=code["device_code"], **form
        )

    async def refresh(self, tokens: dict[str, Any]) -> Answer:
        refresh = tokens["refresh_token"]
        return await self.post("token", grant_type="refresh_token", refresh_token=refresh)

    async def user(self, token: str) -> Answer:
        headers = {"Authorization": f"Bearer {token}"}
        async with self._session.get(f"{self.url}/api/v4/user", headers=headers) as answer:
            return answer.status, await answer.json()

    async def page(self, code: str, **form: str) -> str:
        address = f"{self.url}/oauth/device"
        if not form:
            async with self._session.get(address, params={"user_code": code}) as shown:
                return await shown.text()
        async with self._session.post(address, data={"user_code": code} | form) as answer:
            return await answer.text()


@pytest.fixture
async def client(gitlab: GitLab, url: str) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session:
        yield Client(url, session, gitlab.oauth.add_application())


async def tokens_of(client: Client, gitlab: GitLab, user: User) -> dict[str, Any]:
    code = await client.code()
    gitlab.oauth.authorize(code["user_code"], user)
    status, tokens = await client.ask(code)
    assert status == 200
    return tokens


async def test_who_confirms_on_the_page_lets_the_application_act_for_them(
    client: Client, gitlab: GitLab, manager: User
) -> None:
    code = await client.code("read_user")
    assert code["verification_uri_complete"].endswith(f"?user_code={code['user_code']}")
    assert (code["interval"], code["expires_in"]) == (5, 300)
    shown = await client.page(code["user_code"])
    assert "ssat-bot" in shown
    assert "read_user" in shown
    said = await client.page(code["user_code"], user=manager.username, answer="confirm")
    assert "successfully authorized" in said
    status, tokens = await client.ask(code)
    assert (status, tokens["scope"], tokens["token_type"]) == (200, "read_user", "Bearer")
    assert (await client.user(tokens["access_token"]))[1]["username"] == manager.username
    assert (await client.ask(code))[1]["error"] == "invalid_grant", "tokens come once"


async def test_asking_too_often_is_told_and_noted(
    client: Client, gitlab: GitLab, clock: "Clock"
) -> None:
    code = await client.code()
    assert (await client.ask(code))[1]["error"] == "authorization_pending"
    clock.advance(seconds=4)
    assert (await client.ask(code)) == (
        400,
        {"error": "slow_down", "error_description": "The client is polling too fast."},
    )
    assert gitlab.violations != []
    clock.advance(seconds=5)
    assert (await client.ask(code))[1]["error"] == "authorization_pending"


async def test_a_code_ends_after_five_minutes_or_with_a_no(
    client: Client, gitlab: GitLab, manager: User, clock: "Clock"
) -> None:
    denied, late = await client.code(), await client.code()
    assert "Denied" in await client.page(denied["user_code"], answer="deny")
    assert (await client.ask(denied))[1]["error"] == "access_denied"
    clock.advance(seconds=301)
    assert "has expired" in await client.page(late["user_code"])
    said = await client.page(late["user_code"], user=manager.username, answer="confirm")
    assert "The user code is invalid" in said
    assert (await client.ask(late))[1]["error"] == "expired_token"


async def test_an_access_token_ends_after_two_hours_and_a_refresh_token_with_its_use(
    client: Client, gitlab: GitLab, manager: User, clock: "Clock"
) -> None:
    tokens = await tokens_of(client, gitlab, manager)
    clock.advance(hours=2)
    assert (await client.user(tokens["access_token"]))[0] == 401
    status, renewed = await client.refresh(tokens)
    assert status == 200
    assert (await client.user(renewed["access_token"]))[0] == 200
    assert (await client.refresh(tokens))[1]["error"] == "invalid_grant"
    assert (await client.refresh(renewed))[0] == 200
    assert (await client.user(renewed["access_token"]))[0] == 401


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
async def test_either_token_revokes_both(
    client: Client, gitlab: GitLab, manager: User, kind: str
) -> None:
    tokens = await tokens_of(client, gitlab, manager)
    assert await client.post("revoke", token=tokens[kind]) == (200, {})
    assert (await client.user(tokens["access_token"]))[0] == 401
    assert (await client.refresh(tokens))[1]["error"] == "invalid_grant"
    assert await client.post("revoke", token="unknown") == (200, {})


async def test_only_the_application_itself_gets_and_revokes_its_tokens(
    client: Client, gitlab: GitLab, manager: User
) -> None:
    tokens, code = await tokens_of(client, gitlab, manager), await client.code()
    client.application = gitlab.oauth.add_application(confidential=True)
    assert (await client.ask(code))[0] == 401
    secret = client.application.secret
    assert (await client.ask(code, client_secret=secret))[1]["error"] == "invalid_grant"
    refused = await client.post("revoke", token=tokens["access_token"], client_secret=secret)
    assert (refused[0], refused[1]["error"]) == (403, "unauthorized_client")
    client.application = Application(client_id="?", secret="?", confidential=False, scopes=())
    assert (await client.post("authorize_device", scope="api"))[1]["error"] == "invalid_client"


@pytest.mark.parametrize(
    ("name", "form", "error"),
    [
        ("authorize_device", {"scope": "sudo"}, "invalid_scope"),
        ("token", {"grant_type": "password"}, "unsupported_grant_type"),
        ("token", {"grant_type": DEVICE_CODE, "device_code": "?"}, "invalid_grant"),
    ],
)
async def test_what_is_wrong_is_said_as_oauth_says_it(
    client: Client, name: str, form: dict[str, str], error: str
) -> None:
    status, answer = await client.post(name, **form)
    assert status == 400
    assert answer["error"] == error
    assert answer["error_description"]


async def test_what_was_asked_is_shown_without_secrets(
    client: Client, gitlab: GitLab, manager: User
) -> None:
    tokens = await tokens_of(client, gitlab, manager)
    await client.refresh(tokens)
    shown = str(gitlab.requests)
    assert tokens["refresh_token"] not in shown
    assert "refresh_token" in shown
