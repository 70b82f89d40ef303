"""What the page of `ssat-bot local` gets of Markdown: a tree of tags and words, and no HTML."""

import pytest

from slackbot.local.markdown import rendered, sources


@pytest.mark.parametrize(
    ("source", "tree"),
    [
        ("plain", [("p", None, ("plain",))]),
        ("**b** `c`", [("p", None, (("strong", None, ("b",)), " ", ("code", None, ("c",))))]),
        ("one\ntwo", [("p", None, ("one", "\n", "two"))]),
        ("one\\\ntwo", [("p", None, ("one", ("br", None, ()), "two"))]),
        ("- a\n- b", [("ul", None, (("li", None, ("a",)), ("li", None, ("b",))))]),
        ("> quoted", [("blockquote", None, (("p", None, ("quoted",)),))]),
        ("###### deep", [("h3", None, ("deep",))]),
        ("```sh\nmake <x>\n```", [("pre", None, ("make <x>\n",))]),
        ("[a](https://example.com)", [("p", None, (("a", "https://example.com", ("a",)),))]),
        ("![a](https://example.com)", [("p", None, (("a", "https://example.com", ("a",)),))]),
        ("~~gone~~", [("p", None, (("s", None, ("gone",)),))]),
    ],
)
def test_markdown_becomes_a_tree(source: str, tree: list[object]) -> None:
    assert list(rendered(source)) == tree


def test_a_table_has_its_cells() -> None:
    head = ("thead", None, (("tr", None, (("th", None, ("a",)),)),))
    body = ("tbody", None, (("tr", None, (("td", None, ("b",)),)),))
    assert rendered("|a|\n|-|\n|b|") == (("table", None, (head, body)),)


def test_html_is_words_and_a_comment_is_hidden() -> None:
    assert rendered("<script>x</script> <!-- marker\n -->") == (
        ("p", None, ("<script>x</script>",)),
    )


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "vbscript:x"])
def test_a_link_that_would_run_something_is_words(address: str) -> None:
    assert rendered(f"[a]({address})") == (("p", None, (f"[a]({address})",)),)


def test_only_slacks_blocks_of_markdown_are_read() -> None:
    blocks = [{"type": "markdown", "text": "*a*"}, {"type": "divider"}, {"type": "markdown"}]
    assert list(sources(blocks)) == ["*a*"]
