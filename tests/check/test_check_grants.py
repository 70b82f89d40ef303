"""Whether GitLab knows the application by which people authorize the bot, and who has."""

from typing import Any

import pytest

from slackbot.check.findings import Finding, Verdict
from tests.check.conftest import Examination, examined
from tests.grants import KEY, OTHER_KEY, Grantors
from tests.town import Town

CLIENT_ID = "GITLAB_OAUTH_CLIENT_ID"


@pytest.fixture
def people(town: Town) -> Grantors:
    return Grantors(town)


async def application(people: Grantors, **changes: Any) -> Finding:
    found = await examined(people.town, **people.acts | changes)
    [said] = [each for each in found.findings if each.about.startswith(CLIENT_ID)]
    return said


async def test_the_application_that_gitlab_knows_is_good(people: Grantors) -> None:
    found = await application(people)
    assert str(found) == (
        f"ok       {CLIENT_ID}: GitLab knows the application, scopes read_user, api"
    )
    found = await application(people, ssat_act_as_yourself=False)
    assert found.facts["scopes"] == ["read_user"]


async def test_what_the_check_asks_for_leaves_nothing_but_codes_that_end(people: Grantors) -> None:
    await application(people)
    assert people.town.gitlab.violations == []
    assert [each.user for each in people.oauth.device_grants] == [None, None]
    assert not [each for each in people.town.gitlab.tokens if each.application]
    people.oauth.device_grants.clear()


@pytest.mark.parametrize("what", ["unknown", "secret", "no secret"])
async def test_an_application_that_gitlab_does_not_accept_is_a_warning(
    people: Grantors, what: str
) -> None:
    changes: dict[str, Any] = {"gitlab_oauth_client_id": "0" * 64}
    if what != "unknown":
        known = people.oauth.add_application(confidential=True)
        changes["gitlab_oauth_client_id"] = known.client_id
    if what == "secret":
        changes["gitlab_oauth_client_secret"] = "gloas-wrong"
    found = await application(people, **changes)
    assert found.verdict is Verdict.WARNING
    assert "GITLAB_OAUTH_CLIENT_ID or GITLAB_OAUTH_CLIENT_SECRET is not valid" in str(found)
    assert "gloas-wrong" not in str(found)


async def test_a_confidential_application_is_good_with_its_secret(people: Grantors) -> None:
    known = people.oauth.add_application(confidential=True)
    changes = {
        "gitlab_oauth_client_id": known.client_id,
        "gitlab_oauth_client_secret": known.secret,
    }
    assert (await application(people, **changes)).verdict is Verdict.OK


async def test_a_scope_that_the_application_lacks_is_named(people: Grantors) -> None:
    known = people.oauth.add_application(scopes=("read_user",))
    found = await application(people, gitlab_oauth_client_id=known.client_id)
    assert str(found) == (
        f"warning  {CLIENT_ID}: the application lacks the scope api: add it in GitLab"
    )


async def test_a_gitlab_without_device_grants_is_told_so(people: Grantors) -> None:
    people.town.gitlab.faults.add(
        method="POST",
        path="/oauth/authorize_device",
        status=404,
        headers={"Content-Type": "application/json"},
        body='{"error": "404 Not Found"}',
        times=None,
    )
    found = await application(people)
    assert found.verdict is Verdict.WARNING
    assert "does GitLab have device grants?" in str(found.problem)


async def test_a_gitlab_that_does_not_answer_leaves_it_unknown(people: Grantors) -> None:
    people.town.gitlab.faults.add(method="POST", path="/oauth/", status=502, times=None)
    assert (await application(people)).is_unanswered


async def test_who_has_granted_is_counted_and_who_cannot_be_read_is_a_warning(
    people: Grantors,
) -> None:
    town = people.town
    async with town.bot_running(**people.acts):
        await people.acts_as(town.avery, town.avery_gitlab)

    async def granted(**changes: Any) -> Finding:
        return (await examined(town, **people.acts | changes)).about("act as yourself: granted")

    found = await granted()
    assert (found.about, found.verdict) == (
        "act as yourself: granted by 1 person",
        Verdict.OK,
    )
    found = await granted(ssat_encryption_key=OTHER_KEY)
    assert found.verdict is Verdict.WARNING
    assert str(found.problem).startswith("1 cannot be read with SSAT_ENCRYPTION_KEY")
    assert (await granted(ssat_encryption_key=f"{OTHER_KEY},{KEY}")).verdict is Verdict.OK


async def test_without_an_application_that_is_said_and_nothing_is_asked(people: Grantors) -> None:
    found: Examination = await examined(people.town)
    assert found.about(f"without {CLIENT_ID}").verdict is Verdict.OK
    assert people.oauth.device_grants == []
