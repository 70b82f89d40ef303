"""The log of a whole story: a line an event, with the issue; no secret and nobody's words."""

import contextlib
import json
import logging
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
import pytest
import structlog

from slackbot.local.gitlab import Issue
from slackbot.logs import HIDDEN, configure_logs
from slackbot.platforms.errors import Platform, Unreachable
from slackbot.store.engine.away import RecordAway
from tests.port import FIXTURES, Port
from tests.process import (
    MANAGERS,
    ROOT,
    BotProcess,
    bot_process,
    launched,
    present_town,
)
from tests.town import HOOK_SECRET, Town

CUSTOMERS_WORDS = "Quokka-Comment"
CUSTOMER = "Quokka-Organisation"
TITLE = "Quokka-Title"
TEXT_SENT = "Quokka-Mail"
REFUSED_TEXT = "Quokka-Draft"
WORDS = "Quokka"
"""In everything that a person writes in this story."""

DESCRIPTION = f"""\
**Organisation:** {CUSTOMER}
**Comment:** {CUSTOMERS_WORDS} <!channel> /close

Manager contact requested: Yes
"""
SIGNING_TOKEN = json.loads((FIXTURES / "gitlab" / "signature_vector.json").read_text())[
    "signing_token"
]


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with present_town(tmp_path) as built:
        yield built


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def test_the_log_of_a_story_has_the_issue_and_neither_secrets_nor_anybodys_words(
    town: Town, session: aiohttp.ClientSession
) -> None:
    issue = town.feedback(f"Negative feedback for ticket 412345 {TITLE}", description=DESCRIPTION)
    changes = {"gitlab_webhook_signing_token": SIGNING_TOKEN, "ssat_poll_seconds": 0.2, **MANAGERS}
    async with bot_process(town, **changes) as process:
        await work_through_an_outage(town, process, issue)
        await send_nonsense(Port(town=town, session=session))
        await have_a_choice_refused(town)
        await break_the_record(town, process)
        log, everything = process.log, process.complained + process.said

    key = f"{town.project.id}/{issue.iid}"
    about = {line["event"] for line in log if line.get("issue") == key}
    assert about >= {
        "request_found",
        "card_posted",
        "job_put_off",
        "decision_delivered",
        "card_deleted_in_slack",
    }
    for event in ("choice_refused", "choice_failed", "job_failed"):
        assert all("issue" in line for line in log if line["event"] == event)
    assert {line["level"] for line in log} == {"info", "warning", "error"}
    assert {
        "hook_not_authentic",
        "hook_malformed",
        "slack_request_not_authentic",
        "slack_request_not_understood",
        "decision_rejected",
        "choice_refused",
        "choice_failed",
        "job_failed",
        "unhealthy",
        "healthy",
    } <= {line["event"] for line in log}

    # Every line is one event, in JSON, but for what tells the administrator at the start.
    assert [line for line in everything.splitlines() if not line.startswith("{")] == []
    for line in log:
        assert datetime.fromisoformat(line["timestamp"]).tzinfo is not None
    for secret in (*secrets_of(town), "tried-secret"):
        assert secret not in everything
    assert WORDS not in everything
    for person in ("avery@example.com", "blake@example.com"):
        assert person not in everything


def secrets_of(town: Town) -> tuple[str, ...]:
    slack = town.slack
    return slack.bot_token, slack.signing_secret, town.token, HOOK_SECRET, SIGNING_TOKEN


async def work_through_an_outage(town: Town, process: BotProcess, issue: Issue) -> None:
    """Claim and contact while GitLab is away, then let it arrive; a card is lost in between."""
    card = await town.card(issue, "🟠 Unclaimed", CUSTOMERS_WORDS)
    town.gitlab.down()
    assert (await town.slack.click(town.avery, card, "Claim")).ok
    card = await town.card(issue, "Claimed by Avery Example", "⏳ Saved")
    sent = await town.mark_contacted(town.avery, card, **{"What you sent": TEXT_SENT})
    assert (sent.ok, sent.errors) == (True, {})
    await town.slack.wait_for(lambda: process.events("unhealthy"))
    town.gitlab.up()
    town.slack.delete_message(town.channel, card.ts)
    await town.slack.wait_for(lambda: issue.state == "closed")
    assert TEXT_SENT in issue.comments[-1].body


