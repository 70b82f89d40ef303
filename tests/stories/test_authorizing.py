"""``/ssat link`` without a code: a person confirms in GitLab, and that proves who they are."""

import re
from collections.abc import AsyncIterator

import pytest

from slackbot.people.roster import list_people
from slackbot.store.jobs import PeriodicQueue
from slackbot.store.schema import device_codes
from tests.grants import Grantors
from tests.stories.test_linking import assigned_to_a_claim
from tests.stories.test_token_expiry import gitlab_in_readyz
from tests.town import PATIENCE, Town, text_of


@pytest.fixture
def people_before(quiet_town: Town) -> Grantors:
    return Grantors(quiet_town)


@pytest.fixture
async def people(people_before: Grantors) -> AsyncIterator[Grantors]:
    async with people_before.town.bot_running(**people_before.links):
        yield people_before


async def test_who_confirms_in_gitlab_is_linked_and_told_and_claims_with_that_account(
    people: Grantors,
) -> None:
    town = people.town
    await people.confirmed(await people.code(town.casey), people.casey_gitlab)
    await people.told(town.casey, "You are now linked to *casey.n* in GitLab")
    assert await assigned_to_a_claim(town, town.casey) == ["casey.n"]
    assert "You are already linked to casey.n" in await people.asks(town.casey)


async def test_what_only_proves_an_account_may_only_read_the_user_and_is_revoked(
    people: Grantors,
) -> None:
    town = people.town
    code = await people.code(town.casey)
    asked = people.oauth.asked(code)
    assert asked
    assert asked.scopes == ("read_user",)
    await people.confirmed(code, people.casey_gitlab)
    await people.told(town.casey, "You are now linked")
    assert people.oauth.tokens_of(people.casey_gitlab) == []
    assert people.count(device_codes) == people.granted == 0
    assert asked.device_code not in town.everything_stored()


async def test_nobody_is_linked_before_they_confirm(people: Grantors) -> None:
    town = people.town
    code = await people.code(town.casey)
    for _ in range(3):
        await people.asked_again()
    assert people.linked == 0
    await people.confirmed(code, people.casey_gitlab)
    await people.told(town.casey, "You are now linked")


async def test_who_denies_it_in_gitlab_is_told_that_nothing_has_changed(people: Grantors) -> None:
    town = people.town
    people.oauth.deny(await people.code(town.casey))
    await people.asked_again()
    await people.told(town.casey, "You didn't allow it in GitLab")
    assert people.linked == people.count(device_codes) == 0


async def test_who_confirms_too_late_is_told_to_ask_again(people: Grantors) -> None:
    town = people.town
    code = await people.code(town.casey)
    town.clock.forward(minutes=6)
    await people.told(town.casey, "wasn't confirmed in GitLab in time")
    with pytest.raises(LookupError):
        people.oauth.authorize(code, people.casey_gitlab)
    assert people.linked == people.count(device_codes) == 0
    await people.confirmed(await people.code(town.casey), people.casey_gitlab)
    await people.told(town.casey, "You are now linked")


async def test_a_second_button_makes_the_first_void(people: Grantors) -> None:
    town = people.town
    first, second = await people.code(town.casey), await people.code(town.casey)
    await people.confirmed(first, town.duty_gitlab)
    assert people.linked == 0
    await people.confirmed(second, people.casey_gitlab)
    await people.told(town.casey, "You are now linked to *casey.n*")


async def test_an_account_that_is_linked_to_another_is_not_taken(people: Grantors) -> None:
    town = people.town
    await people.confirmed(await people.code(town.casey), town.avery_gitlab)
    await people.told(town.casey, "someone else is now linked to avery")
    assert people.linked == 0
    assert people.oauth.tokens_of(town.avery_gitlab) == []


async def test_the_bots_own_account_is_nobodys(people: Grantors) -> None:
    town = people.town
    await people.confirmed(await people.code(town.casey), town.bot)
    await people.told(town.casey, "the bot's own account")
    assert people.linked == 0


async def test_whom_the_people_file_names_needs_no_link(people: Grantors) -> None:
    said = await people.asks(people.town.avery)
    assert "The people file says that you are avery" in said


@pytest.mark.parametrize("is_confirmed_before", [True, False])
async def test_a_restart_in_between_loses_no_link(
    people_before: Grantors, is_confirmed_before: bool
) -> None:
    people, town = people_before, people_before.town
    async with town.bot_running(**people.links):
        code = await people.code(town.casey)
        if is_confirmed_before:
            people.oauth.authorize(code, people.casey_gitlab)
    async with town.bot_running(**people.links):
        if not is_confirmed_before:
            people.oauth.authorize(code, people.casey_gitlab)
        await people.asked_again()
        await people.told(town.casey, "You are now linked to *casey.n*")


async def test_an_outage_in_between_loses_no_link(people: Grantors) -> None:
    town = people.town
    code = await people.code(town.casey)
    people.oauth.authorize(code, people.casey_gitlab)
    town.gitlab.down()
    town.clock.forward(seconds=6)
    town.clock.forward(seconds=6)
    town.gitlab.up()
    town.clock.forward(seconds=6)
    await people.told(town.casey, "You are now linked")


