from typing import Any

import pytest

from slackbot.local.slack import links, pings
from slackbot.local.slack.block_kit import characters, validate_blocks, validate_view
from tests.local.slack.builders import actions, button, modal, option, plain, section, text_input


def select(**more: Any) -> dict[str, Any]:
    return {"type": "static_select", "action_id": "s", **more}


def chart(kind: str, title: str = "A chart", **more: Any) -> dict[str, Any]:
    return {"type": "data_visualization", "title": title, "chart": {"type": kind, **more}}


def bars(
    series: list[tuple[str, list[float]]], categories: tuple[str, ...] = ("Mon", "Tue")
) -> dict[str, Any]:
    plotted = [
        {
            "name": name,
            "data": [
                {"label": label, "value": value}
                for label, value in zip(categories, values, strict=True)
            ],
        }
        for name, values in series
    ]
    return chart("bar", series=plotted, axis_config={"categories": list(categories)})


def table(rows: list[list[Any]], **more: Any) -> dict[str, Any]:
    cells = [[cell(each) for each in row] for row in rows]
    return {"type": "data_table", "caption": "A table", "rows": cells, **more}


def cell(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    if isinstance(value, str):
        return {"type": "raw_text", "text": value}
    return {"type": "raw_number", "value": value, "text": str(value)}


ONE = option("One", "1")
UNLIKE = bars([("This", [1, 2])])
UNLIKE["chart"]["axis_config"]["categories"] = ["Mon", "Wed"]
RICH = {"type": "rich_text", "elements": []}

GOOD = [
    section("text"),
    section("*bold*", fields=[plain("a"), {"type": "mrkdwn", "text": "b"}]),
    {"type": "header", "text": plain("A header")},
    {"type": "divider"},
    {"type": "context", "elements": [{"type": "mrkdwn", "text": "x", "verbatim": True}]},
    actions(button("Go", "go", style="danger", url="https://example.com", value="v" * 2000)),
    actions(select(placeholder=plain("Pick"), options=[ONE], initial_option=ONE)),
    actions(select(option_groups=[{"label": plain("Group"), "options": [ONE]}])),
    actions({"type": "overflow", "action_id": "o", "options": [ONE]}),
    actions({"type": "datepicker", "action_id": "d", "initial_date": "2026-01-30"}),
    actions({"type": "timepicker", "action_id": "t", "initial_time": "23:59"}),
    actions({"type": "datetimepicker", "action_id": "dt", "initial_date_time": 1769785200}),
    actions({"type": "radio_buttons", "action_id": "r", "options": [ONE]}),
    actions({"type": "checkboxes", "action_id": "c", "options": [ONE], "initial_options": [ONE]}),
    text_input("In a message", "i"),
    {"type": "image", "image_url": "https://example.com/a.png", "alt_text": "a"},
    {"type": "markdown", "text": "# hello"},
    chart("pie", segments=[{"label": "Good", "value": 3}, {"label": "Bad", "value": 0.5}]),
    bars([("This", [3, 0]), ("Before", [1.5, -2])]),
    table([["Label", "Feedback"], ["docs", 2]], page_size=5, row_header_column_index=0),
    {
        "type": "rich_text",
        "elements": [
            {
                "type": "rich_text_section",
                "elements": [
                    {"type": "text", "text": "hi", "style": {"bold": True}},
                    {"type": "link", "url": "https://example.com", "text": "there"},
                    {"type": "user", "user_id": "U1"},
                ],
            },
            {
                "type": "rich_text_list",
                "style": "bullet",
                "elements": [
                    {"type": "rich_text_section", "elements": [{"type": "text", "text": "x"}]}
                ],
            },
        ],
    },
]

BAD = [
    ({"type": "sparkle"}, "/blocks/0/type"),  # no such block
    ("text", "/blocks/0"),  # no object
    (chart("pie", "x" * 51, segments=[{"label": "a", "value": 1}]), "/blocks/0/title"),
    (chart("radar"), "/blocks/0/chart/type"),
    (chart("pie", segments=[]), "/blocks/0/chart/segments"),
    (chart("pie", segments=[{"label": "a", "value": 1}] * 13), "/blocks/0/chart/segments"),
    (chart("pie", segments=[{"label": "a", "value": 0}]), "/blocks/0/chart/segments/0/value"),
    (chart("pie", segments=[{"label": "a" * 21, "value": 1}]), "/blocks/0/chart/segments/0/label"),
    (bars([("x" * 21, [1, 2])]), "/blocks/0/chart/series/0/name"),
    (bars([(f"s{n}", [1, 2]) for n in range(13)]), "/blocks/0/chart/series"),
    (bars([("This", [1, 2]), ("This", [3, 4])]), "/blocks/0/chart/series"),  # a name twice
    (bars([("This", [1, float("nan")])]), "/blocks/0/chart/series/0/data/1/value"),
    (UNLIKE, "/blocks/0/chart/series/0/data"),  # no such category
    (table([["Label"]]), "/blocks/0/rows"),  # only a header
    (table([["Label"]] * 202), "/blocks/0/rows"),
    (table([["Label", "Feedback"], ["docs"]]), "/blocks/0/rows"),  # a cell is missing
    (table([["x"] * 21] * 2), "/blocks/0/rows/0"),
    (table([[RICH], ["docs"]]), "/blocks/0/rows/0/0/type"),  # not in a header
    (table([["Label"], [""]]), "/blocks/0/rows/1/0/text"),
    (table([["Label"], ["docs"]], page_size=101), "/blocks/0/page_size"),
    (table([["Label"], ["docs"]], row_header_column_index=1), "/blocks/0/row_header_column_index"),
    (table([["Label"], ["x" * 20_001]]), "/blocks"),
    (section("x" * 3001), "/blocks/0/text/text"),
    (section(""), "/blocks/0/text/text"),
    ({"type": "section"}, "/blocks/0"),  # nothing to show
    ({"type": "section", "fields": [plain("x" * 2001)]}, "/blocks/0/fields/0/text"),
    ({"type": "section", "fields": [plain("x")] * 11}, "/blocks/0/fields"),
    ({"type": "header", "text": plain("x" * 151)}, "/blocks/0/text/text"),
    ({"type": "header", "text": {"type": "mrkdwn", "text": "x"}}, "/blocks/0/text/type"),
    (section("x", colour="red"), "/blocks/0/colour"),  # no such field
    (section("x", block_id="b" * 256), "/blocks/0/block_id"),
    (actions(), "/blocks/0/elements"),
    (actions(*(button("x", str(n)) for n in range(26))), "/blocks/0/elements"),
    (actions(button("x" * 76, "a")), "/blocks/0/elements/0/text/text"),
    (actions(button("x", "a", value="v" * 2001)), "/blocks/0/elements/0/value"),
    (actions(button("x", "a", style="blue")), "/blocks/0/elements/0/style"),
    (actions(button("x", "a", url="javascript:1")), "/blocks/0/elements/0/url"),
    (actions(button("x", "a"), button("y", "a")), "/blocks/0/elements"),  # action_id twice
    (actions(button("x", "a", confirm={"title": plain("t")})), "/blocks/0/elements/0/confirm"),
    (actions({"type": "plain_text_input"}), "/blocks/0/elements/0/type"),  # only in an input
    (actions(select()), "/blocks/0/elements/0"),  # neither options nor groups
    (actions(select(options=[])), "/blocks/0/elements/0/options"),
    (actions(select(options=[ONE, ONE])), "/blocks/0/elements/0/options"),  # a value twice
    (actions(select(options=[ONE] * 101)), "/blocks/0/elements/0/options"),
    (
        actions(select(options=[option("x", "v" * 151)])),
        "/blocks/0/elements/0/options/0/value",
    ),
    (
        actions(select(options=[{**ONE, "description": plain("d" * 76)}])),
        "/blocks/0/elements/0/options/0/description/text",
    ),
    (
        # equal but for the description
        actions(select(options=[ONE], initial_option={**ONE, "description": plain("d")})),
        "/blocks/0/elements/0/initial_option",
    ),
    (
        actions({"type": "overflow", "action_id": "o", "options": [ONE] * 6}),
        "/blocks/0/elements/0/options",
    ),
    (actions({"type": "datepicker", "initial_date": "30.1.2026"}), "/blocks/0/elements/0"),
    (text_input("L", "i", max_length=3001), "/blocks/0/element/max_length"),
    (text_input("L", "i", min_length=9, max_length=8), "/blocks/0/element/min_length"),
    ({"type": "rich_text", "elements": [{"type": "text", "text": "x"}]}, "/blocks/0/elements/0"),
]


@pytest.mark.parametrize("block", GOOD, ids=lambda block: str(block["type"]))
def test_a_block_within_the_limits_is_accepted(block: dict[str, Any]) -> None:
    assert validate_blocks([block], "message") == []


@pytest.mark.parametrize(("block", "path"), BAD)
def test_a_block_beyond_them_is_refused_with_its_path(block: Any, path: str) -> None:
    problems = validate_blocks([block], "message")
    assert problems
    assert any(f"[json-pointer:{path}" in problem for problem in problems)


def test_fifty_blocks_are_a_message_and_fifty_one_are_not() -> None:
    assert validate_blocks([{"type": "divider"}] * 50, "message") == []
    assert validate_blocks([{"type": "divider"}] * 51, "message")
    assert validate_blocks([{"type": "divider"}] * 100, "modal") == []


def test_two_charts_are_a_message_and_three_are_not() -> None:
    drawn = bars([("This", [1, 2])])
    assert validate_blocks([drawn] * 2, "message") == []
    assert validate_blocks([drawn] * 3, "message")


@pytest.mark.parametrize("surface", ["modal", "home"])
def test_charts_and_tables_of_data_are_for_messages_only(surface: Any) -> None:
    assert validate_blocks([bars([("This", [1, 2])])], surface)
    assert validate_blocks([table([["Label"], ["docs"]])], surface)


def test_a_block_id_is_used_once() -> None:
    (problem,) = validate_blocks([section("a", block_id="x"), section("b", block_id="x")], "modal")
    assert "duplicate block_id" in problem


def test_the_characters_of_all_texts_are_counted() -> None:
    assert characters([section("12345"), actions(button("678", "a", value="not this"))]) == 8


@pytest.mark.parametrize(
    "view",
    [
        modal(section("x"), title="x" * 25),
        modal(section("x"), submit=plain("x" * 25)),
        modal(section("x"), private_metadata="x" * 3001),
        modal(section("x"), title_colour="red"),
        modal(),  # no blocks
        {**modal(text_input("L", "i")), "submit": None},  # null is no text
        {k: v for k, v in modal(text_input("L", "i")).items() if k != "submit"},
        {k: v for k, v in modal(section("x")).items() if k != "title"},
        modal(text_input("L", "i", focus_on_load=True), text_input("M", "j", focus_on_load=True)),
        {**modal(section("x")), "type": "home"},  # a home tab has no title
        {"type": "popup", "blocks": []},
        "view",
    ],
)
def test_a_view_that_slack_refuses_is_refused(view: Any) -> None:
    assert validate_view(view)


def test_a_view_that_slack_accepts_is_accepted() -> None:
    assert validate_view(modal(text_input("L", "i"), notify_on_close=True)) == []
    assert validate_view({"type": "home", "blocks": [section("x")]}) == []


@pytest.mark.parametrize(
    ("content", "woken"),
    [
        ("hello <!channel> and <!here|here>", {"<!channel>", "<!here>"}),
        ("<@U123|avery> of <!subteam^S1|@managers>", {"<@U123>", "<!subteam^S1>"}),
        ("@everyone look", {"@everyone"}),
        ("mail avery@here.example or &lt;!channel&gt;", set()),  # an address; escaped
        ([section("@here")], {"@here"}),
        ([section("x", fields=[{"type": "mrkdwn", "text": "<!everyone>"}])], {"<!everyone>"}),
        # verbatim stops literal names, not marked ones
        (
            [{"type": "section", "text": {"type": "mrkdwn", "text": "@here", "verbatim": True}}],
            set(),
        ),
        (
            {"type": "mrkdwn", "text": "<!here>", "verbatim": True},
            {"<!here>"},
        ),
        ([{"type": "header", "text": plain("@channel <!channel>")}], set()),  # plain text
        ({"type": "broadcast", "range": "channel"}, {"<!channel>"}),
        ({"type": "user", "user_id": "U1"}, {"<@U1>"}),
    ],
)
def test_what_would_notify_people_is_found(content: Any, woken: set[str]) -> None:
    assert pings(content) == woken


def test_what_would_become_a_link_is_found() -> None:
    assert links("see <https://a.example|here> or https://b.example") == {
        "https://a.example",
        "https://b.example",
    }
    verbatim = {"type": "mrkdwn", "text": "https://b.example", "verbatim": True}
    assert links([{"type": "section", "text": verbatim}]) == set()
