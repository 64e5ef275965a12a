"""Retention: how long names, events and meetings are stored, and the legal holds that override it.

A rule is for the rooms of a domain that match its pattern. If several rules match a room, the most specific one applies
alone: the one with the most characters besides `*`. Rules are not merged.

Responsible for rules, holds and the progress of each room. Must not know how something expires.
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any, Final, NamedTuple

from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.limits import DOMAIN_BYTES, NAME_BYTES, length_problem, require_domain
from headcount.store.database import Connection, Database
from headcount.store.patterns import matches
from headcount.store.records import DAY_MS

MAX_DAYS: Final = 36_500
_MAX_REASON: Final = 1_000
_PAGE: Final = 5_000


class RetentionRule(NamedTuple):
    """How many days after an event names, events and meetings are deleted; None is never. Field order is column order."""

    domain: str
    pattern: str
    names_days: int | None
    events_days: int | None
    meetings_days: int | None
    updated: Ms

    def cutoffs(self, now: Ms) -> "Cutoffs":
        """Return up to when each expires at `now`."""
        return Cutoffs(
            *(_before(now, days) for days in (self.names_days, self.events_days, self.meetings_days))
        )


class Cutoffs(NamedTuple):
    """Up to when names, events and meetings expire, in ms; None is never."""

    names: Ms | None = None
    events: Ms | None = None
    meetings: Ms | None = None


class HoldKind(StrEnum):
    """What a legal hold is about: a meeting by its id, a room by its name, a user by their id."""

    MEETING = "meeting"
    ROOM = "room"
    USER = "user"


class LegalHold(NamedTuple):
    """A legal hold. Field order is column order."""

    number: int
    domain: str
    kind: HoldKind
    subject: str
    reason: str
    created: Ms
    created_by: str
    released: Ms | None = None
    released_by: str | None = None


class RoomRetention(NamedTuple):
    """Up to when the names, events and meetings of a room have expired.

    The rows up to `frozen` are given, and events up to then are not accepted any more. So is the usage of the quarters
    before `usage_until`.
    """

    names_until: Ms | None = None
    events_until: Ms | None = None
    meetings_until: Ms | None = None
    frozen: Ms | None = None
    usage_until: Ms | None = None


class Preview(NamedTuple):
    """How much of the rooms of a rule has reached its end, legal holds aside."""

    rule: RetentionRule
    rooms: int
    names: int
    events: int
    meetings: int


class Retention:
    """Rules and holds of all domains."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def rules(self, domain: str | None = None) -> list[RetentionRule]:
        """Return the rules of a domain, or of all."""
        with self._database.reading() as connection:
            rules = [RetentionRule(*row) for row in connection.rows("select_retention_rules")]
        return [rule for rule in rules if domain is None or rule.domain == domain]

    def set_rule(self, rule: RetentionRule) -> None:
        """Add a rule, or replace the one of its pattern."""
        with self._database.writing() as connection:
            connection.write("upsert_retention_rule", [rule])

    def delete_rule(self, domain: str, pattern: str) -> bool:
        """Delete a rule. Return False if there is none."""
        with self._database.writing() as connection:
            return connection.run("delete_retention_rule", domain=domain, pattern=pattern) == 1

    def rule_of(self, domain: str, room: str) -> RetentionRule | None:
        """Return the rule that applies to a room, or None."""
        return most_specific(self.rules(domain), room)

    def progress(self, domain: str, room: str) -> RoomRetention:
        """Return how far the data of a room have expired."""
        with self._database.reading() as connection:
            row = connection.row("select_room_retention", domain=domain, room=room)
        return RoomRetention() if row is None else RoomRetention(*row)

    def preview(self, domain: str, now: Ms) -> list[Preview]:
        """Return how much has reached the end of its time under each rule of a domain."""
        rules = self.rules(domain)
        found = {rule.pattern: Preview(rule, 0, 0, 0, 0) for rule in rules}
        with self._database.reading() as connection:
            for room in _rooms(connection, domain) if rules else ():
                rule = most_specific(rules, room)
                if rule is not None:
                    found[rule.pattern] = _add(connection, found[rule.pattern], room, now)
        return list(found.values())

    def holds(self, domain: str, *, released: bool = True) -> list[LegalHold]:
        """Return the holds of a domain, the oldest first; without those that were released if `released` is False."""
        with self._database.reading() as connection:
            holds = [_hold(row) for row in connection.rows("select_legal_holds", domain=domain)]
        return [hold for hold in holds if released or hold.released is None]

    def active_holds(self) -> list[LegalHold]:
        """Return the holds of all domains that are not released."""
        with self._database.reading() as connection:
            return [_hold(row) for row in connection.rows("select_active_legal_holds")]

    def create_hold(
        self, domain: str, kind: HoldKind, subject: str, reason: str, now: Ms, by: str
    ) -> LegalHold:
        """Create a hold. Raise `BadInput` for a meeting that does not exist, and for an unusable text."""
        require_domain(domain)
        _require_text(f"the {kind}", subject, NAME_BYTES)
        if not reason.strip() or len(reason) > _MAX_REASON or "\0" in reason:
            raise BadInput(
                f"a legal hold needs a reason of 1 to {_MAX_REASON:,} characters, like the number of the case"
            )
        with self._database.writing() as connection:
            if (
                kind is HoldKind.MEETING
                and connection.row("select_meeting", domain=domain, id=subject) is None
            ):
                raise BadInput(
                    f"there is no meeting '{subject[:60]}' in the domain '{domain}'."
                    " GET /v1/meetings lists the IDs of meetings"
                )
            row = connection.row(
                "insert_legal_hold", domain=domain, kind=kind.value, subject=subject, reason=reason, created=now,
                created_by=by,
            )  # fmt: skip
        assert row is not None
        return LegalHold(int(row[0]), domain, kind, subject, reason, now, by)

    def release_hold(self, domain: str, number: int, now: Ms, by: str) -> LegalHold | None:
        """Release a hold. Return it, or None if the domain has no such hold that is in force.

        What it protected expires when the rules are applied next.
        """
        values: dict[str, Any] = {"domain": domain, "number": number, "released": now, "released_by": by}
        with self._database.writing() as connection:
            if connection.run("release_legal_hold", **values) != 1:
                return None
            connection.run("restart_room_retention", domain=domain)
        return next(hold for hold in self.holds(domain) if hold.number == number)

    def held(self, hold: LegalHold) -> int:
        """Return how many meetings, or stays of a user, a hold protects now."""
        with self._database.reading() as connection:
            if hold.kind is HoldKind.MEETING:
                return 1
            if hold.kind is HoldKind.ROOM:
                row = connection.row("count_held_meetings_of_room", domain=hold.domain, room=hold.subject)
            else:
                row = connection.row("count_held_stays_of_user", domain=hold.domain, user=hold.subject)
        return 0 if row is None else int(row[0])