async def test_while_gitlab_is_down_there_is_no_button(people: Grantors) -> None:
    people.town.gitlab.down()
    assert "GitLab isn't answering" in await people.asks(people.town.casey)
    assert people.count(device_codes) == 0


async def test_an_application_that_gitlab_does_not_know_is_for_the_administrator(
    people: Grantors,
) -> None:
    people.oauth.applications.clear()
    said = await people.asks(people.town.casey)
    assert "GitLab doesn't accept the bot's application. Nothing was changed." in said


async def test_a_confidential_application_needs_its_secret(people_before: Grantors) -> None:
    people, town = people_before, people_before.town
    application = people.oauth.add_application(confidential=True)
    with_secret = {
        "gitlab_oauth_client_id": application.client_id,
        "gitlab_oauth_client_secret": application.secret,
    }
    async with town.bot_running(**with_secret):
        await people.confirmed(await people.code(town.casey), people.casey_gitlab)
        await people.told(town.casey, "You are now linked")


async def test_a_wrong_secret_is_told_and_shown_and_keeps_no_click_away(
    people_before: Grantors,
) -> None:
    people, town = people_before, people_before.town
    application = people.oauth.add_application(confidential=True)
    wrong = {
        "gitlab_oauth_client_id": application.client_id,
        "gitlab_oauth_client_secret": "gloas-of-another-application",
    }
    async with town.bot_running(**wrong):
        await people.confirmed(await people.code(town.casey), people.casey_gitlab)
        await people.told(town.casey, "GitLab doesn't accept the bot's application")
        status, said = await gitlab_in_readyz(town)
        assert status == 200
        assert said.startswith("GITLAB_OAUTH_CLIENT_ID or GITLAB_OAUTH_CLIENT_SECRET is not valid")
        assert people.linked == people.count(device_codes) == 0
        # The administrator changes it in GitLab: as soon as it is accepted, there is no remark.
        application.secret = wrong["gitlab_oauth_client_secret"]
        await people.confirmed(await people.code(town.casey), people.casey_gitlab)
        await people.told(town.casey, "You are now linked")
        assert await gitlab_in_readyz(town) == (200, "ok")


async def test_who_unlinks_while_the_bot_learns_who_they_are_is_not_linked(
    people: Grantors,
) -> None:
    town = people.town
    code = await people.code(town.casey)
    slow = town.gitlab.faults.add(path="/user$", hang=PATIENCE)
    people.oauth.authorize(code, people.casey_gitlab)
    town.clock.forward(seconds=6)
    await town.in_gitlab(lambda: slow.left == 0)
    await people.asks(town.casey, "unlink")
    town.gitlab.faults.release()
    await town.idle(PeriodicQueue.GRANTS)
    assert people.oauth.tokens_of(people.casey_gitlab) == []
    assert people.linked == people.granted == 0


async def test_where_there_are_both_ways_the_code_is_the_other_one(people_before: Grantors) -> None:
    people, town = people_before, people_before.town
    issue = town.gitlab.open_issue(
        town.project, author=town.duty_gitlab, title="Who is who", labels=()
    )
    async with town.bot_running(**people.links, ssat_link_issue=issue.iid):
        said = text_of(await town.asks(town.casey, "link casey.n"))
        assert "press the button" in said
        assert "If you can't do that: to prove that you are *casey.n*" in said
        found = re.search("`(ssat-link-[0-9a-f]{16})`", said)
        assert found
        town.gitlab.comment(issue, found[1], by=people.casey_gitlab)
        await people.told(town.casey, "You are now linked to *casey.n*")
        await town.idle(PeriodicQueue.LINKS)
        # Without a username there is no code to give out; without a button there is one.
        assert "ssat-link-" not in await people.asks(town.blake)
        said = text_of(await town.asks(town.blake, "link nobody.knows"))
        assert "press the button" in said
        assert "GitLab has no user nobody.knows" in said
        people.oauth.applications.clear()
        assert "ssat-link-" in text_of(await town.asks(town.blake, "link blake.sample"))


async def test_unlink_takes_a_link_back(people: Grantors) -> None:
    town = people.town
    await people.confirmed(await people.code(town.casey), people.casey_gitlab)
    await people.told(town.casey, "You are now linked")
    assert "your link to GitLab is removed" in await people.asks(town.casey, "unlink")
    assert people.linked == 0
    assert "You had nothing to take back" in await people.asks(town.casey, "unlink")
    assert "The people file says that you are avery" in await people.asks(town.avery, "unlink")


async def test_unlink_makes_a_button_void(people: Grantors) -> None:
    town = people.town
    code = await people.code(town.casey)
    await people.asks(town.casey, "unlink")
    await people.confirmed(code, people.casey_gitlab)
    assert people.linked == people.count(device_codes) == 0


async def test_the_list_of_people_says_who_has_linked_themselves(people_before: Grantors) -> None:
    people, town = people_before, people_before.town
    async with town.bot_running(**people.links):
        await people.confirmed(await people.code(town.casey), people.casey_gitlab)
        await people.told(town.casey, "You are now linked")
    [line] = [each for each in await list_people(town.set_up()) if town.casey.id in each]
    assert "casey.n" in line
    assert "/ssat link of" in line
