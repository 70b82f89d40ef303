"""What a decision changes in its issue. Pure."""

from collections.abc import Iterable
from dataclasses import replace

from slackbot.platforms.gitlab.client import IssueChange
from slackbot.platforms.gitlab.snapshot import GitLabUser, IssueSnapshot
from slackbot.rules.decision import (
    Action,
    ChooseLabel,
    Claim,
    ClearLabel,
    Close,
    CloseIdle,
    FollowUp,
    Kudos,
    MarkContacted,
    NewIssue,
    Release,
    Reopen,
    Review,
    TakeOver,
    UndoContacted,
)
from slackbot.rules.request import Rules, in_scope

NOTHING = IssueChange()


def change_of(
    action: Action,
    issue: IssueSnapshot,
    account: GitLabUser | None,
    *,
    colleague: str | None,
    known_labels: Iterable[str],
    rules: Rules,
) -> IssueChange:
    """``colleague`` is the username of whom they take over from."""
    match action:
        case Claim():
            return IssueChange(assignee_ids=(account.id,) if account else None)
        case TakeOver():
            # The colleague is taken off even if nobody can replace them.
            left = tuple(user.id for user in issue.assignees if user.username != colleague)
            return IssueChange(assignee_ids=(account.id,) if account else left)
        case Release():
            others = tuple(user.id for user in issue.assignees if user != account)
            is_assigned = len(others) < len(issue.assignees)
            return IssueChange(assignee_ids=others if is_assigned else None)
        case ChooseLabel(label=str() as label) | Review(label=str() as label):
            return _relabeling(label, issue, known_labels, rules)
        case MarkContacted(label=label, close=close):
            added = frozenset({rules.contacted_label})
            # A label chosen meanwhile stays.
            if label is None or any(in_scope(name, rules.scope) for name in issue.labels):
                return IssueChange(add_labels=added, close=close)
            return _relabeling(label, issue, known_labels, rules, added=added, close=close)
        case _:
            return _change_of_course(action, issue, rules)


def _change_of_course(action: Action, issue: IssueSnapshot, rules: Rules) -> IssueChange:
    match action:
        case ClearLabel(label=label):
            return IssueChange(remove_labels=frozenset({label}))
        case UndoContacted(reopen=reopen):
            return IssueChange(
                remove_labels=frozenset({rules.contacted_label}),
                reopen=reopen and not issue.is_open,
            )
        case Close() | CloseIdle():
            return IssueChange(close=True)
        case Kudos(close=close):
            return IssueChange(close=close)
        case Reopen():
            return IssueChange(reopen=True)
        case FollowUp(created=NewIssue(key=key)):
            return IssueChange(relate=key)
        case _:
            return NOTHING


def _relabeling(
    chosen: str,
    issue: IssueSnapshot,
    known_labels: Iterable[str],
    rules: Rules,
    *,
    added: frozenset[str] = frozenset(),
    close: bool = False,
) -> IssueChange:
    # Scoped labels exclude each other on paid tiers only; one may have come this second.
    of_scope = {name for name in {*known_labels, *issue.labels} if in_scope(name, rules.scope)}
    return IssueChange(
        add_labels=added | {chosen}, remove_labels=frozenset(of_scope - {chosen}), close=close
    )


def yielding(action: Action, issue: IssueSnapshot, scope: str) -> Action:
    """Return an action as its person wants it now: a review leaves a label chosen meanwhile."""
    if not isinstance(action, Review):
        return action
    chosen = {name for name in issue.labels if in_scope(name, scope)}
    return action if chosen <= {action.label, action.replaces} else replace(action, label=None)


def replaced_label(action: Action, issue: IssueSnapshot, scope: str) -> str | None:
    if not isinstance(action, ChooseLabel | Review) or action.label is None:
        return None
    others = sorted(name for name in issue.labels if in_scope(name, scope))
    return next((name for name in others if name != action.label), None)


def taken_off(
    action: ChooseLabel, change: IssueChange, before: IssueSnapshot, after: IssueSnapshot
) -> frozenset[str]:
    """Return the labels that the issue lost by a choice, if not to this try, to one before."""
    had = change.remove_labels & before.labels
    return (had | ({action.replaces} if action.replaces else set())) - after.labels


def undone(change: IssueChange, issue: IssueSnapshot) -> IssueChange:
    """Return what of a change the issue lacks: GitLab leaves out what it does not like.

    An issue does not show what it is related to.
    """
    assigned = {user.id for user in issue.assignees}
    is_assigned = change.assignee_ids is None or set(change.assignee_ids) == assigned
    return IssueChange(
        add_labels=change.add_labels - issue.labels,
        remove_labels=change.remove_labels & issue.labels,
        assignee_ids=None if is_assigned else change.assignee_ids,
        close=change.close and issue.is_open,
        reopen=change.reopen and not issue.is_open,
    )


def assignees_after(
    change: IssueChange, issue: IssueSnapshot, account: GitLabUser | None
) -> tuple[str, ...]:
    """Name the wanted assignees, whoever has changed them since."""
    known = {user.id: user.username for user in (*issue.assignees, *([account] if account else []))}
    wanted = change.assignee_ids or ()
    return tuple(sorted(known[number] for number in wanted if number in known))
