"""``/ssat link``: a person proves who they are in GitLab by a code, and by nothing less."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, func, select

from slackbot.handlers import queue
from slackbot.local.gitlab import Issue
from slackbot.local.gitlab import User as GitLabUser
from slackbot.local.slack import User
from slackbot.people.identities import RECENT_SECONDS
from slackbot.people.roster import list_people, unlink
from slackbot.store.jobs import PeriodicQueue
from slackbot.store.schema import link_codes, links
from tests.conftest import MovableClock
from tests.town import PATIENCE, Town, text_of
from tests.town import town as build_town


class Desk:
    """A town with an issue for codes, and Casey, whom nothing links to GitLab yet."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.issue: Issue = town.gitlab.open_issue(
            town.project, author=town.duty_gitlab, title="Who is who", labels=()
        )
        self.casey_gitlab = town.gitlab.add_user("casey.n", "Casey Nolink")
        town.gitlab.add_member(town.project, self.casey_gitlab, 30)
        self.settings: dict[str, Any] = {"ssat_link_issue": self.issue.iid}

    async def asks(self, user: User, text: str) -> str:
        return text_of(await self.town.asks(user, f"link {text}"))

    async def code(self, user: User, username: str) -> str:
        said = await self.asks(user, username)
        found = re.search("`(ssat-link-[0-9a-f]{16})`", said)
        assert found, said
        return found[1]

    def leaves(self, author: GitLabUser, text: str) -> None:
        self.town.gitlab.comment(self.issue, text, by=author)

    async def told(self, user: User, *words: str) -> None:
        def is_told() -> bool:
            texts = [one.text for one in self.town.slack.direct_messages(user)]
            return any(all(word in text for word in words) for text in texts)

        await self.town.slack.wait_for(is_told, PATIENCE)

    async def looked(self) -> None:
        """Let the time pass after which codes are looked for without a webhook."""
        self.town.clock.forward(seconds=61)
        await self.town.gitlab.hooks_settled()
        await self.town.idle(PeriodicQueue.LINKS)

    def count(self, table: Table) -> int:
        with self.town.engine().connect() as connection:
            return connection.scalar(select(func.count()).select_from(table)) or 0

    def linked(self) -> int:
        return self.count(links)


@pytest.fixture
def desk_before(quiet_town: Town) -> Desk:
    return Desk(quiet_town)


@pytest.fixture
async def desk(desk_before: Desk) -> AsyncIterator[Desk]:
    async with desk_before.town.bot_running(**desk_before.settings):
        yield desk_before


@pytest.fixture(autouse=True)
def all_is_said_once(desk_before: Desk) -> Iterator[None]:
    yield
    slack = desk_before.town.slack
    for user in (desk_before.town.avery, desk_before.town.blake, desk_before.town.casey):
        said = [one.text for one in slack.direct_messages(user)]
        assert len(said) == len(set(said))


async def assigned_to_a_claim(town: Town, user: User) -> list[str]:
    issue = town.feedback("Negative feedback for ticket 412399")
    await town.slack.click(user, await town.card(issue, "🟠 Unclaimed"), "Claim")
    await town.card(issue, "Claimed", delivered=True)
    return issue.assigned_to


async def test_who_leaves_the_code_is_linked_and_told_and_claims_with_that_account(
    desk: Desk,
) -> None:
    town = desk.town
    code = await desk.code(town.casey, "@Casey.N")
    desk.leaves(desk.casey_gitlab, f"Hello!\n\n{code.upper()}")
    await desk.told(town.casey, "You are now linked to *casey.n* in GitLab")
    assert await assigned_to_a_claim(town, town.casey) == ["casey.n"]
    assert "You are already linked to casey.n" in await desk.asks(town.casey, "casey.n")


async def test_a_link_follows_an_account_that_changes_its_name(desk: Desk) -> None:
    town = desk.town
    desk.leaves(desk.casey_gitlab, await desk.code(town.casey, "casey.n"))
    await desk.told(town.casey, "You are now linked")
    town.gitlab.rename_user(desk.casey_gitlab, "casey.renamed")
    # The old name goes to somebody else, whom the link is not about.
    stranger = town.gitlab.add_user("casey.n", "Another Casey")
    town.gitlab.add_member(town.project, stranger, 30)
    assert await assigned_to_a_claim(town, town.casey) == ["casey.renamed"]
    other = town.feedback(assignees=[stranger])
    await town.card(other, "🟠 Unclaimed", "casey.n")
    assert await assigned_to_a_claim(town, town.casey) == ["casey.renamed"]
    assert "You are already linked to casey.renamed" in await desk.asks(town.casey, "casey.renamed")


