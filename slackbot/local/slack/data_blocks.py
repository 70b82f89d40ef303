"""What Slack accepts as a chart or a table of data, in messages only.

https://docs.slack.dev/reference/block-kit/blocks/data-visualization-block
https://docs.slack.dev/reference/block-kit/blocks/data-table-block
"""

from collections.abc import Iterator
from typing import Any

from slackbot.local.json_type import Json
from slackbot.local.slack.elements import LIMITS, identifier
from slackbot.local.slack.schema import (
    Check,
    Problems,
    Spec,
    by_type,
    dict_of,
    integer,
    list_of,
    listing,
    number,
    string,
)

DATA_BLOCKS = frozenset({"data_visualization", "data_table"})
MAX_CHARTS = 2
"""In a message: https://docs.rs/slack-morphism/2.30.0 (``SlackDataVisualizationBlock``)."""

_CHART = LIMITS["data_visualization"]
_TABLE = LIMITS["data_table"]
_CONTENT = _TABLE["content"]["max_length"]

_label = string(_CHART["point_label"]["max_length"], 1)
_point = Spec(required={"label": _label, "value": number()})
_series = Spec(
    required={
        "name": string(_CHART["series_name"]["max_length"], 1),
        "data": listing(_point, _CHART["data"]["max_items"], 1),
    }
)
_axis_label = string(_CHART["axis_label"]["max_length"])
_axis_config = Spec(
    required={"categories": listing(_label, _CHART["categories"]["max_items"], 1)},
    optional={"x_label": _axis_label, "y_label": _axis_label},
)
_segment = Spec(
    required={
        "label": string(_CHART["segment"]["label"]["max_length"], 1),
        "value": number(above=_CHART["segment"]["value"]["exclusive_min"]),
    }
)


def _points_match_categories(problems: Problems, path: str, chart: Json) -> None:
    """Each series has one point for each category, by the same name; no series has two names."""
    series = [one for one in list_of(chart.get("series")) if isinstance(one, dict)]
    categories = list_of(dict_of(chart.get("axis_config")).get("categories"))
    if len(set(map(str, categories))) != len(categories):
        problems.add(f"{path}/axis_config/categories", "duplicate category")
    for position, one in enumerate(series):
        labels = [dict_of(point).get("label") for point in list_of(one.get("data"))]
        if sorted(map(str, labels)) != sorted(map(str, categories)):
            problems.add(f"{path}/series/{position}/data", "labels must match the categories")
    names = [one.get("name") for one in series]
    if len(set(map(str, names))) != len(names):
        problems.add(f"{path}/series", "duplicate name of a series")


_xy = Spec(
    required={
        "series": listing(_series, _CHART["series"]["max_items"], 1),
        "axis_config": _axis_config,
    },
    also=_points_match_categories,
)
_pie = Spec(required={"segments": listing(_segment, _CHART["segments"]["max_items"], 1)})
_chart = by_type({"pie": _pie, "bar": _xy, "area": _xy, "line": _xy}, "chart")

_cell_text = string(None, _TABLE["cell_text"]["min_length"])
_RAW: dict[str, Check] = {
    "raw_text": Spec(required={"text": _cell_text}),
    "raw_number": Spec(required={"value": number()}, optional={"text": _cell_text}),
}
_header_cell = by_type(_RAW, "cell of a header")


def _is_rectangle(problems: Problems, path: str, table: Json) -> None:
    rows = [one for one in list_of(table.get("rows")) if isinstance(one, list)]
    if len({len(one) for one in rows}) > 1:
        problems.add(f"{path}/rows", "all rows must have the same number of cells")
    for position, cell in enumerate(rows[0] if rows else []):
        _header_cell(problems, f"{path}/rows/0/{position}", cell)
    index, columns = table.get("row_header_column_index", 0), len(rows[0]) if rows else 0
    if isinstance(index, int) and not 0 <= index < max(columns, 1):
        problems.add(f"{path}/row_header_column_index", "there is no such column")


def data_blocks(rich_text: Check) -> dict[str, Check]:
    """Return the checks by type; cells may hold rich text."""
    cell = by_type({**_RAW, "rich_text": rich_text}, "cell")
    row = listing(cell, _TABLE["columns"]["max_items"], _TABLE["columns"]["min_items"])
    return {
        "data_visualization": Spec(
            required={"title": string(_CHART["title"]["max_length"], 1), "chart": _chart},
            optional={"block_id": identifier},
        ),
        "data_table": Spec(
            required={
                "caption": string(None, 1),
                "rows": listing(row, _TABLE["rows"]["max_items"], _TABLE["rows"]["min_items"]),
            },
            optional={
                "block_id": identifier,
                "page_size": integer(_TABLE["page_size"]["min"], _TABLE["page_size"]["max"]),
                "row_header_column_index": integer(0),
            },
            also=_is_rectangle,
        ),
    }


def check_together(problems: Problems, path: str, blocks: list[Json]) -> None:
    """Note what a message has too much of."""
    kinds = [one.get("type") for one in blocks]
    if kinds.count("data_visualization") > MAX_CHARTS:
        problems.add(path, f"no more than {MAX_CHARTS} data_visualization blocks allowed")
    tables = [one for one in blocks if one.get("type") == "data_table"]
    if sum(len(text) for one in tables for text in _texts(one.get("rows"))) > _CONTENT:
        problems.add(path, f"tables must have less than {_CONTENT + 1} characters")


def _texts(cells: Any) -> Iterator[str]:
    if isinstance(cells, dict):
        if isinstance(cells.get("text"), str):
            yield cells["text"]
        cells = list(cells.values())
    if isinstance(cells, list):
        for each in cells:
            yield from _texts(each)
