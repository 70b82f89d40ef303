// Charts and tables of data, drawn as simply as they can be: bars in a table.

import { h } from "./dom.js";
import { richText } from "./rich_text.js";

/** Draw a chart: https://docs.slack.dev/reference/block-kit/blocks/data-visualization-block. */
export function figures({ title, chart }) {
  const series = chart.segments ? [{ name: "", data: chart.segments }] : chart.series;
  const categories = chart.segments
    ? chart.segments.map((each) => each.label)
    : chart.axis_config.categories;
  const all = series.flatMap((each) => each.data.map((point) => point.value));
  const most = Math.max(...all, 1);
  const values = (label) =>
    series.map((each) => each.data.find((point) => point.label === label)?.value ?? 0);
  return scrolling(
    title,
    h(
      "thead",
      null,
      h("tr", null, h("td", null), series.map((each) => h("th", { scope: "col" }, each.name))),
    ),
    h(
      "tbody",
      null,
      categories.map((label) =>
        h(
          "tr",
          { key: label },
          h("th", { scope: "row" }, label),
          values(label).map((value) => h("td", null, bar(value, most), String(value))),
        ),
      ),
    ),
  );
}

/** Draw a table that is as wide as it has to be; without a mouse, it scrolls by keyboard. */
function scrolling(caption, ...parts) {
  return h(
    "div",
    { class: "scrolling", tabindex: "0", role: "group", "aria-label": caption },
    h("table", { class: "figures" }, h("caption", null, caption), ...parts),
  );
}

function bar(value, most) {
  return h("meter", { min: "0", max: String(most), value: String(value), "aria-hidden": "true" });
}

/** Draw a table: https://docs.slack.dev/reference/block-kit/blocks/data-table-block. */
export function table({ caption, rows, row_header_column_index: first = 0 }) {
  const [header, ...others] = rows;
  const cell = (content, at) =>
    h(at === first ? "th" : "td", at === first ? { scope: "row" } : null, words(content));
  return scrolling(
    caption,
    h(
      "thead",
      null,
      h(
        "tr",
        null,
        header.map((content) => h("th", { scope: "col" }, words(content))),
      ),
    ),
    h(
      "tbody",
      null,
      others.map((row) => h("tr", null, row.map(cell))),
    ),
  );
}

const words = (cell) =>
  cell.type === "rich_text" ? richText(cell) : (cell.text ?? String(cell.value));

/** Draw the files of a message: pictures as such, others by name. */
export function files(all) {
  return (all ?? []).map((file) => {
    const address = `/api/file/${file.id}`;
    return file.mimetype.startsWith("image/")
      ? h("img", { key: file.id, class: "picture", src: address, alt: file.alt_txt })
      : h("a", { key: file.id, class: "file", href: address, download: file.name }, file.name);
  });
}