async def test_the_home_of_who_links_themselves_follows(desk: Desk) -> None:
    town = desk.town
    await town.card(town.feedback(assignees=[desk.casey_gitlab]), "🟠 Unclaimed")
    assert (await town.slack.open_home(town.casey)).ok

    def shows(words: str) -> bool:
        return words in text_of(town.slack.homes.get(town.casey.id))

    await town.slack.wait_for(lambda: shows("I don't know your GitLab account yet"))
    await town.idle(PeriodicQueue.HOMES)
    desk.leaves(desk.casey_gitlab, await desk.code(town.casey, "casey.n"))
    await desk.told(town.casey, "You are now linked")
    town.clock.forward(seconds=5)
    await town.slack.wait_for(lambda: shows("Yours (1)"))


async def test_the_answer_says_where_to_leave_what(desk: Desk) -> None:
    said = await desk.asks(desk.town.casey, "casey.n")
    assert "|this issue> as casey.n within 15 minutes" in said
    assert f"/issues/{desk.issue.iid}" in said or f"/work_items/{desk.issue.iid}" in said


async def test_without_a_webhook_a_code_is_found_within_seconds(desk: Desk) -> None:
    town = desk.town
    town.gitlab.hooks[0].project = town.gitlab.add_project("example/elsewhere")
    code = await desk.code(town.casey, "casey.n")
    desk.leaves(desk.casey_gitlab, code)
    town.clock.forward(seconds=11)
    await desk.told(town.casey, "You are now linked")


async def test_a_code_says_nothing_where_another_user_leaves_it(desk: Desk) -> None:
    town = desk.town
    code = await desk.code(town.casey, "casey.n")
    desk.leaves(town.duty_gitlab, code)
    await desk.told(
        town.casey, "Your code was posted by duty", "doesn't prove that you are casey.n"
    )
    assert desk.linked() == 0
    desk.leaves(desk.casey_gitlab, code)
    await desk.told(town.casey, "You are now linked")


async def test_a_code_is_no_good_to_somebody_else_who_names_their_own_account(desk: Desk) -> None:
    town = desk.town
    code = await desk.code(town.casey, "casey.n")
    await desk.code(town.blake, "duty")
    desk.leaves(town.duty_gitlab, code)
    await desk.told(town.casey, "Your code was posted by duty")
    await desk.looked()
    assert desk.linked() == 0


async def test_a_wrong_code_is_told_and_the_right_one_still_holds(desk: Desk) -> None:
    town = desk.town
    code = await desk.code(town.casey, "casey.n")
    desk.leaves(desk.casey_gitlab, "ssat-link-0123456789abcdef")
    await desk.told(town.casey, "is not your latest one")
    assert desk.linked() == 0
    await desk.looked()
    opened = [each.method for each in town.slack.requests].count("conversations.open")
    assert opened == 1, "a note that was told of is read again, and Slack is not asked"
    desk.leaves(desk.casey_gitlab, code)
    await desk.told(town.casey, "You are now linked")


async def test_a_second_code_makes_the_first_void(desk: Desk) -> None:
    town = desk.town
    first, _ = await desk.code(town.casey, "casey.n"), await desk.code(town.casey, "casey.n")
    desk.leaves(desk.casey_gitlab, first)
    await desk.told(town.casey, "is not your latest one")
    assert desk.linked() == 0


async def test_a_code_that_comes_too_late_is_told(desk: Desk) -> None:
    town = desk.town
    code = await desk.code(town.casey, "casey.n")
    town.clock.forward(minutes=16)
    desk.leaves(desk.casey_gitlab, code)
    await desk.told(town.casey, "too late", "/ssat link casey.n")
    assert desk.linked() == 0


