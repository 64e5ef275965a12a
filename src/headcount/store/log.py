"""Log: the accepted entries in the order of their commits. The log is append-only.

Responsible for appending entries and for reading them back. Must not know what the engine does with them.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import islice
from os import urandom
from typing import Any

from headcount.kernel.events import Event, Ms, with_implied_join
from headcount.kernel.rules import NEVER
from headcount.store.data_minimal import DataMinimal
from headcount.store.database import Connection, Database, NoLogHere
from headcount.store.pseudonyms import SALT_BYTES, Pseudonymizer, pseudonyms_of
from headcount.store.records import AppendResult, LogEntry, StoredEntry, decode_event

_new = tuple.__new__  # makes a named tuple of a row, in half the time of `_make`


class Log:
    """The log of all domains."""

    def __init__(self, database: Database, minimal: DataMinimal | None = None) -> None:
        self._database = database
        self._minimal = minimal or DataMinimal(database)

    @cached_property
    def _pseudonyms(self) -> Pseudonymizer:
        return pseudonyms_of(self._database)

    def append(self, groups: Sequence[Sequence[LogEntry]]) -> list[AppendResult]:
        """Append the entries of several requests in one commit, and return the result of each request.

        The entries are durable when this returns. If it raises, none of them is stored. In a domain in the data-minimal
        mode, nothing that names a person is written.
        """
        groups = self._minimal.groups(groups)
        rows = rows_of((entry for group in groups for entry in group), self._pseudonyms)
        end = self._database.write_new("insert_new_entries", rows)
        if end is not None:
            return [AppendResult(len(group), 0, end) for group in groups]
        with self._database.writing() as connection:
            accepted = append_rows(connection, _regrouped(rows, groups))
            end, _ = connection.row("select_log_end") or (0, 0)
        return [AppendResult(new, len(group) - new, end) for new, group in zip(accepted, groups, strict=True)]

    def require(self, entries: Sequence[LogEntry]) -> None:
        """Raise `StoreBusy` if this log must not receive these entries."""

    def after(self, position: int, limit: int) -> list[StoredEntry]:
        """Return the entries after `position`, up to `limit`."""
        with self._database.reading() as connection:
            rows = connection.rows("select_entries", position=position, limit=limit)
            return [_new(StoredEntry, row) for row in rows]

    def in_domain(
        self, domain: str, after: int, until: int, limit: int, *, room: str | None = None
    ) -> list[StoredEntry]:
        """Return the entries of a domain, or of one room, in (after, until], up to `limit`.

        It reads all entries between the two positions.
        """
        with self._database.reading() as connection:
            rows = connection.rows(
                "select_domain_entries", domain=domain, room=room, position=after, until=until, limit=limit
            )
            return [_new(StoredEntry, row) for row in rows]

    def with_stored_times(self, entries: Sequence[LogEntry]) -> list[LogEntry]:
        """Return entries as they are stored: a duplicate has the time of its first entry."""
        with self._database.reading() as connection:
            times = [
                connection.row(
                    "select_entry_time",
                    domain=entry.domain,
                    event_key=self._pseudonyms.entry_key(entry.key, entry.at),
                )
                for entry in entries
            ]
        return [
            entry if time is None else entry._replace(at=time[0])
            for entry, time in zip(entries, times, strict=True)
        ]

    def end(self) -> tuple[int, Ms]:
        """Return the last position and when its entry was received, or (0, 0) if there is none."""
        with self._database.reading() as connection:
            position, received = connection.row("select_log_end") or (0, 0)
            return position, received


class NoLog(Log):
    """The log of a service that answers requests only."""

    def append(self, groups: Sequence[Sequence[LogEntry]]) -> list[AppendResult]:  # noqa: ARG002 - the log's
        """Raise `NoLogHere`."""
        raise NoLogHere(
            "this server does not accept events, because it has no engine and no topic: start it with"
            " --log kafka://HOST:PORT/TOPIC"
        )


def rows_of(entries: Iterable[LogEntry], pseudonyms: Pseudonymizer) -> list[tuple[Any, ...]]:
    """Return entries as rows: with a keyed key, and with a random salt beside their personal fields."""
    entries = list(entries)
    salts, key = urandom(SALT_BYTES * len(entries)), pseudonyms.entry_key
    return [
        (*entry[:12], key(entry[12], entry[3]), *entry[13:], salts[SALT_BYTES * i : SALT_BYTES * (i + 1)])
        for i, entry in enumerate(entries)
    ]


def _regrouped(
    rows: Sequence[tuple[Any, ...]], groups: Sequence[Sequence[Any]]
) -> list[Sequence[tuple[Any, ...]]]:
    """Return rows in groups of the same sizes as these."""
    remaining = iter(rows)
    return [list(islice(remaining, len(group))) for group in groups]


def append_rows(connection: Connection, groups: Sequence[Sequence[tuple[Any, ...]]]) -> list[int]:
    """Append in the current transaction, and return how many entries of each group were new.

    Nearly always all are new, and one statement inserts all groups. Otherwise each group needs its own count.
    """
    connection.lock_log()
    entries = [entry for group in groups for entry in group]
    if len(groups) > 1:
        connection.run_text("savepoint all_new")
        if connection.write("insert_entries", entries) == len(entries):
            return [len(group) for group in groups]
        connection.run_text("rollback to savepoint all_new")
    return [max(0, connection.write("insert_entries", group)) if group else 0 for group in groups]


def events_between(
    connection: Connection, domain: str, room: str, after: Ms, until: Ms, finalized: Ms, position: int
) -> list[Event]:
    """Return the events in (after, until] that follow from entries up to `finalized` and `position`, by time.

    A leave that knows its join is two events (R1), which may lie far apart.
    """
    bounds = {"domain": domain, "room": room, "after": after, "position": position}
    own = connection.rows("select_room_events", until=min(until, finalized), **bounds)
    joins = connection.rows("select_joins_of_later_leaves", until=until, finalized=finalized, **bounds)
    events = [event for row in (*own, *joins) for event in with_implied_join(decode_event(room, *row))]
    return sorted((event for event in events if after < event.at <= until), key=lambda event: event.at)


def events_after(connection: Connection, domain: str, room: str, after: Ms, position: int) -> list[Event]:
    """Return the events of a room after a time, up to a position, by time and as they were reported."""
    rows = connection.rows(
        "select_room_events", domain=domain, room=room, after=after, until=NEVER, position=position
    )
    return [decode_event(room, *row) for row in rows]
