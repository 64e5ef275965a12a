"""Access log page: who read, exported or changed what. For admins.

Responsible for filters, paging and the columns of the file. Must not know which request is which action.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from datetime import tzinfo
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from starlette.responses import Response

from headcount.dashboard.files import Column, Table, Type
from headcount.dashboard.pages import date_ranges, query
from headcount.dashboard.pages.downloads import csv_response
from headcount.dashboard.renderer import TEXTS, View, render
from headcount.errors import BadInput
from headcount.store.access_log import AccessEntry, AccessFilter, Action, SubjectType

_PAGE_SIZE: Final = 100
_BATCH_SIZE: Final = 1_000
RANGES: Final = ("today", "yesterday", "7d", "30d", "month", "all")
_DEFAULT_RANGE: Final = "30d"
_FILTERS: Final = ("actor", "action", "subject", "subject_type")
_COLUMNS: Final = {
    "time": Type.TIME, "actor_type": Type.TEXT, "actor": Type.TEXT, "actor_name": Type.TEXT, "action": Type.TEXT,
    "subject_type": Type.TEXT, "subject": Type.TEXT, "address": Type.TEXT, "requests": Type.INTEGER, "detail": Type.TEXT,
}  # fmt: skip


class AccessPage(NamedTuple):
    """A page of the entries. `older` is the cursor of the next page, if there is one."""

    entries: Sequence[AccessEntry]
    older: str | None


async def page(view: View) -> Response:
    """GET /dashboard/access-log."""
    loaded = await asyncio.to_thread(_load, view)
    days = date_ranges.of_address(view.query, view, _DEFAULT_RANGE)
    return render(
        view, "access_log.html", page=loaded, days=days, ranges=RANGES, actions=list(Action),
        subject_types=list(SubjectType), is_first="after" not in view.query, api_query=_api_query(view),
        filters={name: view.query.get(name, "") for name in (*_FILTERS, "from", "to", "range", "timezone")},
        filter_count=(days.name == date_ranges.CUSTOM) + sum(bool(view.query.get(name)) for name in _FILTERS),
        is_on=view.context.settings["access_log"] == "on",
        retention_days=view.context.settings["access_log_retention_days"],
    )  # fmt: skip


async def as_csv(view: View) -> Response:
    """GET /dashboard/access-log.csv: all entries that match."""
    return csv_response(view, table_of(_all_entries(view, filter_of(view)), view.zone), "access log")


def table_of(entries: Iterable[AccessEntry], zone: tzinfo) -> Table:
    """Return entries as the content of a file."""
    columns = tuple(Column(TEXTS(f"access_log.{name}"), kind) for name, kind in _COLUMNS.items())
    return Table(TEXTS("access_log.title"), columns, map(_cells, entries), zone)


def filter_of(view: View) -> AccessFilter:
    """Return the filter of an address. Its days are in the time zone, both included. Raise `BadInput`."""
    params = view.query
    days = date_ranges.of_address(params, view, _DEFAULT_RANGE)
    action = query.choice(params, "action", ("", *Action))
    kind = query.choice(params, "subject_type", ("", *SubjectType))
    return AccessFilter(
        date_ranges.start_ms(days, view),
        date_ranges.end_ms(days, view),
        query.text(params, "actor"),
        Action(action) if action else None,
        SubjectType(kind) if kind else None,
        query.text(params, "subject"),
    )


def _load(view: View) -> AccessPage:
    log, cursor = view.context.store.access_log, view.query.get("after")
    after = None if cursor is None else view.context.position(view.domain, cursor)
    found = None
    if cursor is None or after:
        found = log.page(view.domain, filter_of(view), _PAGE_SIZE + 1, after=after)
    if found is None:
        raise BadInput(TEXTS("access_log.unknown_place"))
    entries = found[:_PAGE_SIZE]
    has_older = len(found) > _PAGE_SIZE
    return AccessPage(
        entries, view.context.cursor(view.domain, entries[-1].number or 0) if has_older else None
    )


def _all_entries(view: View, wanted: AccessFilter) -> Iterator[AccessEntry]:
    log, after = view.context.store.access_log, None
    while found := log.page(view.domain, wanted, _BATCH_SIZE, after=after):
        yield from found
        after = found[-1].number


def _cells(entry: AccessEntry) -> Sequence[Any]:
    access = entry.access
    kind, subject = access.subject or (None, None)
    return (
        entry.at,
        *access.actor,
        access.action,
        kind,
        subject,
        access.address,
        entry.requests,
        access.detail,
    )


def _api_query(view: View) -> str:
    """The query of the API request that returns the same entries."""
    wanted = filter_of(view)
    times = {"from": wanted.since, "to": wanted.before}
    parameters: dict[str, Any] = {name: at // 1_000 for name, at in times.items() if at is not None}
    parameters |= {name: view.query[name] for name in _FILTERS if view.query.get(name)}
    return urlencode(parameters)
