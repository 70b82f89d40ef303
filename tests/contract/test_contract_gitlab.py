"""What the bot relies on in GitLab's answers; against the stand-in, and against a real GitLab."""

import re
import secrets
from datetime import datetime, timedelta

from tests.contract.conftest import GitLabSide

ONE, OTHER = "contract-one", "contract-other"
NEXT_PAGE = re.compile(r'<([^>]+)>; rel="next"')


# --- Labels ------------------------------------------------------------------------------------


async def test_labels_are_added_and_removed_without_touching_others(gitlab: GitLabSide) -> None:
    await gitlab.label(ONE)
    await gitlab.label(OTHER)
    issue = await gitlab.issue(labels=ONE)
    path = f"issues/{issue['iid']}"
    added = await gitlab.ask("PUT", path, {"add_labels": OTHER})
    assert (added.status, sorted(added.body["labels"])) == (200, [ONE, OTHER])
    removed = await gitlab.ask("PUT", path, {"remove_labels": ONE})
    assert (removed.status, removed.body["labels"]) == (200, [OTHER])


async def test_one_request_changes_labels_assignees_and_state(gitlab: GitLabSide) -> None:
    await gitlab.label(ONE)
    me = (await gitlab.ask("GET", "/user")).body
    issue = await gitlab.issue()
    change = {"add_labels": ONE, "assignee_ids": [me["id"]], "state_event": "close"}
    changed = await gitlab.ask("PUT", f"issues/{issue['iid']}", change)
    assert (changed.status, changed.body["state"]) == (200, "closed")
    assert changed.body["labels"] == [ONE]
    assert [each["username"] for each in changed.body["assignees"]] == [me["username"]]
    assert changed.body["closed_by"]["username"] == me["username"]


async def test_an_unknown_label_is_created_silently(gitlab: GitLabSide) -> None:
    name = f"contract-{secrets.token_hex(4)}"
    issue = await gitlab.issue()
    changed = await gitlab.ask("PUT", f"issues/{issue['iid']}", {"add_labels": name})
    assert (changed.status, changed.body["labels"]) == (200, [name])
    listed = await gitlab.ask("GET", "labels", params=[("search", name)])
    assert [each["name"] for each in listed.body] == [name]
    await gitlab.ask("DELETE", f"labels/{name}")


async def test_to_remove_an_unknown_label_is_no_mistake(gitlab: GitLabSide) -> None:
    await gitlab.label(ONE)
    issue = await gitlab.issue(labels=ONE)
    name = f"contract-{secrets.token_hex(4)}"
    changed = await gitlab.ask("PUT", f"issues/{issue['iid']}", {"remove_labels": name})
    assert (changed.status, changed.body["labels"]) == (200, [ONE])


async def test_events_tell_who_added_and_removed_which_label(gitlab: GitLabSide) -> None:
    await gitlab.label(ONE)
    me = (await gitlab.ask("GET", "/user")).body
    issue = await gitlab.issue()
    path = f"issues/{issue['iid']}"
    await gitlab.ask("PUT", path, {"add_labels": ONE})
    await gitlab.ask("PUT", path, {"remove_labels": ONE})
    events = (await gitlab.ask("GET", f"{path}/resource_label_events")).body
    assert [(each["action"], each["label"]["name"]) for each in events] == [
        ("add", ONE),
        ("remove", ONE),
    ]
    assert {each["user"]["username"] for each in events} == {me["username"]}


async def test_what_gitlab_notes_of_a_change_is_no_older_than_the_change(
    gitlab: GitLabSide,
) -> None:
    await gitlab.label(ONE)
    issue = await gitlab.issue()
    path = f"issues/{issue['iid']}"
    change = {"add_labels": ONE, "state_event": "close"}
    changed = (await gitlab.ask("PUT", path, change)).body
    for kind in ("label", "state"):
        [event] = (await gitlab.ask("GET", f"{path}/resource_{kind}_events")).body
        since = changed["closed_at"] if kind == "state" else changed["created_at"]
        assert datetime.fromisoformat(event["created_at"]) >= datetime.fromisoformat(since)


async def test_events_tell_who_closed_and_reopened(gitlab: GitLabSide) -> None:
    issue = await gitlab.issue()
    path = f"issues/{issue['iid']}"
    await gitlab.ask("PUT", path, {"state_event": "close"})
    await gitlab.ask("PUT", path, {"state_event": "reopen"})
    events = (await gitlab.ask("GET", f"{path}/resource_state_events")).body
    assert [each["state"] for each in events] == ["closed", "reopened"]


# --- Notes -------------------------------------------------------------------------------------


async def test_a_quick_action_in_a_note_is_executed_and_taken_out(gitlab: GitLabSide) -> None:
    await gitlab.label(ONE)
    issue = await gitlab.issue()
    body = f"Contract\n\n/label ~{ONE}"
    noted = await gitlab.ask("POST", f"issues/{issue['iid']}/notes", {"body": body})
    assert noted.status == 201
    assert "/label" not in noted.body["body"]
    assert (await gitlab.again(issue))["labels"] == [ONE]