def new_rule(
    domain: str,
    pattern: str,
    names_days: int | None,
    events_days: int | None,
    meetings_days: int | None,
    now: Ms,
) -> RetentionRule:
    """Return a rule. What has no time of its own is stored as long as what includes it. Raise `BadInput`."""
    require_domain(domain)
    _require_text("the pattern", pattern, DOMAIN_BYTES)
    given = {"names": names_days, "events": events_days, "meetings": meetings_days}
    if all(days is None for days in given.values()):
        raise BadInput(
            "a rule needs at least one of names, events and meetings: give one of them a number of days"
        )
    for name, days in given.items():
        if days is not None and not 1 <= days <= MAX_DAYS:
            raise BadInput(f"{name}: expected 1 to {MAX_DAYS:,} days, got {days:,}")
    events = meetings_days if events_days is None else events_days
    names = events if names_days is None else names_days
    for (shorter, days), (longer, limit) in (
        (("names", names), ("events", events)),
        (("events", events), ("meetings", meetings_days)),
        (("names", names), ("meetings", meetings_days)),
    ):
        if limit is not None and (days is None or days > limit):
            raise BadInput(
                f"{shorter} cannot be stored longer than {longer}, got {days} and {limit} days:"
                f" reduce {shorter}, or increase {longer}"
            )
    return RetentionRule(domain, pattern, names, events, meetings_days, now)


def most_specific(rules: Iterable[RetentionRule], room: str) -> RetentionRule | None:
    """Return the rule that applies to a room: of those that match, the one with the most characters besides `*`."""
    found = [rule for rule in rules if matches(rule.pattern, room)]
    return max(found, key=_specificity, default=None)


def _specificity(rule: RetentionRule) -> tuple[int, int, str]:
    stars = rule.pattern.count("*")
    return len(rule.pattern) - stars, -stars, rule.pattern


def _before(now: Ms, days: int | None) -> Ms | None:
    return None if days is None else now - days * DAY_MS


def _require_text(name: str, text: str, limit: int) -> None:
    if not text or "\0" in text:
        raise BadInput(f"{name} must not be empty or contain U+0000")
    problem = length_problem(text, limit)
    if problem is not None:
        raise BadInput(f"{name} {problem}")


def _rooms(connection: Connection, domain: str) -> Iterator[str]:
    """Yield the rooms of a domain, in pages."""
    room = ""
    while rows := connection.rows("select_domain_room_keys", domain=domain, room=room, limit=_PAGE):
        yield from (str(row[0]) for row in rows)
        room = rows[-1][0]


def _add(connection: Connection, preview: Preview, room: str, now: Ms) -> Preview:
    """Return a preview with a room."""
    domain, cutoffs = preview.rule.domain, preview.rule.cutoffs(now)

    def number(statement: str, until: Ms | None) -> int:
        if until is None:
            return 0
        (found,) = connection.row(statement, domain=domain, room=room, until=until) or (0,)
        return int(found)

    return preview._replace(
        rooms=preview.rooms + 1,
        names=preview.names + number("count_expiring_stays", cutoffs.names),
        events=preview.events + number("count_expiring_entries", cutoffs.events),
        meetings=preview.meetings + number("count_expiring_meetings", cutoffs.meetings),
    )


def _hold(row: tuple[Any, ...]) -> LegalHold:
    number, domain, kind, *rest = row
    return LegalHold(number, domain, HoldKind(kind), *rest)
