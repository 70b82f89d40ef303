"""Slack judges every kind of message and view; nothing is posted."""

import importlib
import pkgutil
import sys
from collections.abc import Iterator
from types import CodeType, FunctionType

from slackbot import blocks
from slackbot.app import connect
from slackbot.blocks.forms.form import FORMS
from slackbot.check.findings import Verdict
from slackbot.check.live import examine_rendering
from slackbot.check.samples import samples
from slackbot.local.slack.block_kit import characters, validate_blocks, validate_view
from slackbot.platforms.slack.message import SlackMessage
from tests.check.conftest import examined
from tests.town import Town

CHARACTERS = 10_000


async def test_each_sample_is_valid_and_has_a_name_of_its_own(town: Town) -> None:
    made = list(samples(town.set_up()))
    for each in made:
        blocks = each.content["blocks"]
        if each.kind == "view":
            assert validate_view(each.content) == [], each.name
        else:
            assert validate_blocks(blocks, "message") == [], each.name
            assert characters(blocks) < CHARACTERS
            assert each.content["text"]
    names = [each.name for each in made]
    assert len(names) == len(set(names))


async def test_there_is_a_sample_of_every_form(town: Town) -> None:
    names = {each.name for each in samples(town.set_up())}
    assert {f"form {offer}" for offer in FORMS} <= names


def test_every_message_and_view_that_can_be_made_is_among_the_samples(town: Town) -> None:
    called = set[CodeType]()
    sys.setprofile(lambda frame, event, _: called.add(frame.f_code) if event == "call" else None)
    try:
        list(samples(town.set_up()))
    finally:
        sys.setprofile(None)
    missing = [made.__name__ for made in makers() if made.__code__ not in called]
    assert missing == []


def makers() -> Iterator[FunctionType]:
    """Yield what makes a whole message, view or preview."""
    for module in pkgutil.iter_modules(blocks.__path__, f"{blocks.__name__}."):
        for name, made in vars(importlib.import_module(module.name)).items():
            if not isinstance(made, FunctionType) or name.startswith("_"):
                continue
            is_message = made.__annotations__.get("return") is SlackMessage
            if is_message or name.startswith("render_") or name.endswith("_modal"):
                yield made


async def test_slack_judges_each_and_nothing_is_posted(town: Town) -> None:
    said = await examined(town, is_live=True)
    found = said.about("blocks.validate")
    assert found.verdict is Verdict.OK
    assert found.facts["valid"] == len(list(samples(town.set_up())))
    called = {request.method for request in town.slack.requests}
    assert "blocks.validate" in called
    assert not [each for each in called if each.startswith(("chat.", "views.", "files."))]
    assert town.channel.messages == []


async def test_what_slack_refuses_is_named_with_the_place(town: Town) -> None:
    town.slack.faults.add("blocks.validate", error="invalid_message")
    said = await examined(town, is_live=True)
    [problem] = said.judged(Verdict.PROBLEM)
    assert problem.startswith("PROBLEM  blocks.validate: card: Slack answered invalid_message")


async def test_a_slack_that_judges_nothing_leaves_it_unknown(town: Town) -> None:
    town.slack.faults.add("blocks.validate", error="unknown_method")
    found = (await examined(town, is_live=True)).about("blocks.validate")
    assert found.verdict is Verdict.UNKNOWN
    assert not found.is_unanswered


async def test_a_slack_that_asks_for_patience_gets_it(town: Town) -> None:
    town.slack.faults.add("blocks.validate", status=429, headers={"Retry-After": "0"})
    settings = town.set_up()
    async with connect(settings, town.speed) as clients:
        [found] = [each async for each in examine_rendering(settings, clients.slack)]
    assert found.verdict is Verdict.OK


async def test_without_live_nothing_is_asked_for_real(town: Town) -> None:
    await examined(town)
    assert "blocks.validate" not in {request.method for request in town.slack.requests}
    assert {request.method for request in town.gitlab.requests} == {"GET"}