async def test_a_code_left_in_time_counts_also_when_the_bot_was_down(desk_before: Desk) -> None:
    desk, town = desk_before, desk_before.town
    async with town.bot_running(**desk.settings):
        code = await desk.code(town.casey, "casey.n")
    desk.leaves(desk.casey_gitlab, code)
    town.clock.forward(minutes=20)
    async with town.bot_running(**desk.settings):
        await desk.told(town.casey, "You are now linked")
    async with town.bot_running(**desk.settings):
        assert await assigned_to_a_claim(town, town.casey) == ["casey.n"]


async def test_a_code_counts_once(desk: Desk) -> None:
    town = desk.town
    code = await desk.code(town.casey, "casey.n")
    desk.leaves(desk.casey_gitlab, code)
    await desk.told(town.casey, "You are now linked")
    await desk.looked()
    desk.leaves(desk.casey_gitlab, code)
    await desk.looked()
    assert len(town.slack.direct_messages(town.casey)) == 1


async def test_nothing_that_the_bot_writes_itself_proves_anything(desk: Desk) -> None:
    assert "GitLab has no user ssat-bot" in await desk.asks(desk.town.casey, "ssat-bot")


async def test_no_account_is_linked_to_two_people_and_the_words_say_whom_to_ask(
    desk: Desk,
) -> None:
    town = desk.town
    said = await desk.asks(town.casey, "AVERY")  # by the people file
    assert "Someone else is linked to avery" in said
    assert "ssat-bot people list" in said
    ours, theirs = await desk.code(town.casey, "casey.n"), await desk.code(town.blake, "casey.n")
    desk.leaves(desk.casey_gitlab, ours)
    await desk.told(town.casey, "You are now linked")
    desk.leaves(desk.casey_gitlab, theirs)
    await desk.told(town.blake, "someone else is now linked to casey.n", "ssat-bot people list")
    assert desk.linked() == 1
    await desk.looked()
    assert "Someone else is linked to casey.n" in await desk.asks(town.blake, "casey.n")


async def test_an_account_that_the_people_file_gives_away_meanwhile_is_taken(desk: Desk) -> None:
    town = desk.town
    code = await desk.code(town.casey, "casey.n")
    town.people_file.write_text('[people]\nU0AVERY = "avery"\nU0BLAKE = "Casey.N"\n')
    desk.leaves(desk.casey_gitlab, code)
    await desk.told(town.casey, "someone else is now linked to casey.n")
    assert desk.linked() == 0


async def test_who_is_in_the_people_file_asks_the_administrator(desk: Desk) -> None:
    said = await desk.asks(desk.town.avery, "casey.n")
    assert "The people file says that you are avery in GitLab" in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Which GitLab account is yours?"),
        ("two words", "Which GitLab account is yours?"),
        ("<!channel>", "Which GitLab account is yours?"),
        ("../../etc", "Which GitLab account is yours?"),
        ("é" * 3000, "Which GitLab account is yours?"),
        ("<@U0BLAKE>", "Which GitLab account is yours?"),
        ("nobody.knows", "GitLab has no user nobody.knows. Your username is the last part of"),
        ("<@U0BLAKE|nobody.knows>", "GitLab has no user nobody.knows"),
    ],
)
async def test_what_is_no_known_username_is_told(desk: Desk, text: str, words: str) -> None:
    assert words in await desk.asks(desk.town.casey, text)


async def test_while_gitlab_is_away_the_person_is_told_to_try_again(desk: Desk) -> None:
    desk.town.gitlab.down()
    assert "GitLab isn't answering right now" in await desk.asks(desk.town.casey, "casey.n")
    desk.town.gitlab.up()
    await desk.code(desk.town.casey, "casey.n")


@pytest.mark.impatient
async def test_while_gitlab_is_silent_the_answer_comes_in_time(desk: Desk) -> None:
    desk.town.gitlab.faults.add(path="/users", hang=30)
    assert "GitLab isn't answering right now" in await desk.asks(desk.town.casey, "casey.n")
    desk.town.gitlab.faults.clear()


async def test_where_both_platforms_are_slow_the_answer_comes_after_the_ack(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "WITH_ACK_SECONDS", 0.7)  # what is slow then is still in time
    slow = desk.town.slack.faults.add("users.info", hang=0.4)
    desk.town.gitlab.faults.add(path="/users", hang=0.4)
    await desk.code(desk.town.casey, "casey.n")
    assert slow.hits