async def send_nonsense(port: Port) -> None:
    """What strangers send, and Slack in a bad hour."""
    words = json.dumps({"text": WORDS})
    assert (await port.hook(words, token="tried-secret")).status == 401
    assert (await port.hook(f"[{words}]")).status == 400
    assert (await port.unsigned(words, "application/json")).status == 401
    body = f'{{"type": "event_callback", "event": "{WORDS}"}}'
    assert (await port.signed(body, "application/json")).status == 400
    submission = json.loads((FIXTURES / "slack" / "bolt_view_submission.json").read_text())
    submission["view"]["state"]["values"]["hspI"]["maBWU"]["value"] = WORDS
    form = urlencode({"payload": json.dumps(submission)})
    assert (await port.signed(form, "application/x-www-form-urlencoded")).status == 404


async def have_a_choice_refused(town: Town) -> None:
    """GitLab takes the note for what it is not; and a colleague is too late."""
    issue = town.feedback(f"Negative feedback for ticket 7 {TITLE}", description=DESCRIPTION)
    card = await town.card(issue, "🟠 Unclaimed")
    quoted = json.dumps({"message": {"note": [f"{REFUSED_TEXT} is not allowed"]}})
    json_type = {"Content-Type": "application/json"}
    town.gitlab.faults.add(
        method="POST", path="/notes$", status=422, headers=json_type, body=quoted
    )
    sent = await town.mark_contacted(town.avery, card, **{"What you sent": REFUSED_TEXT})
    assert sent.ok
    card = await town.card(issue, "GitLab rejected this:")
    unclaimed = card
    assert (await town.slack.click(town.avery, unclaimed, "Claim")).ok
    assert (await town.slack.click(town.avery, unclaimed, "Claim")).ok
    await town.told(town.avery, "You already own this request")


async def break_the_record(town: Town, process: BotProcess) -> None:
    """Faults that nobody has thought of, with a person's text and a customer's words in hand."""
    issue = town.feedback(f"Negative feedback for ticket 8 {TITLE}", description=DESCRIPTION)
    card = await town.card(issue, "🟠 Unclaimed")
    assert (await town.slack.click(town.avery, card, "Mark contacted")).ok
    await town.slack.wait_for(lambda: town.slack.views[town.avery.id])
    refuse_rows(town, "decisions", "requests")
    sent = await town.slack.submit(town.avery, {"What you sent": TEXT_SENT})
    (told,) = sent.errors.values()
    await town.slack.wait_for(lambda: process.events("choice_failed"))
    failed = process.events("choice_failed")[0]
    assert failed["reference"] in told
    assert "Traceback" in failed["exception"]
    town.feedback(f"Negative feedback for ticket 9 {TITLE}", description=DESCRIPTION)
    await town.slack.wait_for(lambda: process.events("job_failed"))


def refuse_rows(town: Town, *tables: str) -> None:
    """Let the database refuse whatever is to be added to some tables."""
    with contextlib.closing(sqlite3.connect(town.folder / "ssat-bot.db", timeout=10)) as database:
        for table in tables:
            database.execute(
                f"CREATE TRIGGER refuse_{table} BEFORE INSERT ON {table} "
                "BEGIN SELECT RAISE(ABORT, 'no room'); END"
            )
        database.commit()


async def test_each_line_of_a_job_or_a_click_has_its_issue_those_of_threads_included(
    town: Town,
) -> None:
    issue = town.feedback(f"Negative feedback for ticket 412345 {TITLE}", description=DESCRIPTION)
    async with bot_process(town, log_level="debug", log_format="json", **MANAGERS) as process:
        card = await town.card(issue, "🟠 Unclaimed")
        assert (await town.slack.click(town.avery, card, "Claim")).ok
        card = await town.claimed(issue, "Avery Example")
        sent = await town.mark_contacted(town.avery, card, **{"What you sent": TEXT_SENT})
        assert sent.ok
        await town.card(issue, "Contacted", delivered=True)
        await town.settled()
        log, everything = process.log, process.complained
    key = f"{town.project.id}/{issue.iid}"
    of_jobs = [line for line in log if line.get("queue") in ("sync", "card", "reminders")]
    assert of_jobs
    assert {line.get("issue") for line in of_jobs} == {key}
    # python-gitlab calls in threads.
    puts = [line for line in log if line.get("method") == "PUT /projects/:id/issues/:id"]
    assert {line.get("issue") for line in puts} == {key}
    [delivered, _] = [line for line in log if line["event"] == "decision_delivered"]
    decision = delivered["decision"]
    assert decision in {line.get("decision") for line in puts}
    of_clicks = [line for line in log if "interaction" in line and line["event"] == "called"]
    assert {line["user"] for line in of_clicks} == {town.avery.id}
    assert WORDS not in everything
    for secret in secrets_of(town):
        assert secret not in everything


