"""Expiry: what retention deletes from the tables of one room, in bounded transactions.

A past ends at a moment at which nobody was in the room. What expires ends at such a moment, and the room is frozen up to it:
its rows are given from then on. Inferred leaves before it count as confirmed.

Responsible for finding these moments, for deleting up to them, and for what is given. Must not know rules or the clock.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import msgspec

from headcount.kernel.events import Ms
from headcount.kernel.journal import Mark
from headcount.kernel.rules import NEVER
from headcount.store.database import Connection, Database, LeadershipLost
from headcount.store.projections import write_rows
from headcount.store.records import BatchChanges, RoomKey, decode_mark, encode_unconfirmed
from headcount.store.retention import HoldKind, LegalHold, RoomRetention
from headcount.store.usage.quarters import QUARTER_MS

Span = tuple[Ms, Ms]
"""A time from one moment, which is excluded, to another."""
_BEFORE_ALL: Final[Ms] = -NEVER
_MEETINGS: Final = 100
_NAMES: Final = """
with wanted (domain, room) as ({keys})
select r.domain, r.room, r.names_until_ms
from wanted as w
cross join room_retention as r
where r.domain = w.domain and r.room = w.room and r.names_until_ms is not null
"""
_ATTEMPTS: Final = 200
"""Marks that are examined for a boundary between two quarters."""


class Expiry:
    """What expires in the tables of a database. Only the engine of the current epoch may delete."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def rooms_after(self, key: RoomKey, limit: int) -> list[RoomKey]:
        """Return the rooms after one, in order, up to `limit`."""
        with self._database.reading() as connection:
            rows = connection.rows("select_room_keys", domain=key[0], room=key[1], limit=limit)
        return [(domain, room) for domain, room in rows]

    def progress(self, key: RoomKey) -> RoomRetention:
        """Return how far the data of a room have expired."""
        with self._database.reading() as connection:
            row = connection.row("select_room_retention", domain=key[0], room=key[1])
        return RoomRetention() if row is None else RoomRetention(*row)

    def names_until(self, keys: Mapping[RoomKey, None]) -> dict[RoomKey, Ms]:
        """Return up to when the names of those of these rooms have expired in which some have."""
        with self._database.reading() as connection:
            if not keys or connection.row("select_room_retentions_exist") is None:
                return {}
            rows = connection.lookup(_NAMES, list(keys))
            return {(domain, room): until for domain, room, until in rows}

    def forget_joins(self, positions: Iterable[int]) -> None:
        """Remove from leaves in the log that they know when their participant joined."""
        with self._database.writing() as connection:
            connection.write("forget_entry_join", [(position,) for position in positions])

    def finish_names(self, key: RoomKey, until: Ms, *, cursor: int, epoch: int) -> None:
        """Record up to when the names of a room have expired."""
        with self._writing(cursor, epoch) as connection:
            connection.write("upsert_room_names_expired", [(*key, until)])

    def redact_corrections(
        self, key: RoomKey, span: Span, pseudonym: Callable[[str], str], *, cursor: int, epoch: int
    ) -> None:
        """Remove names from the corrections of a room in a span."""
        with self._writing(cursor, epoch) as connection:
            rows = connection.rows(
                "select_expired_corrections", domain=key[0], room=key[1], after=span[0], until=span[1]
            )
            if rows:
                changed = [(_redacted_correction(text, pseudonym), number) for number, text in rows]
                connection.write("update_correction", changed)

    def end_of_past(self, key: RoomKey, until: Ms) -> Ms | None:
        """Return the last moment up to `until` that ends a past, or None."""
        with self._database.reading() as connection:
            return _end_of_past(connection, key, until)

    def end_of_named_past(self, key: RoomKey, done: Ms, until: Ms) -> Ms | None:
        """Return the last moment up to `until` that ends a past to which no later event refers, or None.

        Participants have another name before it than after it: a later event must not confirm an inferred leave before it,
        or know a join before it. Up to `done`, that is known.
        """
        with self._database.reading() as connection:
            while (end := _end_of_past(connection, key, until)) is not None:
                values = {"domain": key[0], "room": key[1], "after": end}
                returned = [
                    _first_join(leave)
                    for leave in _unconfirmed_at(connection, key, end)
                    if connection.row("select_participant_after", participant=leave[0][0], **values)
                    is not None
                ]
                values["after"] = done
                (join,) = connection.row("select_join_of_later_leave", end=end, **values) or (None,)
                referred = returned if join is None else [*returned, join]
                if not referred:
                    return end
                until = min(referred) - 1
        return None

    def end_of_quarters(self, key: RoomKey, until: Ms, position: int) -> Ms | None:
        """Return the last moment up to `until` that ends a past and is a boundary between two quarters, or None.

        Usage is computed by quarter, from meetings: so all meetings of a quarter are deleted together, or none is.
        """
        with self._database.reading() as connection:
            until = last = until // QUARTER_MS * QUARTER_MS
            for _ in range(_ATTEMPTS):
                end = _end_of_past(connection, key, until)
                if end is None:
                    return None
                following = -(-end // QUARTER_MS) * QUARTER_MS
                for boundary in (last, following):
                    if end <= boundary <= last and _is_empty(connection, key, (end, boundary), position):
                        return boundary
                until = end - 1
        return None

    def is_busy(self, key: RoomKey, until: Ms) -> bool:
        """Return whether usage, notifications or entries of a room up to a moment are not processed yet."""
        with self._database.reading() as connection:
            return (
                connection.row("select_room_has_pending_work", domain=key[0], room=key[1], until=until)
                is not None
            )

    def has_expired(self, key: RoomKey, events: Ms | None, meetings: Ms | None, position: int) -> bool:
        """Return whether a room has events, or stays and meetings, up to a moment."""
        domain, room = key
        with self._database.reading() as connection:
            return (
                events is not None
                and connection.row(
                    "select_any_entry_until", domain=domain, room=room, until=events, position=position
                )
                is not None
            ) or (
                meetings is not None
                and connection.row("select_any_stay_until", domain=domain, room=room, until=meetings)
                is not None
            )

    def has_named(self, key: RoomKey, after: Ms, until: Ms, position: int) -> bool:
        """Return whether a room has processed entries or stays in a time."""
        values = {"domain": key[0], "room": key[1], "after": after, "until": until, "position": position}
        with self._database.reading() as connection:
            return connection.row("select_anything_between", **values) is not None

    def held(self, key: RoomKey, holds: Iterable[LegalHold]) -> list[Span] | None:
        """Return what legal holds protect in a room, in order, or None for all of it: whole pasts, from mark to mark."""
        found: list[Span] = []
        domain, room = key
        with self._database.reading() as connection:
            for hold in holds:
                if hold.domain != domain:
                    continue
                if hold.kind is HoldKind.ROOM:
                    if hold.subject == room:
                        return None
                elif hold.kind is HoldKind.MEETING:
                    found += connection.rows("select_held_meeting", domain=domain, room=room, id=hold.subject)
                else:
                    found += connection.rows("select_held_stays", domain=domain, room=room, user=hold.subject)
            return sorted({_past_around(connection, key, *span) for span in found})

    def freeze(self, key: RoomKey, frozen: Ms, usage_until: Ms | None, *, cursor: int, epoch: int) -> None:
        """Record up to when the rows of a room are given. Inferred leaves up to then cannot be overridden any more."""
        with self._writing(cursor, epoch) as connection:
            connection.write("upsert_room_frozen", [(*key, frozen, usage_until)])
            if usage_until is not None:
                quarter = usage_until // QUARTER_MS
                connection.run("insert_given_quarters", domain=key[0], room=key[1], until=quarter)
            for mark in list(_unconfirmed_marks(connection, key, _BEFORE_ALL)):
                later = tuple(leave for leave in mark.unconfirmed if _first_join(leave) > frozen)
                if mark.at >= frozen or mark.at == _mark_until(connection, key, frozen):
                    row = (*key, mark.at, encode_unconfirmed(Mark(mark.at, later)))
                    connection.write("upsert_mark", [row])
            connection.write("update_checkpoint", [(None, *key)])

    def finish(
        self, key: RoomKey, events_until: Ms | None, meetings_until: Ms | None, *, cursor: int, epoch: int
    ) -> None:
        """Record up to when the events and meetings of a room have expired."""
        with self._writing(cursor, epoch) as connection:
            connection.run(
                "update_room_expired",
                domain=key[0],
                room=key[1],
                events=events_until,
                meetings=meetings_until,
            )

    def delete_events(self, key: RoomKey, span: Span, limit: int, *, cursor: int, epoch: int) -> bool:
        """Delete up to `limit` entries of a room in a span, and return whether there may be more.

        The last entry of the log stays, because its position and its time are those of the log. Entries that the engine
        has not processed yet stay, too.
        """
        values = {"domain": key[0], "room": key[1], "after": span[0], "until": span[1]}
        with self._writing(cursor, epoch) as connection:
            end, _ = connection.row("select_log_end") or (0, 0)
            position = min(cursor, end - 1)
            deleted = connection.run("delete_expired_entries", position=position, limit=limit, **values)
            if deleted < limit:
                connection.run("delete_expired_excluded_participants", **values)
                connection.run("delete_expired_corrections", **values)
        return deleted >= limit

    def delete_meetings(self, key: RoomKey, span: Span, limit: int, *, cursor: int, epoch: int) -> bool:
        """Delete up to `limit` stays of a room in a span, after all meetings; return whether there may be more.

        Usage stays.
        """
        domain, room = key
        values: dict[str, Any] = {"domain": domain, "room": room, "after": span[0], "until": span[1]}
        batch = BatchChanges(cursor)
        with self._writing(cursor, epoch) as connection:
            ids = [row[0] for row in connection.rows("select_expired_meetings", limit=_MEETINGS, **values)]
            if ids:
                batch.meetings.update({(domain, name): None for name in ids})
                write_rows(connection, batch)
                connection.write("delete_published_meeting", [(domain, name) for name in ids])
                return True
            stays = connection.rows("select_expired_stays", limit=limit, **values)
            batch.stays.update({(*stay,): None for stay in stays})
            write_rows(connection, batch)
            if len(stays) >= limit:
                return True
            connection.run("delete_expired_superseded_meetings", **values)
            connection.run("delete_expired_corrections", **values)
            last = _mark_until(connection, key, span[1])
            if last is not None:
                connection.run("delete_expired_marks", **values | {"until": last})
        return False

    def delete_messages(
        self, domain: str, after: tuple[Ms, int], before: Ms, expires: Callable[[str, Ms], bool], limit: int,
        *, cursor: int, epoch: int,
    ) -> tuple[Ms, int] | None:  # fmt: skip
        """Delete those of some messages of a domain that expire, with their deliveries. Return where to go on, or None.

        `expires` is asked for each with its room and its time. The last message stays, so that its position is not used again.
        """
        values = {
            "domain": domain,
            "created": after[0],
            "position": after[1],
            "before": before,
            "limit": limit,
        }
        with self._writing(cursor, epoch) as connection:
            rows = connection.rows("select_old_messages", **values)
            deleted = [(position,) for position, room, at, _ in rows if expires(room, at)]
            endpoints = [row[0] for row in connection.rows("select_endpoint_ids", domain=domain)]
            pairs = [(endpoint, position) for endpoint in endpoints for (position,) in deleted]
            for name, some in (
                ("delete_expired_message", deleted),
                ("delete_expired_delivery", pairs),
                ("delete_expired_attempts", pairs),
            ):
                if some:
                    connection.write(name, some)
        return (rows[-1][3], rows[-1][0]) if len(rows) == limit else None

    def delete_dead_letters(self, domain: str, before: Ms, *, cursor: int, epoch: int) -> None:
        """Delete the dead letters of a domain that were received before a time, and what older errors quoted."""
        with self._writing(cursor, epoch) as connection:
            connection.run("delete_expired_dead_letters", domain=domain, before=before)
            connection.run("clear_expired_source_details", domain=domain, before=before)

    def forget_deleted(self) -> None:
        """Remove what was deleted from the write-ahead log."""
        self._database.forget_deleted()

    @contextmanager
    def _writing(self, cursor: int, epoch: int) -> Iterator[Connection]:
        """Give a connection in a transaction. Raise `LeadershipLost` if another engine is the leader now."""
        with self._database.writing() as connection:
            if connection.run("advance_cursor", cursor=cursor, epoch=epoch) != 1:
                raise LeadershipLost("another process runs the engine now")
            erase_deleted = self._database.dialect.get("erase_deleted")
            if erase_deleted is not None:
                connection.run_text(erase_deleted)
            yield connection


def spans_up_to(until: Ms | None, held: Sequence[Span]) -> Iterator[Span]:
    """Yield what lies up to a moment and is not held."""
    if until is None:
        return
    start = _BEFORE_ALL
    for first, last in held:
        if first > start:
            yield start, min(first, until)
        start = max(start, last)
        if start >= until:
            return
    if start < until:
        yield start, until


def _end_of_past(connection: Connection, key: RoomKey, until: Ms) -> Ms | None:
    values = {"domain": key[0], "room": key[1]}
    latest = connection.row("select_latest_mark", **values)
    if latest is None or latest[0] <= until:
        # Nobody has been in the room since the last mark, or ever, if nobody is in it now.
        if connection.row("select_room_is_idle", **values) is not None:
            return until
    while (end := _mark_until(connection, key, until)) is not None:
        leaves = (
            leave for mark in _unconfirmed_marks(connection, key, end - 1) for leave in mark.unconfirmed
        )
        straddling = [_first_join(one) for one in leaves if _first_join(one) <= end < _last_join(one)]
        if not straddling:
            return end
        until = min(straddling) - 1
    return None


def _unconfirmed_marks(connection: Connection, key: RoomKey, after: Ms) -> Iterator[Mark]:
    rows = connection.rows("select_unconfirmed_marks", domain=key[0], room=key[1], after=after)
    return (decode_mark(*row) for row in rows)


def _unconfirmed_at(connection: Connection, key: RoomKey, at: Ms) -> Sequence[tuple[Any, ...]]:
    """Return the inferred leaves that were unconfirmed at a moment at which nobody was in a room."""
    row = connection.row("select_mark_before", domain=key[0], room=key[1], at=at + 1)
    return () if row is None else decode_mark(*row).unconfirmed


def _first_join(leave: Sequence[Any]) -> Ms:
    """Return the join of the first stay of an unconfirmed leave: see `OpenStay.pack`."""
    join: Ms = leave[0][1]
    return join


def _last_join(leave: Sequence[Any]) -> Ms:
    join: Ms = max(stay[1] for stay in leave)
    return join


def _redacted_correction(text: str, pseudonym: Callable[[str], str]) -> str:
    """Return what a correction changed, without names."""
    changes = msgspec.json.decode(text)
    event = changes["event"]
    if event is not None and event["participant_id"] is not None:
        event["participant_id"] = pseudonym(event["participant_id"])
    for stay in (*changes["stays_before"], *changes["stays_after"]):
        stay["participant_id"] = pseudonym(stay["participant_id"])
        stay.update(dict.fromkeys(("user_id", "user_name", "attributes")))
    return msgspec.json.encode(changes).decode()


def _is_empty(connection: Connection, key: RoomKey, span: Span, position: int) -> bool:
    values = {"domain": key[0], "room": key[1], "after": span[0], "until": span[1], "position": position}
    return span[0] == span[1] or connection.row("select_anything_between", **values) is None


def _mark_until(connection: Connection, key: RoomKey, until: Ms) -> Ms | None:
    (found,) = connection.row("select_mark_until", domain=key[0], room=key[1], until=until) or (None,)
    return None if found is None else int(found)


def _past_around(connection: Connection, key: RoomKey, start: Ms, end: Ms) -> Span:
    """Return the past that contains a time: from the last mark before it to the first mark after it."""
    first = _mark_until(connection, key, start - 1)
    (last,) = connection.row("select_mark_since", domain=key[0], room=key[1], since=end) or (None,)
    return _BEFORE_ALL if first is None else first, NEVER if last is None else int(last)
