"""``/ssat profile``: how a manager signs emails to customers."""

from typing import Any

from slackbot.local.slack import Outcome, View
from slackbot.local.slack import User as SlackUser
from slackbot.people.roster import list_people
from tests.stories.test_drafting import drafted, text_in
from tests.town import Town, text_of

BOOKING = "https://calendar.example.com/avery"


async def profile_of(town: Town, user: SlackUser) -> View:
    told = len(town.slack.ephemerals)
    assert (await town.slack.command(user, "/ssat", "profile", town.channel)).ok
    await town.slack.wait_for(lambda: town.slack.views[user.id])
    assert len(town.slack.ephemerals) == told  # the form is the answer
    return town.slack.open_view(user)


async def saved(town: Town, user: SlackUser, **inputs: Any) -> Outcome:
    await profile_of(town, user)
    return await town.slack.submit(user, inputs)


def hints(view: View) -> list[str]:
    return [each["hint"]["text"] for each in view.blocks if each["type"] == "input"]


async def test_a_profile_signs_the_next_email(town: Town) -> None:
    issue, _ = await town.request()
    outcome = await saved(
        town,
        town.avery,
        name="Avery E.",
        role="Regional Manager",
        booking_link=BOOKING,
        signature="Cheers\nAvery",
        language="Deutsch",
    )
    assert outcome.ok
    assert outcome.errors == {}

    text = text_in(view := await drafted(town, town.avery, issue))
    assert "mein Name ist Avery E., und ich schreibe Ihnen als Regional Manager" in text
    assert f"Videoanruf: {BOOKING}" in text
    assert text.endswith("Cheers\nAvery")
    assert "/ssat profile" not in text_of(view)
    # It is nobody else's.
    assert "My name is Blake Sample" in text_in(await drafted(town, town.blake, issue))


async def test_a_profile_can_be_changed_and_emptied(town: Town) -> None:
    await saved(town, town.avery, role="Regional Manager", language="Deutsch")
    view = await profile_of(town, town.avery)
    assert view.values["role"]["role"]["value"] == "Regional Manager"
    assert view.values["language"]["language"]["selected_option"]["value"] == "de"
    await town.slack.submit(town.avery, {"role": None, "language": None})
    assert "Regional Manager" not in town.everything_stored()
    view = await profile_of(town, town.avery)
    assert view.values["role"]["role"]["value"] is None


async def test_a_booking_link_that_is_no_web_address_is_refused_and_stays(town: Town) -> None:
    for strange in ("calendar.example.com/avery", "javascript:alert(1)", "https://", "http://a b"):
        outcome = await saved(town, town.avery, booking_link=strange, role="Lead")
        assert list(outcome.errors) == ["booking_link"]
        assert "Paste the whole link" in outcome.errors["booking_link"]
        view = town.slack.open_view(town.avery)
        assert view.values["booking_link"]["booking_link"]["value"] == strange
        assert view.values["role"]["role"]["value"] == "Lead"
    assert "Lead" not in town.everything_stored()


async def test_the_people_file_counts_for_what_the_profile_leaves_out(quiet_town: Town) -> None:
    town = quiet_town
    town.people_file.write_text(
        f'[people.U0AVERY]\ngitlab = "avery"\nrole = "Director"\nbooking_link = "{BOOKING}"\n'
    )
    async with town.bot_running():
        issue, card = await town.request()
        view = await profile_of(town, town.avery)
        assert view.values["role"]["role"]["value"] is None
        assert hints(view) == [
            "If empty: Avery Example",
            "If empty: Director",
            f"If empty: {BOOKING}",
            "If empty: Avery Example Director, GitLab",
            "If empty: English",
        ]
        await town.slack.submit(town.avery, {"role": "Manager"})
        text = text_in(await drafted(town, town.avery, issue))
        assert "as Manager at GitLab" in text
        assert BOOKING in text
        # The same table still says who she is in GitLab.
        await town.slack.click(town.avery, card, "Claim")
        await town.claimed(issue, "Avery Example")
        assert issue.assigned_to == ["avery"]


async def test_a_profile_that_is_sent_twice_or_an_hour_later_is_saved(town: Town) -> None:
    await profile_of(town, town.avery)
    town.clock.forward(hours=1)
    outcome = await town.slack.submit(town.avery, {"role": "Manager"})
    assert (await town.slack.replay(outcome)).ok
    view = await profile_of(town, town.avery)
    assert view.values["role"]["role"]["value"] == "Manager"


async def test_people_list_names_what_is_in_a_profile_and_not_how(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running():
        await saved(town, town.blake, role="Director", signature="Telephone 555-0100")
    town.people_file.write_text('[people.U0CASEY]\nlanguage = "de"\n')
    assert await list_people(town.set_up()) == [
        "U0BLAKE      profile by /ssat profile: role, signature",
        "U0CASEY      profile by people file: language",
    ]


async def test_a_form_that_slack_does_not_open_is_said(town: Town) -> None:
    town.slack.faults.add("views.open", error="internal_error")
    answer = await town.asks(town.avery, "profile")
    assert "Slack did not open the form just now" in text_of(answer)


async def test_strangers_have_no_profile(town: Town) -> None:
    stranger = town.slack.add_user("U0GUEST", "guest", is_restricted=True)
    answer = await town.asks(stranger, "profile")
    assert "Guests can't take action" in text_of(answer)
    assert town.slack.views[stranger.id] == []