async def test_an_answer_that_takes_too_long_is_not_waited_for(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "WITH_ACK_SECONDS", 0.1)
    monkeypatch.setattr(queue, "LATEST_SECONDS", 0.3)
    desk.town.gitlab.faults.add(path="/users", hang=1.3)
    assert "taking too long right now" in await desk.asks(desk.town.casey, "casey.n")
    monkeypatch.undo()
    desk.town.gitlab.faults.clear()
    await desk.code(desk.town.casey, "casey.n")


@pytest.mark.parametrize(
    ("issue", "problem"),
    [
        (None, "isn't set up here: it needs GITLAB_OAUTH_CLIENT_ID or SSAT_LINK_ISSUE"),
        (4711, "can't be found: SSAT_LINK_ISSUE needs a change"),
    ],
)
async def test_without_an_issue_for_codes_it_is_said_what_works_and_what_to_set(
    desk_before: Desk, issue: int | None, problem: str
) -> None:
    async with desk_before.town.bot_running(ssat_link_issue=issue):
        said = await desk_before.asks(desk_before.town.casey, "casey.n")
        assert problem in said
        assert 'people file: `U0CASEY = "gitlab-username"`' in said


@pytest.mark.parametrize("kind", [{"is_restricted": True}, {"team_id": "T0CUSTOMER"}])
async def test_a_stranger_gets_no_code(desk: Desk, kind: dict[str, Any]) -> None:
    stranger = desk.town.slack.add_user("U0STRANGER", "stranger", **kind)
    assert "take action" in await desk.asks(stranger, "casey.n")


async def test_a_direct_message_whose_answer_is_lost_comes_once(desk: Desk) -> None:
    town = desk.town
    code = await desk.code(town.casey, "casey.n")
    town.slack.faults.add("chat.postMessage", when="after", drop=True)
    desk.leaves(desk.casey_gitlab, code)
    await town.slack.wait_for(lambda: desk.count(links) == 1)
    await town.slack.wait_for(lambda: desk.count(link_codes) == 0, PATIENCE)
    assert len(town.slack.direct_messages(town.casey)) == 1


async def test_nothing_stored_or_listed_tells_a_code(desk_before: Desk) -> None:
    desk, town = desk_before, desk_before.town
    async with town.bot_running(**desk.settings):
        code = await desk.code(town.casey, "casey.n")
        assert code not in town.everything_stored()
        desk.leaves(desk.casey_gitlab, code)
        await desk.told(town.casey, "You are now linked")


async def test_an_administrator_lists_links_and_takes_one_away(desk_before: Desk) -> None:
    desk, town = desk_before, desk_before.town
    async with town.bot_running(**desk.settings):
        code = await desk.code(town.casey, "casey.n")
        desk.leaves(desk.casey_gitlab, code)
        await desk.told(town.casey, "You are now linked")
    settings = town.set_up(**desk.settings)
    by_file, by_link = await list_people(settings)
    assert by_file.split() == ["U0AVERY", "avery", "people", "file"]
    assert by_link.startswith("U0CASEY      casey.n                  /ssat link of 2026-01-30")

    assert await unlink(settings, "@CASEY.N") == (
        True,
        ["removed: U0CASEY is no longer casey.n"],
    )
    assert await unlink(settings, "avery") == (
        False,
        ["U0AVERY is avery by the people file: remove that line there"],
    )
    assert (await unlink(settings, "U0NOBODY"))[0] is False
    async with town.bot_running(**desk.settings):
        assert await assigned_to_a_claim(town, town.casey) == []
        issue = next(each for each in town.project.issues.values() if "412399" in each.title)
        assert (
            "/ssat link &lt;gitlab username&gt;" in (await town.thread(issue, "isn't known")).text
        )