async def test_at_level_warning_there_is_no_line_about_what_works(town: Town) -> None:
    async with launched(town, "run", log_level="Warning", **MANAGERS) as process:
        town.feedback()
        await town.slack.wait_for(lambda: town.cards, timeout=30)
        assert process.log == []


async def test_lines_for_people_are_no_json_wherever_they_go(town: Town) -> None:
    async with launched(town, "run", log_format="text", **MANAGERS) as process:
        await town.slack.wait_for(lambda: "running" in process.complained, timeout=30)
        assert process.log == []
        assert "socket_mode=False" in process.complained


# What the log is set up to do


@pytest.fixture
def root_logger() -> Iterator[None]:
    """Give the tests' own logging back afterwards."""
    root, kept = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    streams, hooks = (sys.stdout, sys.stderr), (sys.excepthook, threading.excepthook)
    yield
    sys.stdout, sys.stderr = streams
    sys.excepthook, threading.excepthook = hooks
    structlog.configure(**kept)
    root.handlers[:], root.level = handlers, level


@pytest.mark.usefixtures("root_logger")
def test_a_secret_is_hidden_wherever_it_turns_up(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logs(["s3cret", 'qu"ote'], watched=False)
    log = structlog.get_logger()
    log.info("said s3cret", where='a qu"ote too', several=["s3cret"], deeper={"s3cret": 'qu"ote'})
    logging.getLogger("some.library").warning("a library said %s", "s3cret")
    try:
        raise ValueError("it was s3cret")
    except ValueError:
        log.exception("failed", error=ValueError("s3cret"))
    sys.stderr.flush()
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert len(lines) == 3
    assert "s3cret" not in str(lines)
    assert "ote" not in str(lines[0])
    assert lines[0]["event"] == f"said {HIDDEN}"
    assert lines[0]["where"] == f"a {HIDDEN} too"
    assert lines[1]["event"] == f"a library said {HIDDEN}"
    assert f"it was {HIDDEN}" in lines[2]["exception"]


@pytest.mark.usefixtures("root_logger")
def test_a_short_secret_is_hidden_in_addresses_and_mangles_no_words(
    capfd: pytest.CaptureFixture[str],
) -> None:
    configure_logs(["ok", "not-so-short"], watched=False)
    print('{"verdict": "ok", "token": "ok"}')
    print("postgresql://bot:ok@db/ssat?sslpassword=ok", "not-so-short")
    sys.stdout.flush()
    assert capfd.readouterr().out.splitlines() == [
        '{"verdict": "ok", "token": "ok"}',
        f"postgresql://bot:{HIDDEN}@db/ssat?sslpassword={HIDDEN} {HIDDEN}",
    ]


SECRET = "glpat-s3cret/with'every\"sort\\of+sign é"
WAYS_TO_SAY_IT = {
    "an uncaught exception": "raise ValueError('it was ' + SECRET)",
    "an exception that quotes": "raise ValueError(SECRET, SECRET.encode())",
    "its cause": "\ntry: {}[SECRET]\nexcept KeyError as error: raise ValueError from error",
    "an address": "import urllib.parse; raise ValueError(urllib.parse.quote(SECRET, safe=''))",
    "a thread": "import threading; threading.Thread(target=lambda: {}[SECRET]).start()",
    "a task that nobody waits for": (
        "\nasync def fail(): raise ValueError(SECRET)"
        "\nasync def main(): asyncio.create_task(fail()); await asyncio.sleep(0)"
        "\nasyncio.run(main())"
    ),
    "a callback of the loop": (
        "\nasync def main():"
        "\n  asyncio.get_running_loop().call_soon(lambda: {}[SECRET])"
        "\n  await asyncio.sleep(0)"
        "\nasyncio.run(main())"
    ),
    "a destructor": "\nclass Last:\n  def __del__(self): {}[SECRET]\nLast()",
    "a warning": "import warnings; warnings.warn(SECRET)",
    "a library's log": "logging.getLogger('some.library').warning('said %s', SECRET)",
    "words to a person": "print('PROBLEM', SECRET, file=sys.stderr)",
    "the answer of a command": "print('PROBLEM', SECRET)",
}


@pytest.mark.parametrize("way", WAYS_TO_SAY_IT)
def test_a_secret_is_hidden_whatever_prints_it(way: str) -> None:
    """In a process of its own: only there is everything that it prints to be seen."""
    code = (
        "import asyncio, logging, sys\n"
        f"SECRET = {SECRET!r}\n"
        "from slackbot.logs import configure_logs\n"
        f"configure_logs([SECRET], watched=False)\n{WAYS_TO_SAY_IT[way]}"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    printed = ended.stdout + ended.stderr
    assert HIDDEN in printed
    assert "s3cret" not in printed


def test_what_crashes_leaves_one_line_in_the_log() -> None:
    code = (
        "import threading\nfrom slackbot.logs import configure_logs\n"
        "configure_logs([], watched=False)\n"
        "threading.Thread(target=lambda: {}['a thread']).start()\n{}['the process']"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    assert {line["event"] for line in lines} == {"thread_crashed", "crashed"}
    assert all("KeyError" in line["exception"] for line in lines)
    assert ended.returncode == 1


@pytest.mark.usefixtures("root_logger")
@pytest.mark.parametrize(
    "library", ["slack_bolt", "slack_sdk", "slack_bolt.AsyncApp", "urllib3", "sqlalchemy.engine"]
)
def test_libraries_that_write_whole_requests_are_kept_quiet(
    capfd: pytest.CaptureFixture[str], library: str
) -> None:
    configure_logs([], watched=False)
    logging.getLogger(library).info("a whole request")
    logging.getLogger(library).debug("a whole request")
    logging.getLogger(library).warning("something is wrong")
    sys.stderr.flush()
    assert [json.loads(line)["event"] for line in capfd.readouterr().err.splitlines()] == [
        "something is wrong"
    ]


@pytest.mark.usefixtures("root_logger")
def test_who_watches_a_terminal_reads_lines_for_people(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logs(["s3cret"], watched=True)
    structlog.get_logger().info("running", url="http://s3cret")
    sys.stderr.flush()
    said = capfd.readouterr().err
    assert "running" in said
    assert not said.startswith("{")
    assert "s3cret" not in said


@pytest.mark.usefixtures("root_logger")
@pytest.mark.parametrize(
    ("error", "is_told_in_words"),
    [
        (ConnectionRefusedError("10.0.0.1/?token=quoted"), True),
        (aiohttp.ClientConnectionError("https://hooks/quoted"), True),
        (Unreachable(Platform.GITLAB, "no answer from GitLab"), True),
        (RecordAway("DiskFull"), True),
        (ValueError("a fault"), False),
        (AttributeError("a fault"), False),
    ],
)
def test_only_a_fault_of_the_bot_has_a_traceback(
    capfd: pytest.CaptureFixture[str], error: Exception, is_told_in_words: bool
) -> None:
    configure_logs([], watched=False)
    try:
        raise error
    except type(error):
        structlog.get_logger().exception("not_shown")
        logging.getLogger("a.library").exception("Failed to do it")
    sys.stderr.flush()
    own, of_library = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    for line in (own, of_library):
        assert ("exception" in line) is not is_told_in_words
        assert ("problem" in line) is is_told_in_words
        assert len(json.dumps(line)) < 500 or not is_told_in_words
    if is_told_in_words:
        assert own["where"].startswith("test_logs.py:")
        assert "quoted" not in str(own)
        assert own["problem"] in (str(error), type(error).__name__)
    else:
        assert "a fault" in own["exception"]


@pytest.mark.usefixtures("root_logger")
def test_a_fault_that_an_outage_set_off_keeps_its_traceback(
    capfd: pytest.CaptureFixture[str],
) -> None:
    configure_logs([], watched=False)
    try:
        try:
            raise ConnectionResetError
        except ConnectionResetError as cause:
            raise KeyError("a fault") from cause
    except KeyError:
        structlog.get_logger().exception("job_failed")
    sys.stderr.flush()
    line = json.loads(capfd.readouterr().err)
    assert "KeyError" in line["exception"]
