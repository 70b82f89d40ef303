"""Any file at all can be looked at: as what Slack would show, or with what is wrong with it."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slackbot.local.preview import DEEPEST, MOST_BLOCKS, MOST_PROBLEMS, Preview
from slackbot.local.slack.block_kit import MAX_CHARACTERS, validate_blocks, validate_view
from tests.local.slack.builders import actions, button, modal, section

Path_ = tuple[str | int, ...]


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


OPTIONS = [{"text": plain(each), "value": each} for each in ("one", "two")]
SELECT = {
    "type": "static_select",
    "action_id": "select",
    "placeholder": plain("Choose"),
    "options": OPTIONS,
    "initial_option": OPTIONS[0],
    "confirm": {"title": plain("Sure?"), "text": plain("Really?")},
}
GROUPED = {
    "type": "multi_static_select",
    "action_id": "grouped",
    "option_groups": [{"label": plain("All"), "options": OPTIONS}],
    "initial_options": OPTIONS,
    "focus_on_load": True,
}
CHART = {
    "type": "bar",
    "axis_config": {"categories": ["Mon"], "x_label": "Day"},
    "series": [{"name": "Feedback", "data": [{"label": "Mon", "value": 3}]}],
}
EVERYWHERE: list[dict[str, Any]] = [
    {"type": "header", "block_id": "head", "text": plain("Feedback")},
    section("*Hello*"),
    {"type": "section", "fields": [plain("a"), plain("b")], "accessory": SELECT},
    actions(button("Claim", "claim")),
    {"type": "actions", "elements": [{"type": "overflow", "action_id": "o", "options": OPTIONS}]},
    {"type": "context", "elements": [plain("small")]},
    {
        "type": "rich_text",
        "elements": [
            {"type": "rich_text_section", "elements": [{"type": "text", "text": "rich"}]},
            {"type": "rich_text_list", "style": "bullet", "elements": []},
        ],
    },
]
IN_MESSAGES: list[dict[str, Any]] = [
    {"type": "markdown", "text": "**Hello** [you](https://example.com)"},
    {"type": "data_visualization", "title": "Figures", "chart": CHART},
    {
        "type": "data_visualization",
        "title": "Parts",
        "chart": {"type": "pie", "segments": [{"label": "Mon", "value": 1.5}]},
    },
    {
        "type": "data_table",
        "caption": "Table",
        "page_size": 5,
        "row_header_column_index": 0,
        "rows": [
            [{"type": "raw_text", "text": "Day"}],
            [{"type": "raw_number", "value": 3, "text": "3"}],
        ],
    },
]
IN_MODALS: list[dict[str, Any]] = [
    {
        "type": "input",
        "block_id": "text",
        "label": plain("Comment"),
        "element": {"type": "plain_text_input", "action_id": "t", "min_length": 1, "max_length": 9},
    },
    {"type": "input", "label": plain("Options"), "element": GROUPED},
    {
        "type": "input",
        "label": plain("Boxes"),
        "element": {"type": "checkboxes", "action_id": "c", "options": OPTIONS},
    },
]
BLOCKS = EVERYWHERE + IN_MESSAGES
MODAL = {**modal(*EVERYWHERE, *IN_MODALS), "submit": plain("Send"), "private_metadata": "x"}
HOME = {"type": "home", "callback_id": "home", "blocks": EVERYWHERE}


def read(folder: Path, content: object) -> dict[str, Any]:
    return read_text(folder, json.dumps(content))


def read_text(folder: Path, text: str | bytes) -> dict[str, Any]:
    path = folder / "blocks.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    shown = Preview(path).read()
    json.dumps(shown, ensure_ascii=False, allow_nan=False).encode()  # so it goes to a browser
    assert all(isinstance(each, str) for each in shown["problems"])
    return shown


@pytest.mark.parametrize(
    ("content", "surface", "blocks"),
    [
        (BLOCKS, "message", BLOCKS),
        ({"text": "Hello", "blocks": BLOCKS}, "message", BLOCKS),
        ({"type": "message", "blocks": BLOCKS}, "message", BLOCKS),
        (MODAL, "modal", MODAL["blocks"]),
        (HOME, "home", EVERYWHERE),
        ([], "message", []),
    ],
    ids=["blocks", "message", "typed message", "modal", "home", "nothing"],
)
def test_what_is_right_is_shown(tmp_path: Path, content: Any, surface: str, blocks: Any) -> None:
    shown = read(tmp_path, content)
    assert (shown["problems"], shown["name"]) == ([], "blocks.json")
    assert (shown["surface"], shown["blocks"]) == (surface, blocks)
    assert shown["view"] == (None if surface == "message" else content)


def test_markdown_is_drawn(tmp_path: Path) -> None:
    [source] = read(tmp_path, BLOCKS)["markdown"]
    assert source == IN_MESSAGES[0]["text"]


def test_each_look_reads_the_file_anew(tmp_path: Path) -> None:
    assert read(tmp_path, [])["blocks"] == []
    assert read(tmp_path, BLOCKS)["blocks"] == BLOCKS


def test_what_slack_would_refuse_is_told_and_drawn_all_the_same(tmp_path: Path) -> None:
    shown = read(tmp_path, [{"type": "header", "text": plain("x" * 151)}, 7])
    assert shown["problems"] == [
        "[ERROR] must be less than 151 characters [json-pointer:/blocks/0/text/text]",
        "[ERROR] must provide an object [json-pointer:/blocks/1]",
    ]
    assert [one["type"] for one in shown["blocks"]] == ["header"]


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", tmp_path):
        shown = Preview(path).read()
        [problem] = shown["problems"]
        assert problem.startswith(f"{path}: ")
        assert (shown["name"], shown["blocks"], shown["view"]) == (path.name, [], None)


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "blocks: []", b"\xff\xfe", "[NaN]", '{"blocks": [], "a": -Infinity}', "[1e400]"),
        *('["\\ud800"]', "[" * 100_000, "[" * (DEEPEST + 2) + "]" * (DEEPEST + 2), "1" * 5000),
    ],
    ids=lambda text: repr(text[:20]),
)
def test_what_is_not_json_is_told(tmp_path: Path, text: str | bytes) -> None:
    shown = read_text(tmp_path, text)
    [problem] = shown["problems"]
    assert problem.startswith(f"{tmp_path / 'blocks.json'} is not JSON: ")
    assert (shown["blocks"], shown["view"]) == ([], None)


NO_BLOCKS: list[Any] = [None, 7, "x", {}, [None], [[]], [{}], [{"type": []}]]
ODD: list[Any] = [
    *(None, 7, 1.5, True, "blocks", {}, {"type": []}, {"type": {}}, {"type": None}),
    *(
        {"type": kind, "blocks": wrong}
        for kind in ("modal", "home", "message")
        for wrong in NO_BLOCKS
    ),
    *({"type": [], "blocks": wrong} for wrong in NO_BLOCKS),
    [[[[[]]]]],
    [{"type": "section", "text": plain("x"), "block_id": []}] * 2,
    [{"type": "actions", "elements": None}],
    [{"type": "actions", "elements": 7}],
    [{"type": "data_visualization", "title": "x", "chart": {"type": "pie", "segments": 7}}],
    [section("x")] * 10_000,
    [{"type": "no such"}] * 10_000,
    {"type": "home", "blocks": [{"type": []}] * 10_000},
]


@pytest.mark.parametrize("content", ODD, ids=lambda content: repr(content)[:60])
def test_what_is_odd_is_told(tmp_path: Path, content: Any) -> None:
    shown = read(tmp_path, content)
    assert shown["problems"]
    assert len(shown["problems"]) <= MOST_PROBLEMS + 1
    assert len(shown["blocks"]) <= MOST_BLOCKS


def test_the_number_of_problems_is_told_where_they_are_too_many(tmp_path: Path) -> None:
    problems = read(tmp_path, [{"type": "no such"}] * 10_000)["problems"]
    assert problems[0] == "[ERROR] no more than 50 items allowed [json-pointer:/blocks]"
    assert problems[-1] == f"… and {10_001 - MOST_PROBLEMS} more"


def test_a_message_has_too_many_characters(tmp_path: Path) -> None:
    full = [section("x" * 2835) for _ in range(4)]
    assert sum(len(one["text"]["text"]) for one in full) == MAX_CHARACTERS
    assert read(tmp_path, full)["problems"] == []
    [problem] = read(tmp_path, [*full, section("x")])["problems"]
    assert "too many characters" in problem
    assert read(tmp_path, {"type": "home", "blocks": [*full, section("x")]})["problems"] == []


leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**400, -1, 0.5])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"))
)
anything = st.recursive(
    leaves, lambda inside: st.lists(inside) | st.dictionaries(st.text(), inside), max_leaves=20
)
kinds = st.sampled_from(["section", "actions", "input", "modal", "home", "button", "data_table"])
names = st.sampled_from(
    [
        *("type", "text", "fields", "elements", "element", "accessory", "options", "option_groups"),
        *("blocks", "block_id", "action_id", "label", "value", "rows", "chart", "initial_options"),
    ]
)
nearly = st.recursive(
    leaves | kinds,
    lambda inside: st.lists(inside) | st.dictionaries(names, inside),
    max_leaves=30,
)


def places(content: Any, here: Path_ = ()) -> Iterator[Path_]:
    """Yield where something stands in JSON."""
    yield here
    if isinstance(content, dict | list):
        names = content if isinstance(content, dict) else range(len(content))
        for name in names:
            yield from places(content[name], (*here, name))


def replaced(content: Any, place: Path_, by: Any) -> Any:
    if not place:
        return by
    changed = copy.copy(content)
    changed[place[0]] = replaced(content[place[0]], place[1:], by)
    return changed


@st.composite
def spoiled(draw: st.DrawFn) -> Any:
    """Return what was right but for one or two places."""
    content: Any = draw(st.sampled_from([BLOCKS, MODAL, HOME]))
    for _ in range(draw(st.integers(1, 2))):
        place = draw(st.sampled_from(list(places(content))))
        content = replaced(content, place, draw(anything))
    return content


once_a_file = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@once_a_file
@given(content=anything | nearly | spoiled())
def test_no_json_raises_an_error(tmp_path: Path, content: Any) -> None:
    shown = read(tmp_path, content)
    assert shown.keys() >= {"name", "surface", "blocks", "view", "problems"}
    assert all(isinstance(each, dict) for each in shown["blocks"])


@once_a_file
@given(text=st.text(st.characters(codec="utf-8")) | st.binary())
def test_no_text_raises_an_error(tmp_path: Path, text: str | bytes) -> None:
    read_text(tmp_path, text)


@pytest.mark.parametrize(
    "by", [None, 7, "x", [], {}, [[]], [{}], {"type": []}, 10**400], ids=lambda by: str(by)[:9]
)
def test_junk_in_any_place_is_judged(by: Any) -> None:
    for place in places(BLOCKS):
        validate_blocks(replaced(BLOCKS, place, by), "message")
    for view in (MODAL, HOME):
        for place in places(view):
            validate_view(replaced(view, place, by))
