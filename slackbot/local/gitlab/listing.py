"""Lists: filters, order, and pages by offset or by keyset, as the REST API has them."""

import base64
import heapq
import json
import operator
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from aiohttp import web
from multidict import MultiDict
from yarl import URL

from slackbot.local.gitlab.gate import Refused
from slackbot.local.gitlab.model import Issue, Note, Project, User


class Identified(Protocol):
    """A thing with a number."""

    id: int


T = TypeVar("T")
Item = TypeVar("Item", bound=Identified)

_Mark = tuple[Any, int]
"""Where an issue stands in an order, so that a cursor can name the place."""

DEFAULT_PER_PAGE = 20
MOST_PER_PAGE = 100
# Beyond so many, GitLab does not say how many there are.
MOST_COUNTED = 10_000

# What a list of issues understands here; GitLab ignores the unknown without a word.
ISSUE_PARAMETERS = frozenset(
    """
    state scope labels iids[] search updated_after updated_before created_after created_before
    issue_type confidential assignee_id author_id order_by sort page per_page pagination cursor
    with_labels_details
    """.split()  # noqa: SIM905 - a list of words is read as words
)
_ISSUE_ORDERS = ("created_at", "updated_at", "title")
_MOMENTS: dict[str, Callable[[Issue, datetime], bool]] = {
    "updated_after": lambda issue, moment: issue.updated_at >= moment,
    "updated_before": lambda issue, moment: issue.updated_at <= moment,
    "created_after": lambda issue, moment: issue.created_at >= moment,
    "created_before": lambda issue, moment: issue.created_at <= moment,
}


def find_issues(request: web.Request, project: Project, user: User) -> list[Issue]:
    """Return the issues of a project that the user sees and the query asks for, in no order."""
    query = request.query
    if not project.issues_enabled:
        return []
    found = _numbered(project, query.getall("iids[]", []))
    # What leaves few out of many comes first: a project may have a hundred thousand.
    state = one_of(request, "state", ("all", "opened", "closed"))
    found = [issue for issue in found if state in ("all", issue.state)]
    for name, holds in _MOMENTS.items():
        moment = _moment(request, name)
        if moment is not None:
            found = [issue for issue in found if holds(issue, moment)]
    found = _in_scope(request, found, user)
    if labels := query.get("labels"):
        found = [issue for issue in found if _has_labels(issue, labels)]
    for name in ("issue_type", "confidential", "author_id", "assignee_id", "search"):
        if value := query.get(name):
            found = [issue for issue in found if _matches(issue, name, value)]
    # Everybody who sees the project sees its issues, but for the confidential ones.
    return [issue for issue in found if not issue.confidential or project.may_read(user, issue)]


def _numbered(project: Project, iids: Sequence[str]) -> Collection[Issue]:
    if not iids:
        return project.issues.values()
    known = (project.issues.get(int(iid)) for iid in dict.fromkeys(iids) if iid.isdecimal())
    return [issue for issue in known if issue is not None]


def _matches(issue: Issue, name: str, value: str) -> bool:
    match name:
        case "issue_type":
            return issue.issue_type == value
        case "confidential":
            return issue.confidential == (value == "true")
        case "author_id":
            return str(issue.author.id) == value
        case "assignee_id":
            ids = {str(user.id) for user in issue.assignees}
            return {"None": not ids, "Any": bool(ids)}.get(value, value in ids)
        case _:
            return value.lower() in f"{issue.title}\n{issue.description or ''}".lower()


def _in_scope(request: web.Request, issues: Collection[Issue], user: User) -> Collection[Issue]:
    scope = one_of(request, "scope", ("all", "created_by_me", "assigned_to_me"))
    if scope == "created_by_me":
        return [issue for issue in issues if issue.author is user]
    if scope == "assigned_to_me":
        return [issue for issue in issues if user in issue.assignees]
    return issues


def _has_labels(issue: Issue, labels: str) -> bool:
    """Whether an issue carries all the labels of a comma-separated list, `None` or `Any`."""
    names = set(issue.labels)
    if labels.lower() in ("none", "any"):
        return bool(names) == (labels.lower() == "any")
    return {label.strip() for label in labels.split(",")} <= names


def _moment(request: web.Request, name: str) -> datetime | None:
    text = request.query.get(name)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(400, {"error": f"{name} is invalid"}) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def one_of(request: web.Request, name: str, allowed: Sequence[str]) -> str:
    """Return a parameter that takes only certain values; the first is its default."""
    value = request.query.get(name, allowed[0])
    if value not in allowed:
        raise Refused(400, {"error": f"{name} does not have a valid value"})
    return value


