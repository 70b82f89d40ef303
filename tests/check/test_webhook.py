"""The project's webhook: how it is judged, tested, created and fixed."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from slackbot.app import connect
from slackbot.check.findings import Finding, Verdict
from slackbot.local.gitlab import Hook
from slackbot.setup.webhook import CannotFix, carry_out, fix_webhook, plan_fix
from tests.check.conftest import examined
from tests.town import HOOK_SECRET, Town

URL = "https://bot.example.com/gitlab/webhook"
SIGNING_TOKEN = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
NO_SECRET: dict[str, Any] = {"gitlab_webhook_secret": None}
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def maintained(town: Town) -> Town:
    town.gitlab.add_member(town.project, town.bot, 40)
    return town


def add_hook(town: Town, url: str = URL, token: str | None = HOOK_SECRET) -> Hook:
    return town.gitlab.add_hook(town.project, url, token=token)


async def webhook(town: Town, **changes: Any) -> Finding:
    said = await examined(town, **changes)
    [found] = [each for each in said.findings if each.section == "Webhook"]
    return found


# --- Its state ---------------------------------------------------------------------------------


async def test_a_good_webhook_is_named(maintained: Town) -> None:
    add_hook(maintained)
    found = await webhook(maintained)
    assert found.verdict is Verdict.OK
    assert found.about == f"webhook {URL}; nothing was sent in the last days"


def disabled(town: Town, hook: Hook) -> None:
    for _ in range(40):
        hook.failed(town.clock())


def paused(town: Town, hook: Hook) -> None:
    for _ in range(4):
        hook.failed(town.clock())


def deaf(town: Town, hook: Hook) -> None:
    hook.triggers = frozenset({"issues_events", "note_events"})


def trusting(town: Town, hook: Hook) -> None:
    hook.verifies_ssl = False


def without_secret(town: Town, hook: Hook) -> None:
    hook.token = None


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (disabled, "GitLab has disabled it after failures, for good: "),
        (paused, "GitLab has disabled it after failures until "),
        (deaf, "it lacks the events Confidential issues, Confidential comments: "),
        (trusting, "it does not verify the certificate: "),
        (without_secret, "it has no secret: "),
    ],
)
async def test_what_is_wrong_with_a_webhook_is_said_and_fixed(
    maintained: Town, spoil: Callable[[Town, Hook], None], words: str
) -> None:
    hook = add_hook(maintained)
    spoil(maintained, hook)
    found = await webhook(maintained)
    assert found.verdict is Verdict.WARNING
    assert words in str(found.problem)
    assert "`ssat-bot check --fix webhook`" in str(found.problem)
    await fixed(maintained)
    assert hook.token == HOOK_SECRET
    assert hook.verifies_ssl
    assert hook.wants("Confidential Note Hook")


async def test_a_webhook_that_leads_elsewhere_is_none_of_the_bots(maintained: Town) -> None:
    add_hook(maintained, "https://other.example.com/hooks")
    found = await webhook(maintained)
    assert found.verdict is Verdict.WARNING
    assert "none that leads to /gitlab/webhook" in str(found.problem)
    assert "`ssat-bot check --fix webhook --url https://<your host>`" in str(found.problem)


async def test_a_webhook_of_the_group_is_known_by_what_arrives(maintained: Town) -> None:
    async with maintained.bot_running():
        await maintained.card(maintained.feedback(), "🟠 Unclaimed")
        hook = maintained.gitlab.hooks.pop()
        found = await webhook(maintained)
        maintained.gitlab.hooks.append(hook)
    assert found.verdict is Verdict.OK
    assert found.about.startswith("webhook: none in the project, but the bot got one ")


async def test_without_a_webhook_and_a_secret_the_poll_does_it(town: Town) -> None:
    found = await webhook(town, **NO_SECRET, ssat_poll_seconds=60)
    assert found.verdict is Verdict.OK
    assert "the poll finds requests within 60 seconds" in found.about


async def test_a_webhook_that_the_bot_does_not_take_is_a_warning(maintained: Town) -> None:
    add_hook(maintained)
    found = await webhook(maintained, **NO_SECRET)
    assert "the bot takes none without a secret: set GITLAB_WEBHOOK_SECRET" in str(found.problem)


async def test_a_reporter_is_told_what_the_record_knows_and_that_is_no_failure(
    town: Town,
) -> None:
    found = await webhook(town)
    assert found.verdict is Verdict.UNKNOWN
    assert not found.is_unanswered
    assert found.about == "webhook; none has arrived in two days"
    assert found.problem == "GitLab shows it to Maintainers only"
    async with town.bot_running():
        await town.card(town.feedback(), "🟠 Unclaimed")
        found = await webhook(town)
    assert found.about.startswith("webhook; the bot got its last one ")
    assert found.facts["last_received"]


async def test_the_last_delivery_is_said_with_its_answer(maintained: Town) -> None:
    async with maintained.bot_running():
        await maintained.card(maintained.feedback(), "🟠 Unclaimed")
        found = await webhook(maintained)
        assert found.verdict is Verdict.OK
        assert "GitLab sent its last one " in found.about
        assert found.facts["last_status"] == "200"
        [hook] = maintained.gitlab.hooks
        hook.token = "another"
        maintained.feedback()
        await maintained.gitlab.hooks_settled()
        found = await webhook(maintained)
    assert "(answered 401)" in found.about
    assert "its secret is not that of the settings" in str(found.problem)


async def test_two_webhooks_to_the_bot_are_one_too_many(maintained: Town) -> None:
    add_hook(maintained)
    add_hook(maintained, "https://old.example.com/gitlab/webhook")
    said = await examined(maintained)
    [found, *_] = [each for each in said.findings if each.section == "Webhook"]
    assert "the project has 2: remove all but one of https://bot.example.com" in str(found)


async def test_a_gitlab_without_the_log_of_webhooks_leaves_the_last_delivery_to_the_record(
    maintained: Town,
) -> None:
    add_hook(maintained)
    missing: dict[str, Any] = {"status": 404, "headers": JSON, "body": '{"error": "404 Not Found"}'}
    maintained.gitlab.faults.add(method="GET", path="/events$", times=None, **missing)
    assert (await webhook(maintained)).verdict is Verdict.OK


async def test_a_gitlab_that_is_down_leaves_it_unknown(maintained: Town) -> None:
    maintained.gitlab.faults.add(method="GET", path="/hooks", status=502, times=None)
    found = await webhook(maintained)
    assert found.is_unanswered
    assert str(found).startswith("unknown  webhook: could not be checked")


# --- To create or fix it ----------------------------------------------------------------------


async def planned(
    town: Town, url: str | None = None, *, replaces: bool = False, **changes: Any
) -> list[str]:
    settings = town.set_up(**changes)
    async with connect(settings, town.speed) as clients:
        fix = await plan_fix(settings, clients.gitlab.hooks, url, replaces=replaces)
    return list(fix.steps)


async def fixed(town: Town, url: str | None = None, **changes: Any) -> list[Finding]:
    settings = town.set_up(**changes)
    async with connect(settings, town.speed) as clients:
        fix = await plan_fix(settings, clients.gitlab.hooks, url)
        return await carry_out(fix, settings, clients.gitlab.hooks)


async def test_a_new_webhook_wants_what_the_bot_needs_and_no_more(maintained: Town) -> None:
    maintained.feedback()
    async with maintained.bot_running() as url:
        before = maintained.gitlab.hooks.pop()
        done, tested = await fixed(maintained, url)
        [hook] = maintained.gitlab.hooks
        assert hook.url == f"{url}/gitlab/webhook"
        assert sorted(hook.triggers) == [
            "confidential_issues_events",
            "confidential_note_events",
            "issues_events",
            "note_events",
        ]
        assert done.about.endswith(": created")
        assert tested.about.endswith(": answered 200")
        assert await planned(maintained, url) == []
        maintained.gitlab.hooks.append(before)  # which the town takes away in the end


async def test_fixing_leaves_the_rest_as_it_is(maintained: Town) -> None:
    hook = add_hook(maintained, token=None)
    hook.name, hook.triggers = "ours", hook.triggers | {"push_events"}
    await fixed(maintained)
    assert (hook.name, "push_events" in hook.triggers) == ("ours", True)
    assert hook.url == URL
    assert len(maintained.gitlab.hooks) == 1


async def test_an_address_is_changed_only_if_another_is_given(maintained: Town) -> None:
    add_hook(maintained)
    assert await planned(maintained) == []
    assert await planned(maintained, "https://bot.example.com") == []
    assert await planned(maintained, URL) == []
    steps = await planned(maintained, "https://new.example.com/", replaces=True)
    changed = f"change the address from {URL} to https://new.example.com/gitlab/webhook"
    assert steps[0] == changed


async def test_a_webhook_that_works_elsewhere_is_not_taken_from_the_bot_there(
    maintained: Town,
) -> None:
    maintained.feedback()
    async with maintained.bot_running() as url:
        await tested(maintained)
        before = maintained.gitlab.hooks[0].url
        with pytest.raises(CannotFix) as error:
            await fixed(maintained, "https://staging.example.com")
        assert f"A webhook leads to {url}/gitlab/webhook, and works." in str(error.value)
        assert "add --replace" in str(error.value)
        assert [each.url for each in maintained.gitlab.hooks] == [before]
        maintained.gitlab.hooks[0].token = "another"
        await tested(maintained)
        assert "change the address" in (await planned(maintained, "https://new.example.com"))[0]
    hook = add_hook(maintained)
    with pytest.raises(CannotFix):
        await planned(maintained, "https://new.example.com")
    disabled(maintained, hook)
    assert "change the address" in (await planned(maintained, "https://new.example.com"))[0]


async def test_the_same_address_without_tls_is_that_of_the_same_bot(maintained: Town) -> None:
    add_hook(maintained, "http://me@bot.example.com/gitlab/webhook")
    steps = await planned(maintained, "https://bot.example.com")
    changed = "change the address from http://bot.example.com/gitlab/webhook to https://"
    assert steps[0].startswith(changed)


async def test_a_webhook_that_is_set_as_it_should_be_is_tested_again(
    maintained: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    maintained.feedback()
    async with maintained.bot_running():
        hook, settings = maintained.gitlab.hooks[0], maintained.set_up()
        assert await fix_webhook(settings, {}, None, is_agreed=False) == 0
        said = capsys.readouterr().out.splitlines()
    assert "The webhook is set as it should be: GitLab only tests it." in said
    assert f"ok       test of the webhook {hook.url}: answered 200" in said
    add_hook(maintained, "http://127.0.0.1:1/gitlab/webhook")  # nobody is there any more
    assert await fix_webhook(settings, {}, None, is_agreed=False) == 1
    assert "is the bot running, and can GitLab reach it?" in capsys.readouterr().out
    assert "PUT" not in {request.method for request in maintained.gitlab.requests}


async def test_a_signing_token_is_set_and_missed_where_gitlab_does_not_know_it(
    maintained: Town,
) -> None:
    hook = add_hook(maintained, token=None)
    signed = NO_SECRET | {"gitlab_webhook_signing_token": SIGNING_TOKEN}
    await fixed(maintained, **signed)
    assert (hook.token, hook.signing_token) == (None, SIGNING_TOKEN)
    hook.signing_token, hook.verifies_ssl = None, False
    body = f'{{"id": {hook.id}, "url": "{URL}", "enable_ssl_verification": true}}'
    maintained.gitlab.faults.add(method="PUT", path="/hooks/", status=200, headers=JSON, body=body)
    _, found = await fixed(maintained, **signed)
    assert "knows no signing token (19.1 and newer)" in str(found.problem)


@pytest.mark.parametrize(
    ("url", "changes", "words"),
    [
        (None, NO_SECRET, "set GITLAB_WEBHOOK_SECRET, for example to what `python3 -c"),
        (None, {}, "Say where GitLab reaches the bot: --url https://"),
        (None, {"slack_app_token": "xapp-1"}, "the poll finds new requests within 3600 seconds"),
        ("ftp://bot.example.com", {}, "--url: it has to begin with https://"),
        ("http://bot.example.com", {}, "--url: it has to begin with https://"),
        ("http://127.0.0.1.example.com", {}, "--url: it has to begin with https://"),
        ("bot.example.com", {}, "--url: it has to begin with https://"),
        ("https://me:pass@bot.example.com", {}, "--url: give it without a name and a password"),
        ("https://bot.example.com/ssat", {}, "--url: give it without what comes after the host"),
        ("https://[", {}, "--url: give the bot's public address"),
    ],
)
async def test_what_has_to_be_done_first_is_said(
    maintained: Town, url: str | None, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(CannotFix) as error:
        await planned(maintained, url, **changes)
    assert words in str(error.value)
    assert "me:pass" not in str(error.value)
    assert maintained.gitlab.hooks == []


async def test_a_reporter_is_told_the_steps_by_hand(town: Town) -> None:
    with pytest.raises(CannotFix) as error:
        await planned(town, "https://bot.example.com")
    words = str(error.value)
    assert words.startswith("GitLab refuses (403): a webhook needs the role Maintainer")
    assert f"URL: {URL}" in words
    assert "Trigger: Issues, Confidential issues, Comments, Confidential comments" in words
    assert HOOK_SECRET not in words


async def test_an_address_that_gitlab_does_not_allow_is_explained(maintained: Town) -> None:
    refusal: dict[str, Any] = {
        "status": 422,
        "headers": JSON,
        "body": '{"error": "Invalid url given"}',
    }
    maintained.gitlab.faults.add(method="POST", path="/hooks$", **refusal)
    with pytest.raises(CannotFix, match="Outbound requests"):
        await fixed(maintained, "https://10.0.0.1")


# --- A test ------------------------------------------------------------------------------------


async def tested(town: Town) -> Finding:
    said = await examined(town, is_live=True)
    [found] = [each for each in said.findings if each.about.startswith("test of the webhook")]
    return found


async def test_a_test_says_what_gitlab_got(maintained: Town) -> None:
    issue = maintained.feedback()
    async with maintained.bot_running():
        await maintained.card(issue, "🟠 Unclaimed")
        good = await tested(maintained)
        assert (good.verdict, good.facts["status"]) == (Verdict.OK, "200")
        maintained.gitlab.hooks[0].token = "another"
        refused = await tested(maintained)
        assert "answered 401: its secret is not that of the settings" in str(refused.problem)


async def test_a_test_that_nobody_answers_says_so(maintained: Town) -> None:
    maintained.feedback()
    add_hook(maintained, "http://127.0.0.1:1/gitlab/webhook")
    found = await tested(maintained)
    assert found.verdict is Verdict.WARNING
    assert "is the bot running, and can GitLab reach it?" in str(found.problem)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((404, '{"error": "404 Not Found"}'), "no tests by API (16.11 and newer)"),
        ((429, '{"message": {"error": "too many"}}'), "five tests a minute"),
        ((422, '{"message": "Ensure the project has issues."}'), "the project has none yet"),
    ],
)
async def test_a_test_that_gitlab_does_not_make_leaves_it_unknown(
    maintained: Town, answer: tuple[int, str], words: str
) -> None:
    add_hook(maintained)
    status, body = answer
    maintained.gitlab.faults.add(
        method="POST", path="/test/", status=status, headers=JSON, body=body
    )
    found = await tested(maintained)
    assert found.verdict is Verdict.UNKNOWN
    assert words in str(found.problem)


async def test_a_reporter_may_not_test(town: Town) -> None:
    found = await tested(town)
    assert (found.verdict, found.problem) == (Verdict.UNKNOWN, "GitLab lets Maintainers only")


async def test_without_a_secret_nothing_is_tested_and_that_is_well(
    town: Town,
) -> None:
    said = await examined(town, is_live=True, **NO_SECRET)
    found = said.about("not tested: no webhook is taken")
    assert (found.verdict, found.section) == (Verdict.OK, "Live")
    assert not said.has("test of the webhook")


async def test_the_last_delivery_is_the_test_of_the_same_check(maintained: Town) -> None:
    maintained.feedback()
    async with maintained.bot_running():
        [hook] = maintained.gitlab.hooks
        address, hook.url = hook.url, "http://127.0.0.1:1/gitlab/webhook"
        await tested(maintained)
        hook.url = address
        said = await examined(maintained, is_live=True)
    assert said.about("test of the webhook").verdict is Verdict.OK
    found = said.about("webhook ")
    assert found.verdict is Verdict.OK
    assert "(answered 200)" in found.about


async def test_a_pause_ends_with_a_test_that_succeeds(maintained: Town) -> None:
    maintained.feedback()
    async with maintained.bot_running():
        [hook] = maintained.gitlab.hooks
        paused(maintained, hook)
        assert hook.is_paused(maintained.clock() + timedelta(seconds=1))
        await fixed(maintained)
        assert not hook.is_paused(maintained.clock())
