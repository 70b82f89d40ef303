"""A folder of people: one YAML file each, read again when it changes."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from slackbot.people import folder as module
from slackbot.people.file import PeopleFile, PeopleFileError, check_people, left_out
from slackbot.people.folder import MOST_BYTES, PeopleFolder
from slackbot.rules.people import DEFAULT_KEYS, Colleague, Keys, look_up, parse_keys, read_colleague
from slackbot.rules.profile import Profile
from slackbot.rules.timing.reminders import QuietHours

AVERY = """\
---
name: Avery Example
title: Senior Support Manager
reports_to: Casey Nolink
working_hours: 0800-1600 Central time
calendly: https://calendar.example.com/avery
languages:
  - English
slack:
  id: U0AVERY
gitlab:
  id: 1003
  username: avery
pagerduty:
  id: PAVERY
zendesk: {main: {id: 4711, groups: [Support, "EMEA"]}}
"""


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at each call, not once a second."""
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.0)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    path = tmp_path / "people"
    path.mkdir()
    return path


def person(slack: str = "U1", **more: Any) -> str:
    return yaml.safe_dump({"slack": {"id": slack}, **more})


def write(place: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (place / f"{name}.yaml").write_text(text, encoding="utf-8")
    return place


def problems(place: Path) -> list[str]:
    return left_out(place, DEFAULT_KEYS)


def people(place: Path) -> dict[str, Colleague]:
    return dict(PeopleFile(place).people())


def usernames(file: PeopleFile) -> dict[str, str]:
    return {user: each.gitlab for user, each in file.people().items() if each.gitlab}


# What a file says


def test_a_file_in_the_layout_of_gitlab_support_tells_all_that_the_bot_has_of_a_person(
    place: Path,
) -> None:
    [avery] = people(write(place, avery=AVERY)).values()
    assert avery.hours is not None
    assert (avery.hours.awake, avery.hours.zone.key) == (
        QuietHours(awake=((8 * 60, 16 * 60),)),
        "America/Chicago",
    )
    assert avery == Colleague(
        slack_user="U0AVERY",
        file="avery.yaml",
        name="Avery Example",
        gitlab="avery",
        gitlab_id=1003,
        pagerduty="PAVERY",
        manager="Casey Nolink",
        hours=avery.hours,
        profile=Profile(
            role="Senior Support Manager", booking_link="https://calendar.example.com/avery"
        ),
    )
    assert problems(place) == []


def test_a_layout_of_ones_own_is_mapped_by_the_setting(place: Path) -> None:
    write(place, avery="chat: U1\naccounts: {forge: {login: avery}}\ntitle: Lead\n")
    keys = parse_keys("slack=chat, gitlab = accounts.forge.login, role=")
    file = PeopleFile(place, keys)
    assert usernames(file) == {"U1": "avery"}
    assert file.profiles() == {"U1": Profile()}


def test_a_folder_has_no_weeks_of_duty(place: Path) -> None:
    assert PeopleFile(write(place, avery=person())).weeks() == {}


@pytest.mark.parametrize("username", ["no", "0123", "null_", "2026-01-01", "1e5", "0x10", "12:30"])
def test_a_username_is_read_as_it_is_written(place: Path, username: str) -> None:
    write(place, avery=f"slack: {{id: U1}}\ngitlab: {{username: {username}}}\n")
    assert usernames(PeopleFile(place)) == {"U1": username}


@pytest.mark.parametrize("nothing", ["", "~", "null", '""', "' '"])
def test_an_empty_value_says_nothing(place: Path, nothing: str) -> None:
    write(place, avery=f"slack: {{id: U1}}\ngitlab:\n  username: {nothing}\n  id: {nothing}\n")
    [avery] = people(place).values()
    assert not avery.has_account
    assert problems(place) == []


def test_who_has_no_slack_id_is_left_out_without_a_word(place: Path) -> None:
    write(place, avery=person(), blake="name: Blake\n", casey="slack: none of a table\n")
    assert list(people(place)) == ["U1"]
    assert problems(place) == []
    folder = PeopleFolder(place, DEFAULT_KEYS)
    folder.look()
    assert [(each.name, each.person) for each in folder.files if each.colleague is None] == [
        ("blake.yaml", "Blake"),
        ("casey.yaml", ""),
    ]


@pytest.mark.parametrize(
    ("text", "remark"),
    [
        ("calendly: calendar.example.com", "calendly must start with https://"),
        ("calendly: [a, b]", "calendly must be a text of at most 200 characters"),
        (f"title: {'x' * 81}", "title must be a text of at most 80 characters"),
        ("language: English", "language must be a code such as en"),
        ("reports_to: {name: Casey}", "reports_to must be a text"),
        ("working_hours: flexible", "working_hours must be hours such as 09:00-17:00 Europe/"),
        ("working_hours: 0900-1700", "working_hours needs a time zone, such as Europe/Amsterdam"),
        ("working_hours: 25:00-26:00 UTC", "working_hours must be hours such as"),
        ("working_hours: [9, 17]", "working_hours must be hours such as"),
        (
            "working_hours: 0900-1700 Moon time",
            "working_hours names no time zone with 'Moon time': write one",
        ),
    ],
)
def test_what_is_only_wrong_in_part_counts_but_for_that_part(
    place: Path, text: str, remark: str
) -> None:
    write(place, avery=f"{person(gitlab={'username': 'avery'})}{text}\n")
    folder = PeopleFolder(place, DEFAULT_KEYS)
    folder.look()
    assert folder.people["U1"].gitlab == "avery"
    [[said]] = [each.remarks for each in folder.files]
    assert said.startswith(remark)
    assert problems(place) == []


@pytest.mark.parametrize(
    ("written", "awake", "zone"),
    [
        ("0000-0800 UTC", ((0, 8 * 60),), "UTC"),
        ("9:00 - 17:30 Europe/Amsterdam", ((9 * 60, 17 * 60 + 30),), "Europe/Amsterdam"),
        ("09:00-17:00 (Pacific time)", ((9 * 60, 17 * 60),), "America/Los_Angeles"),
        ("2200-0600 gmt", ((0, 6 * 60), (22 * 60, 24 * 60)), "UTC"),
        ("16:00-24:00 UTC", ((16 * 60, 24 * 60),), "UTC"),
        ("16:00-00:00 UTC", ((16 * 60, 24 * 60),), "UTC"),
        ("0900-1700", ((9 * 60, 17 * 60),), "Asia/Tokyo"),
    ],
)
def test_working_hours_are_read_with_the_zone_beside_them_or_the_persons_own(
    written: str, awake: tuple[tuple[int, int], ...], zone: str
) -> None:
    said = {"slack": "U1", "hours": written, "zone": "Asia/Tokyo"}
    colleague, remarks = read_colleague(said)
    assert remarks == ()
    assert colleague.hours is not None
    assert (colleague.hours.awake.awake, colleague.hours.zone.key) == (awake, zone)


# What a file must not be

BROKEN: dict[str, tuple[str | bytes, str]] = {
    "another id in Slack": (person("u0avery"), "slack.id: 'u0avery' is no Slack user id (U…)"),
    "the id of a group": (person("S0GROUP"), "slack.id: 'S0GROUP' is no Slack user id"),
    "two ids": ("slack: {id: [U1, U2]}", "slack.id: must be a text"),
    "a number in words": (person(gitlab={"id": "one"}), "gitlab.id: must be the number of a"),
    "the number 0": (person(gitlab={"id": 0}), "gitlab.id: must be the number of a GitLab"),
    "an address": (person(gitlab={"username": "https://gitlab.com/a"}), "is no GitLab username"),
    "two words": (person(gitlab={"username": "a b"}), "gitlab.username: 'a b' is no GitLab"),
    "an email": (person(pagerduty={"id": "a@example.com"}), "is no id of a PagerDuty user"),
    "nothing": ("", "is empty"),
    "a comment": ("# later\n", "is empty"),
    "a list": ("- slack: {id: U1}\n- slack: {id: U2}\n", "must have one person, as keys"),
    "a word": ("avery\n", "must have one person, as keys"),
    "two documents": (f"---\n{person()}---\n{person('U2')}", "line 4: expected a single document"),
    "a tab": ("slack:\n\tid: U1\n", "line 2: there is a tab: indent with spaces"),
    "a key twice": ("slack: {id: U1}\nname: A\nname: B\n", "line 3: the key name is there twice"),
    "a deep key twice": ("slack:\n  id: U1\n  id: U2\n", "line 3: the key id is there twice"),
    "an open bracket": ("slack: {id: U1\nname: A\n", "line "),
    "an anchor that is nowhere": ("slack: {id: *avery}\n", "line 1: "),
    "a merge": ("base: &b {a: 1}\nslack: {id: U1}\n<<: *b\n", "line 3: << is not read"),
    "a merge by its tag": ("slack: {id: U1}\n!!merge x: {a: 1}\n", "line 2: << is not read"),
    "a tag of Python": ("slack: !!python/object/apply:os.getcwd []\n", "line 1: "),
    "an image": (b"\x89PNG\r\n\x1a\n\xff", "is no text in UTF-8: save it anew"),
    "Latin-1": ("name: Zoë\n".encode("latin-1"), "is no text in UTF-8: save it anew"),
    "a zero": ("slack: {id: U1}\nname: \0\n", "has a character that YAML does not allow"),
    "a book": (person() + "#" * MOST_BYTES, "has more than 64 kB, too much for one person"),
    "deep brackets": ("a: " + "[" * 30_000, "is nested too deeply"),
    "deep lists": ("a: \n " + "- " * 30_000, "is nested too deeply"),
    "deep keys": ("? " * 30_000, "is nested too deeply"),
}


@pytest.mark.parametrize(("content", "problem"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_named_with_what_to_fix_and_the_others_count(
    place: Path, content: str | bytes, problem: str
) -> None:
    write(place, good=person("U0GOOD"))
    text = content.encode() if isinstance(content, str) else content
    (place / "broken.yaml").write_bytes(text)
    assert list(people(place)) == ["U0GOOD"]
    [said] = problems(place)
    assert said.startswith("broken.yaml: ")
    assert problem in said
    assert "Traceback" not in said
    assert "\n" not in said
    check_people(place)


def test_anchors_that_multiply_cost_nothing(place: Path) -> None:
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 12))
    write(place, avery=f"l0: &l0 {{a: b}}\n{levels}{person('U1', name='Avery')}")
    assert people(place)["U1"].name == "Avery"
    write(place, avery="slack: &s\n  id: U1\n  self: *s\nzendesk: *s\n")  # and circles
    assert list(people(place)) == ["U1"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_of_any_editor_is_read(place: Path, encoding: str) -> None:
    (place / "avery.yml").write_bytes("name: Zoë\r\nslack:\r\n  id: U1\r\n".encode(encoding))
    assert people(place)["U1"].name == "Zoë"


# Which files are read


def test_files_of_both_endings_are_read_and_nothing_else(place: Path) -> None:
    names = ["a.yaml", "b.yml", "C.YAML", ".hidden.yaml", "e.yaml~", ".f.yaml.swp", "README.md"]
    for number, name in enumerate(names):
        (place / name).write_text(person(f"U{number}"))
    (place / "g.yaml").mkdir()
    write(place / "g.yaml", below=person("U9"))
    assert sorted(people(place)) == ["U0", "U1", "U2"]
    assert problems(place) == []


def test_a_link_is_followed_within_the_folder_only(place: Path, tmp_path: Path) -> None:
    # As Kubernetes mounts a ConfigMap.
    version = place / "..2026_01"
    version.mkdir()
    write(version, avery=person("U1"))
    (place / "..data").symlink_to(version.name)
    (place / "avery.yaml").symlink_to("..data/avery.yaml")
    secret = tmp_path / "secret.yaml"
    secret.write_text(person("U2", name="hidden"))
    (place / "secret.yaml").symlink_to(secret)
    (place / "gone.yaml").symlink_to("nowhere.yaml")
    (place / "circle.yaml").symlink_to("circle.yaml")
    os.mkfifo(place / "pipe.yaml")
    assert list(people(place)) == ["U1"]
    assert problems(place) == [
        "circle.yaml: is a link to no file",
        "gone.yaml: is a link to no file",
        "pipe.yaml: is no file",
        "secret.yaml: is a link to a file outside of the folder",
    ]


def test_where_links_lead_is_found_out_again_only_for_what_has_changed(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Kubernetes mounts a ConfigMap, and replaces it."""
    for version, role in (("..1", "Manager"), ("..2", "Lead")):
        (place / version).mkdir()
        for number in range(20):
            text = person(f"U{number}", title=role)
            (place / version / f"{number}.yaml").write_text(text)
    (place / "..data").symlink_to("..1")
    for number in range(20):
        (place / f"{number}.yaml").symlink_to(f"..data/{number}.yaml")
    file = PeopleFile(place)
    assert file.people()["U7"].profile.role == "Manager"

    resolved: list[Path] = []
    resolve = Path.resolve

    def noting(path: Path, strict: bool = False) -> Path:
        resolved.append(path)
        return resolve(path, strict)

    monkeypatch.setattr(Path, "resolve", noting)
    assert len(file.people()) == 20
    assert resolved == [place]

    (place / "..new").symlink_to("..2")
    (place / "..new").rename(place / "..data")
    assert file.people()["U7"].profile.role == "Lead"
    assert len(resolved) == 1 + 1 + 20

    (place / "..2").rename(tmp_path / "outside")
    (tmp_path / "outside" / "7.yaml").write_text(person("U7", title="Stranger"))
    (place / "..data").unlink()
    (place / "..data").symlink_to(tmp_path / "outside")
    assert file.people()["U7"].profile.role == "Lead"
    assert "7.yaml: is a link to a file outside of the folder" in problems(place)


def test_a_link_may_lead_to_the_folder_itself(place: Path, tmp_path: Path) -> None:
    write(place, avery=person("U1"))
    (tmp_path / "current").symlink_to(place)
    assert list(people(tmp_path / "current")) == ["U1"]


def test_a_folder_without_files_or_with_too_many_is_refused(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PeopleFileError, match=r"SSAT_PEOPLE_FILE: .* no file that ends in .yaml"):
        check_people(place)
    monkeypatch.setattr(module, "MOST_FILES", 1)
    check_people(write(place, a=person("U1")))
    with pytest.raises(PeopleFileError, match=r"more than 1 files: is it the right folder\?"):
        check_people(write(place, b=person("U2")))


# What two people have


def test_two_files_with_one_slack_id_are_named_and_neither_counts(place: Path) -> None:
    write(place, a=person("U1"), b=person("U1"), c=person("U3"))
    assert list(people(place)) == ["U3"]
    assert problems(place) == [
        "a.yaml and b.yaml have the same Slack id, U1: it counts for none of them"
    ]


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        ({"username": "Avery"}, {"username": "@avery"}, "GitLab username, Avery"),
        ({"username": "a", "id": 5}, {"username": "b", "id": 5}, "GitLab id, 5"),
    ],
)
def test_two_people_with_one_gitlab_account_are_named_and_neither_has_it(
    place: Path, one: dict[str, Any], other: dict[str, Any], words: str
) -> None:
    write(place, a=person("U1", gitlab=one, title="Lead"), b=person("U2", gitlab=other))
    file = PeopleFile(place)
    assert usernames(file) == {}
    assert not any(each.has_account for each in file.people().values())
    assert file.profiles()["U1"].role == "Lead"  # the rest counts
    [said] = problems(place)
    assert said == f"a.yaml and b.yaml have the same {words}: it counts for none of them"


def test_two_people_with_one_pagerduty_id_are_not_found_by_it(place: Path) -> None:
    write(place, a=person("U1", pagerduty={"id": "P1"}), b=person("U2", pagerduty={"id": "P1"}))
    assert [each.pagerduty for each in people(place).values()] == [None, None]
    assert len(problems(place)) == 1


# While the bot runs


def test_a_file_that_is_new_changed_or_removed_counts_at_once(place: Path) -> None:
    write(place, avery=person("U1", gitlab={"username": "avery"}))
    file = PeopleFile(place)
    assert usernames(file) == {"U1": "avery"}
    write(place, avery=person("U1", gitlab={"username": "avery.new"}))
    write(place, blake=person("U2", gitlab={"username": "blake"}))
    assert usernames(file) == {"U1": "avery.new", "U2": "blake"}
    (place / "avery.yaml").unlink()
    assert usernames(file) == {"U2": "blake"}


def test_the_folder_is_looked_at_once_a_second(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 3600.0)
    file = PeopleFile(write(place, avery=person("U1")))
    assert list(file.people()) == ["U1"]
    write(place, blake=person("U2"))
    assert list(file.people()) == ["U1"]


def test_only_what_has_changed_is_read_again(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = PeopleFile(write(place, a=person("U1"), b=person("U2")))
    file.people()
    read: list[str] = []
    original = module._read_file

    def noting(path: Path, keys: Keys) -> module.PersonFile:
        read.append(path.name)
        return original(path, keys)

    monkeypatch.setattr(module, "_read_file", noting)
    file.people()
    write(place, b=person("U3"))
    assert sorted(file.people()) == ["U1", "U3"]
    assert read == ["b.yaml"]


def test_the_last_good_version_of_a_file_that_breaks_counts_and_the_problem_is_logged_once(
    place: Path,
) -> None:
    write(place, avery=person("U1", gitlab={"username": "avery"}), blake=person("U2"))
    file = PeopleFile(place)
    file.people()
    with capture_logs() as logs:
        write(place, avery="slack: {id: U1\n", blake=person("U3"))
        for _ in range(3):
            assert usernames(file) == {"U1": "avery"}
        assert sorted(file.people()) == ["U1", "U3"]  # the others go on changing
    assert [line["event"] for line in logs] == ["person_left_out"]
    assert logs[0]["problem"].startswith("avery.yaml: line 2: ")
    write(place, avery=person("U1", gitlab={"username": "mended"}))
    assert usernames(file) == {"U1": "mended"}


def test_a_folder_that_is_gone_or_emptied_keeps_what_was_good(place: Path) -> None:
    file = PeopleFile(write(place, avery=person("U1")))
    file.people()
    (place / "avery.yaml").unlink()
    with capture_logs() as logs:
        for _ in range(3):
            assert list(file.people()) == ["U1"]
        place.rmdir()
        assert list(file.people()) == ["U1"]
    assert [line["event"] for line in logs] == ["people_file_unreadable"] * 2
    place.mkdir()
    write(place, blake=person("U2"))
    assert list(file.people()) == ["U2"]


# The mapping

NAMES = st.sampled_from(sorted(DEFAULT_KEYS))
PART = st.text(st.characters(codec="ascii", exclude_characters=".,=\n\r \t"), min_size=1).filter(
    lambda part: part.strip() == part and part.isprintable() and part != "<<"
)
PATHS = st.lists(PART, min_size=1, max_size=4).map(tuple)


@st.composite
def mappings(draw: st.DrawFn) -> dict[str, tuple[str, ...]]:
    """Paths of which none leads through another."""
    paths: list[tuple[str, ...]] = []
    for path in draw(st.lists(PATHS, min_size=1, max_size=6)):
        if all(path[: len(one)] != one[: len(path)] for one in paths):
            paths.append(path)
    names = draw(st.lists(NAMES, min_size=len(paths), max_size=len(paths), unique=True))
    return dict(zip(names, paths, strict=True))


def nested(values: dict[tuple[str, ...], str]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, value in values.items():
        table = tree
        for part in path[:-1]:
            table = table.setdefault(part, {})
        table[path[-1]] = value
    return tree


@given(mappings(), st.sampled_from([",", ", ", "\n", " ,\r\n "]))
def test_what_a_mapping_leads_to_is_found_wherever_it_is(
    paths: dict[str, tuple[str, ...]], comma: str
) -> None:
    others = ",".join(f"{name}=" for name in DEFAULT_KEYS if name not in {*paths, "slack"})
    given_keys = comma.join(f"{name} = {'.'.join(path)}" for name, path in paths.items())
    slack = "" if "slack" in paths else ",slack=the slack id of nobody"
    keys = parse_keys(f"{given_keys},{others}{slack}")
    assert {name: key for name, key in keys.items() if name in paths} == {
        name: ".".join(path) for name, path in paths.items()
    }
    text = yaml.safe_dump(nested({path: f"value of {name}" for name, path in paths.items()}))
    data = module._parse(text)
    assert look_up(data, keys) == {name: f"value of {name}" for name in paths}


@given(st.text(max_size=80))
def test_a_mapping_is_read_or_refused_in_words(text: str) -> None:
    try:
        keys = parse_keys(text)
    except ValueError:
        return
    assert "slack" in keys
    assert keys.keys() <= DEFAULT_KEYS.keys()
    assert len(set(keys.values())) == len(keys)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("slack", "'slack' has no ="),
        ("slak=id", "there is no 'slak'; is it slack?"),
        ("phone=telephone", "there is no 'phone'; there are slack, gitlab, gitlab_id"),
        ("slack=a, slack=b", "slack is in it twice"),
        ("slack=a..b", "slack: 'a..b' has a dot too many"),
        ("slack=.a", "slack: '.a' has a dot too many"),
        ("slack=gitlab.id", "slack and gitlab_id have the same key, gitlab.id"),
        ("slack=", "slack needs a key: without Slack ids nobody is known"),
    ],
)
def test_a_mistake_in_the_mapping_is_named(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        parse_keys(text)


def test_all_mistakes_in_the_mapping_are_named_at_once() -> None:
    with pytest.raises(ValueError, match=r"has no =.*; .*is it gitlab_id.*; .*a dot too many"):
        parse_keys("slack, gitlabid=x, name=.")


@pytest.fixture
def tables(tmp_path: Path) -> Callable[[str], PeopleFile]:
    path = tmp_path / "people.toml"

    def file(text: str) -> PeopleFile:
        path.write_text(text)
        check_people(path)
        return PeopleFile(path)

    return file


def test_a_table_of_the_toml_file_may_have_the_same_keys(
    tables: Callable[[str], PeopleFile],
) -> None:
    file = tables(
        '[people.U1]\ngitlab = "@avery"\ngitlab_id = 5\npagerduty = "P1"\n'
        'hours = "09:00-17:00"\nzone = "Europe/Amsterdam"\nmanager = "Casey"\nrole = "Lead"\n'
    )
    [avery] = file.people().values()
    assert (avery.gitlab, avery.gitlab_id, avery.pagerduty) == ("avery", 5, "P1")
    assert avery.hours is not None
    assert (avery.manager, avery.profile.role) == ("Casey", "Lead")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[people.U1]\ngitlab_id = "five"', r"\[people.U1\]: gitlab_id: must be the number of"),
        ("[people.U1]\ngitlab_id = true", "gitlab_id: must be the number of a GitLab account"),
        ("[people.U1]\npagerduty = 5", "pagerduty: must be a text"),
        ('[people.U1]\nhours = "9-5"', "hours must be hours such as 09:00-17:00"),
        ('[people.U1]\nhours = "09:00-17:00"', "hours needs a time zone"),
        ('[people.U1]\nslack = "U1"', "there is no key slack"),
        ("[people.U1]\ngitlab_id = 5\n[people.U2]\ngitlab_id = 5", "U1 and U2 have the same"),
        (
            '[people.U1]\npagerduty = "P1"\n[people.U2]\npagerduty = "P1"',
            "U1 and U2 have the same PagerDuty id, P1",
        ),
    ],
)
def test_a_mistake_in_such_a_table_is_refused(
    tables: Callable[[str], PeopleFile], text: str, problem: str
) -> None:
    with pytest.raises(PeopleFileError, match=problem):
        tables(text)