def in_order(request: web.Request, items: Sequence[Item], orders: Sequence[str]) -> list[Item]:
    """Sort as `order_by` and `sort` say, ties by id; the first of `orders` is the default."""
    order = one_of(request, "order_by", orders)
    direction = one_of(request, "sort", ("desc", "asc"))

    def key(item: Item) -> Any:
        return getattr(item, order), item.id

    return sorted(items, key=key, reverse=direction == "desc")


def page_of(
    request: web.Request, items: Sequence[T], entity: Callable[[T], dict[str, Any]]
) -> web.Response:
    """One page of a list by number, with the headers that lead to the others."""
    page, per_page = _number(request, "page", 1), _per_page(request)
    last = max(1, -(-len(items) // per_page))
    headers: MultiDict[str] = MultiDict()
    headers["X-Page"] = str(page)
    headers["X-Per-Page"] = str(per_page)
    headers["X-Prev-Page"] = str(page - 1) if page > 1 else ""
    headers["X-Next-Page"] = str(page + 1) if page < last else ""
    links = {"first": 1}
    if page > 1:
        links["prev"] = page - 1
    if page < last:
        links["next"] = page + 1
    if len(items) <= MOST_COUNTED:
        headers["X-Total"] = str(len(items))
        headers["X-Total-Pages"] = str(last)
        links["last"] = last
    headers["Link"] = ", ".join(
        _link(request, rel, page=str(number), per_page=str(per_page))
        for rel, number in links.items()
    )
    shown = items[(page - 1) * per_page : page * per_page]
    return web.json_response([entity(item) for item in shown], headers=headers)


def issue_page(
    request: web.Request, issues: list[Issue], entity: Callable[[Issue], dict[str, Any]]
) -> web.Response:
    """One page of issues in the order asked for, by keyset when that is asked for."""
    if request.query.get("pagination") != "keyset":
        return page_of(request, in_order(request, issues, _ISSUE_ORDERS), entity)
    order = one_of(request, "order_by", _ISSUE_ORDERS)
    mark: Callable[[Issue], _Mark] = operator.attrgetter(order, "id")
    descending = one_of(request, "sort", ("desc", "asc")) == "desc"
    per_page = _per_page(request)
    if cursor := request.query.get("cursor"):
        last = _decoded(cursor, order)
        is_further = operator.lt if descending else operator.gt
        issues = [issue for issue in issues if is_further(mark(issue), last)]
    # One more than is shown: so it is known whether there is another page. The rest stays unsorted.
    first = heapq.nlargest if descending else heapq.nsmallest
    found = first(per_page + 1, issues, key=mark)
    shown = found[:per_page]
    headers = {"X-Per-Page": str(per_page)}
    if len(found) > per_page:
        cursor = _encoded(mark(shown[-1]))
        headers["Link"] = _link(request, "next", cursor=cursor, per_page=str(per_page))
    return web.json_response([entity(issue) for issue in shown], headers=headers)


def visible_notes(issue: Issue, user: User) -> list[Note]:
    """Return the notes that the user sees: the internal ones from Planner up."""
    planner = issue.project.may_plan(user)
    return [note for note in issue.notes if planner or not note.internal]


def visible_discussions(issue: Issue, user: User) -> list[list[Note]]:
    """Return the notes that the user sees, each with its replies."""
    seen = visible_notes(issue, user)
    shown = ([note for note in notes if note in seen] for notes in issue.discussions)
    return [notes for notes in shown if notes]


def _encoded(mark: _Mark) -> str:
    value, number = mark
    text = value.isoformat() if isinstance(value, datetime) else value
    return base64.urlsafe_b64encode(json.dumps([text, number]).encode()).decode()


def _decoded(cursor: str, order: str) -> _Mark:
    try:
        text, number = json.loads(base64.urlsafe_b64decode(cursor))
        return (text if order == "title" else datetime.fromisoformat(text)), int(number)
    except (ValueError, TypeError):
        raise Refused(400, {"error": "cursor is invalid"}) from None


def _link(request: web.Request, rel: str, **query: str) -> str:
    url = URL(f"{request.scheme}://{request.host}{request.rel_url.raw_path}", encoded=True)
    return f'<{url.with_query(request.query).update_query(query)}>; rel="{rel}"'


def _number(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name, str(default))
    if not text.isdigit():
        raise Refused(400, {"error": f"{name} is invalid"})
    if int(text) < 1:
        raise Refused(400, {"error": f"{name} does not have a valid value"})
    return int(text)


def _per_page(request: web.Request) -> int:
    return min(_number(request, "per_page", DEFAULT_PER_PAGE), MOST_PER_PAGE)