async def test_a_quick_action_alone_makes_no_note(gitlab: GitLabSide) -> None:
    issue = await gitlab.issue()
    noted = await gitlab.ask("POST", f"issues/{issue['iid']}/notes", {"body": "/close"})
    assert noted.status == 202
    assert (await gitlab.again(issue))["state"] == "closed"


async def test_a_quoted_quick_action_is_shown_and_not_executed(gitlab: GitLabSide) -> None:
    issue = await gitlab.issue()
    for body in ("Contract\n\n> /close", "Contract\n\n```\n/close\n```"):
        noted = await gitlab.ask("POST", f"issues/{issue['iid']}/notes", {"body": body})
        assert (noted.status, noted.body["body"]) == (201, body)
    assert (await gitlab.again(issue))["state"] == "opened"


async def test_a_hidden_marker_in_a_note_stays(gitlab: GitLabSide) -> None:
    issue = await gitlab.issue()
    body = f'Contract\n\n<!-- ssat-bot {{"id": "{secrets.token_hex(4)}"}} -->'
    path = f"issues/{issue['iid']}/notes"
    noted = await gitlab.ask("POST", path, {"body": body})
    listed = await gitlab.ask("GET", path, params=[("activity_filter", "only_comments")])
    assert [each["body"] for each in listed.body] == [noted.body["body"]] == [body]


async def test_an_internal_note_is_internal(gitlab: GitLabSide) -> None:
    issue = await gitlab.issue()
    note = {"body": "Contract", "internal": True}
    noted = await gitlab.ask("POST", f"issues/{issue['iid']}/notes", note)
    assert (noted.status, noted.body["internal"], noted.body["system"]) == (201, True, False)


async def test_a_blank_note_is_refused(gitlab: GitLabSide) -> None:
    issue = await gitlab.issue()
    assert (await gitlab.ask("POST", f"issues/{issue['iid']}/notes", {"body": " "})).status == 400


# --- Lists -------------------------------------------------------------------------------------


async def test_what_changed_at_the_very_moment_is_in_the_list(gitlab: GitLabSide) -> None:
    issue = await gitlab.again(await gitlab.issue())
    at = [("updated_after", issue["updated_at"]), ("scope", "all"), ("per_page", "100")]
    listed = await gitlab.ask("GET", "issues", params=at)
    assert issue["iid"] in [each["iid"] for each in listed.body]
    later = datetime.fromisoformat(issue["updated_at"]) + timedelta(days=1)
    after = [("updated_after", later.isoformat()), ("scope", "all")]
    assert (await gitlab.ask("GET", "issues", params=after)).body == []


async def test_issues_are_listed_by_their_numbers(gitlab: GitLabSide) -> None:
    wanted = [(await gitlab.issue())["iid"] for _ in range(3)][1:]
    numbers = [("iids[]", str(iid)) for iid in wanted]
    listed = await gitlab.ask("GET", "issues", params=[*numbers, ("scope", "all")])
    assert sorted(each["iid"] for each in listed.body) == wanted


async def test_pages_by_keyset_lead_to_each_other(gitlab: GitLabSide) -> None:
    opened = [(await gitlab.issue())["iid"] for _ in range(3)]
    query = {"pagination": "keyset", "order_by": "created_at", "sort": "desc", "scope": "all"}
    params = [*query.items(), ("per_page", "1")]
    answer = await gitlab.ask("GET", "issues", params=params)
    found = [each["iid"] for each in answer.body]
    for _ in range(2):
        link = NEXT_PAGE.search(answer.headers["Link"])
        assert link is not None
        answer = await gitlab.ask("GET", link[1])
        found += [each["iid"] for each in answer.body]
    assert found == opened[::-1]


# --- Refusals ----------------------------------------------------------------------------------


async def test_what_is_not_there_is_not_found(gitlab: GitLabSide) -> None:
    assert (await gitlab.ask("GET", "issues/999999999")).status == 404
    assert (await gitlab.ask("GET", "/projects/contract%2Fno-such-project")).status == 404


async def test_a_wrong_token_is_refused(gitlab: GitLabSide) -> None:
    answer = await gitlab.ask("GET", "/user", token="glpat-wrong")
    assert (answer.status, answer.body) == (401, {"message": "401 Unauthorized"})


async def test_an_update_must_change_something(gitlab: GitLabSide) -> None:
    issue = await gitlab.issue()
    answer = await gitlab.ask("PUT", f"issues/{issue['iid']}", {})
    assert answer.status == 400
    assert "at least one parameter must be provided" in answer.body["error"]


async def test_a_title_has_an_end(gitlab: GitLabSide) -> None:
    answer = await gitlab.ask("POST", "issues", {"title": "x" * 256})
    assert answer.status == 400
    assert answer.body["message"]["title"]