async def test_a_link_that_is_taken_away_beside_a_running_bot_counts_no_more(
    clock: MovableClock, tmp_path: Path, postgresql: str
) -> None:
    async with build_town(clock, tmp_path, postgresql) as town:
        desk = Desk(town)
        async with town.bot_running(**desk.settings):
            code = await desk.code(town.casey, "casey.n")
            desk.leaves(desk.casey_gitlab, code)
            await desk.told(town.casey, "You are now linked")
            assert await assigned_to_a_claim(town, town.casey) == ["casey.n"]
            assert (await unlink(town.set_up(**desk.settings), "casey.n"))[0]
            town.people_file.write_text("")
            await asyncio.sleep(RECENT_SECONDS)
            for user, ticket in ((town.casey, 412401), (town.avery, 412402)):
                issue = town.feedback(f"Negative feedback for ticket {ticket}")
                await town.slack.click(user, await town.card(issue, "🟠 Unclaimed"), "Claim")
                await town.thread(issue, "isn't known")
                assert issue.assigned_to == []


async def test_an_administrator_says_that_a_line_is_for_the_account_that_has_the_name_now(
    desk_before: Desk,
) -> None:
    desk, town = desk_before, desk_before.town
    settings = town.set_up(**desk.settings)
    async with town.bot_running(**desk.settings):
        assert await assigned_to_a_claim(town, town.avery) == ["avery"]
        # Avery's account is deleted, and somebody takes its name.
        town.gitlab.delete_user(town.avery_gitlab)
        anew = town.gitlab.add_user("avery", "Avery Anew")
        town.gitlab.add_member(town.project, anew, 30)
        await town.card(town.feedback("For ticket 101", assignees=[anew]), "🟠 Unclaimed")
        await town.settled()
    [by_file] = await list_people(settings)
    assert by_file.endswith("people file; not in force, because another account has this name now")
    _, said = await unlink(settings, "U0AVERY")
    assert said == [
        "U0AVERY is avery by the people file: remove that line there, "
        "else it is for the account that has the name now"
    ]
    [by_file] = await list_people(settings)
    assert by_file.endswith("people file")
    async with town.bot_running(**desk.settings):
        issue, card = await town.request()
        await town.slack.click(town.avery, card, "Claim")
        await town.card(issue, "Claimed", delivered=True)
        assert issue.assigned_to == ["avery"]


async def test_a_link_that_the_people_file_overrules_is_listed_as_such(desk_before: Desk) -> None:
    desk, town = desk_before, desk_before.town
    async with town.bot_running(**desk.settings):
        code = await desk.code(town.casey, "casey.n")
        desk.leaves(desk.casey_gitlab, code)
        await desk.told(town.casey, "You are now linked")
        # From now on the file says that it is Blake's account, so it is nobody else's.
        town.people_file.write_text('[people]\nU0BLAKE = "casey.n"\n')
        assert await assigned_to_a_claim(town, town.casey) == []
    lines = await list_people(town.set_up(**desk.settings))
    assert "not in force" in lines[-1]


async def test_who_is_known_by_email_is_listed_and_told_apart_from_who_has_a_link(
    desk_before: Desk,
) -> None:
    desk, town = desk_before, desk_before.town
    async with town.bot_running(**desk.settings):
        assert await assigned_to_a_claim(town, town.blake) == ["blake.sample"]
    settings = town.set_up(**desk.settings)
    assert (
        "U0BLAKE      blake.sample             email, looked up"
        in (await list_people(settings))[-1]
    )
    removed, lines = await unlink(settings, "blake.sample")
    assert not removed
    assert lines == ["U0BLAKE is blake.sample by email: a line in the people file overrules that"]


async def test_a_person_found_by_email_is_not_taken_for_an_account_that_is_linked(
    desk: Desk,
) -> None:
    town = desk.town
    code = await desk.code(town.casey, "blake.sample")
    desk.leaves(town.blake_gitlab, code)
    await desk.told(town.casey, "You are now linked to *blake.sample*")
    await desk.looked()
    assert await assigned_to_a_claim(town, town.blake) == []


async def test_a_code_that_was_given_out_by_a_fast_clock_makes_a_link(desk: Desk) -> None:
    desk.town.skew = timedelta(days=1)
    code = await desk.code(desk.town.casey, "casey.n")
    desk.town.skew = timedelta(0)
    desk.leaves(desk.casey_gitlab, code)
    await desk.looked()
    await desk.told(desk.town.casey, "casey.n")
    assert desk.linked() == 1
