"""Health: whether all that happens arrives, is worked in and told on; and for each trouble what to do about it."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from starlette.responses import Response

from headcount.clock import LITTLE_MS
from headcount.dashboard import formats, times
from headcount.dashboard.feed import Counts, Recently, Retried
from headcount.dashboard.pages import endpoints
from headcount.dashboard.pages.settings import is_admin
from headcount.dashboard.renderer import TEXTS, View
from headcount.dashboard.renderer import page as shown
from headcount.dashboard.sanitize import local
from headcount.kernel.events import Ms
from headcount.store.open import Store
from headcount.store.sources import DeadLetterSummary, SourceRow, SourceStat
from headcount.store.webhooks import State

_DAY_MS: Final[Ms] = 86_400_000
"""What went wrong longer ago is no trouble any more."""
_HOUR_MS: Final[Ms] = 3_600_000
_SLOW_S: Final = 2.0
"""So far may the engine be behind while it works."""
_MOST_LETTERS: Final = 20
_MOST_ROOMS: Final = 20
_MANY: Final = 20
_PART: Final = 0.05
"""Joins and leaves that do not fit are a trouble if they are this many, and this part of all."""
_WRONGS: Final = ("refused", "malformed", "ahead")


class Line(NamedTuple):
    """A source and how it fares: what befell it by name, and what came from it lately, if anything did."""

    row: SourceRow
    tallies: Mapping[str, SourceStat]
    recently: Recently | None
    letters: int
    unread: Sequence[DeadLetterSummary]

    @property
    def last(self) -> Ms | None:
        """When something last came that was genuine."""
        came = self.tallies.get("deliveries")
        return None if came is None else came.last

    def number(self, what: str) -> int:
        tally = self.tallies.get(what)
        return 0 if tally is None else tally.number

    @property
    def poll_failed(self) -> SourceStat | None:
        """The poll that failed, if none has succeeded since."""
        failed, good = self.tallies.get("poll_failed"), self.tallies.get("polls")
        return failed if failed is not None and (good is None or good.last < failed.last) else None


class Trouble(NamedTuple):
    """What is wrong and what to do about it, in a sentence. `act` is a form that does it: path and button."""

    bad: bool
    told: str
    act: tuple[str, str] | None = None


class Health(NamedTuple):
    """All of it, at one moment."""

    counts: Counts
    lines: Sequence[Line]
    told: endpoints.Endpoints
    troubles: Sequence[Trouble]


async def page(view: View) -> Response:
    """GET /dashboard/health."""
    return await _shown(view)


async def as_json(view: View) -> Response:
    """GET /dashboard/health.json: the same in numbers and sentences, without anything that lets somebody in."""
    found = await look(view)
    sources = [
        {
            "kind": line.row.kind,
            "name": line.row.name,
            "last": None if line.last is None else local(line.last, view.zone).isoformat(),
            "letters": line.letters,
            "befell": {what: tally.number for what, tally in line.tallies.items()},
        }
        for line in found.lines
    ]
    troubles = [{"bad": one.bad, "told": one.told} for one in found.troubles]
    return formats.answer({"engine": found.counts, "sources": sources, "troubles": troubles}, view.zone)


async def engine(view: View) -> Response:
    """GET /dashboard/health/engine: the numbers that change all the time."""
    counts = await asyncio.to_thread(view.house.feed.counts)
    return shown(view, "_engine.html", counts=counts)


async def retry(view: View, _: Mapping[str, str]) -> Response:
    """POST /dashboard/health/letters: read again what could not be read."""
    retried = await asyncio.to_thread(view.house.feed.retry, view.domain)
    return await _shown(view, retried)


async def look(view: View) -> Health:
    """How everything fares."""
    house = view.house
    fresh, recently = house.feed.fresh(), house.feed.recently()
    lines = await asyncio.to_thread(_lines, house.store, view.domain, fresh, recently)
    counts = await asyncio.to_thread(house.feed.counts)
    ongoing = await asyncio.to_thread(house.store.meetings.ongoing_ids, view.domain)
    told = await endpoints.look(house, view.domain)
    quarantined = await asyncio.to_thread(house.store.meetings.quarantined_rooms, view.domain, _MOST_ROOMS)
    troubles = [
        *of_the_engine(counts, house.settings["max_lag_s"]),
        *(_trouble("quarantined", room=row.room, reason=row.reason or "") for row in quarantined),
        *(one for line in lines for one in of_a_source(line, view.now, in_use=bool(ongoing))),
        *(one for line in told.shown for one in of_an_endpoint(line, named=is_admin(view))),
    ]
    return Health(counts, lines, told, sorted(troubles, key=lambda trouble: not trouble.bad))


def of_the_engine(counts: Counts, most_lag_s: float) -> Iterator[Trouble]:
    """What is wrong with this process, if the engine may be so far behind."""
    if not counts.alive:
        yield _trouble("stopped")
    elif counts.behind_s > max(_SLOW_S, most_lag_s):
        yield _trouble("behind", n=counts.behind, length=times.length(round(counts.behind_s)))
    if counts.failures:
        yield _trouble("failures", n=counts.failures, bad=False)
    if counts.ahead > LITTLE_MS:
        yield _trouble("clock", length=times.length(counts.ahead // 1_000), bad=False)
    worked = counts.worked
    if worked is not None and worked.orphans + worked.repeated > max(_MANY, _PART * worked.entries):
        yield _trouble("unfitting", n=worked.orphans + worked.repeated, all=worked.entries, bad=False)


def of_a_source(line: Line, now: Ms, *, in_use: bool) -> Iterator[Trouble]:
    """What is wrong with a source. `in_use`: meetings go on, so that something should come."""
    name, kind = line.row.name, line.row.kind
    if line.last is None and "polls" not in line.tallies and now - line.row.created > _HOUR_MS:
        yield _trouble("nothing", name=name, kind=kind, bad=False)
    if in_use and line.last is not None and now - line.last > _DAY_MS:
        yield _trouble("silent", name=name, length=times.length((now - line.last) // 1_000), bad=False)
    for what in _WRONGS:
        tally = line.tallies.get(what)
        if tally is not None and now - tally.last < _DAY_MS:
            yield _trouble(
                what,
                name=name,
                kind=kind,
                n=tally.number,
                told=tally.told or TEXTS("health.unexplained"),
                bad=what == "refused",
            )
    if line.letters:
        yield _trouble(
            "unreadable", name=name, n=line.letters, act=("/health/letters", TEXTS("health.retry"))
        )
    failed = line.poll_failed
    if failed is not None:
        yield _trouble("poll_failed", name=name, told=failed.told or TEXTS("health.unexplained"))


def of_an_endpoint(line: endpoints.Line, *, named: bool) -> Iterator[Trouble]:
    """What is wrong with an endpoint, whose address is for those only who may see it."""
    name = line.row.url if named else TEXTS("health.a_webhook")
    base = f"/settings/webhooks/{line.row.uuid}"
    if line.row.state is State.FAILED:
        yield _trouble("failed", name=name, n=line.waiting, act=(f"{base}/revive", TEXTS("health.revive")))
    if line.parked:
        yield _trouble("parked", name=name, n=line.parked, act=(f"{base}/replay", TEXTS("health.replay")))


async def _shown(view: View, retried: Retried | None = None) -> Response:
    found = await look(view)
    return shown(view, "health.html", found=found, counts=found.counts, retried=retried)


def _lines(
    store: Store, domain: str, fresh: Iterable[SourceStat], recently: Mapping[str, Recently]
) -> list[Line]:
    tallies, letters = store.sources.stats(), store.sources.count_dead_letters()
    for one in fresh:
        known = tallies.setdefault(one.token, {})
        known[one.what] = _added(known.get(one.what), one)
    return [
        Line(
            row,
            tallies.get(row.token, {}),
            recently.get(row.token),
            letters.get(row.token, 0),
            store.sources.latest_dead_letters(row.token, _MOST_LETTERS) if letters.get(row.token) else (),
        )
        for row in store.sources.all()
        if row.domain == domain
    ]


def _added(known: SourceStat | None, fresh: SourceStat) -> SourceStat:
    if known is None:
        return fresh
    return fresh._replace(number=known.number + fresh.number, told=fresh.told or known.told)


def _trouble(
    name: str, /, *, bad: bool = True, act: tuple[str, str] | None = None, **values: str | int
) -> Trouble:
    return Trouble(bad, TEXTS(f"health.trouble.{name}", **values), act)
