"""Log: what was accepted, in the order in which it was committed. Only ever appended to."""

from collections.abc import Sequence

from headcount.kernel.events import Event, Ms, with_implied_join
from headcount.kernel.rules import NEVER
from headcount.store.database import Connection, Database
from headcount.store.records import AppendResult, LogEntry, StoredEntry, decode_event


class Log:
    """The log of all domains."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, groups: Sequence[Sequence[LogEntry]]) -> list[AppendResult]:
        """Append several requests' entries in one commit, and say what became of each request's.

        When it returns, they are on the disk. If it raises, none of them was taken.
        """
        end = self._database.write_new("insert_new_entries", [entry for group in groups for entry in group])
        if end is not None:
            return [AppendResult(len(group), 0, end) for group in groups]
        with self._database.writing() as connection:
            accepted = append_to(connection, groups)
            end, _ = connection.row("select_log_end") or (0, 0)
        return [AppendResult(new, len(group) - new, end) for new, group in zip(accepted, groups, strict=True)]

    def after(self, position: int, most: int) -> list[StoredEntry]:
        """The entries after `position`, at most so many."""
        with self._database.reading() as connection:
            return [_logged(*row) for row in connection.rows("select_entries", position=position, limit=most)]

    def after_in_room(
        self, domain: str, room: str, position: int, until: int, most: int
    ) -> list[StoredEntry]:
        """The entries of one room in (position, until], at most so many. It looks at all entries between."""
        with self._database.reading() as connection:
            rows = connection.rows(
                "select_room_entries", domain=domain, room=room, position=position, until=until, limit=most
            )
            return [_logged(*row) for row in rows]

    def after_in_domain(self, domain: str, position: int, until: int, most: int) -> list[StoredEntry]:
        """The entries of one domain in (position, until], at most so many. It looks at all entries between."""
        with self._database.reading() as connection:
            rows = connection.rows(
                "select_domain_entries", domain=domain, position=position, until=until, limit=most
            )
            return [_logged(*row) for row in rows]

    def end(self) -> tuple[int, Ms]:
        """The last position, and when its entry was received; (0, 0) while there is none."""
        with self._database.reading() as connection:
            position, received = connection.row("select_log_end") or (0, 0)
            return position, received


def append_to(connection: Connection, groups: Sequence[Sequence[LogEntry]]) -> list[int]:
    """Append within a transaction that is under way: how many of each group were new.

    Nearly always all are, and one statement can take them all. Only if not, it matters whose were.
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
    connection: Connection, domain: str, room: str, after: Ms, until: Ms, settled: Ms, position: int
) -> list[Event]:
    """What the entries up to `position` and `settled` say of (after, until], in order of time.

    A leave that knows its join says two things (R1), and the two may lie far apart.
    """
    bounds = {"domain": domain, "room": room, "after": after, "position": position}
    own = connection.rows("select_room_events", until=min(until, settled), **bounds)
    joins = connection.rows("select_joins_of_later_leaves", until=until, finalized=settled, **bounds)
    said = [fact for row in (*own, *joins) for fact in with_implied_join(decode_event(room, *row))]
    return sorted((fact for fact in said if after < fact.at <= until), key=lambda fact: fact.at)


def events_after(connection: Connection, domain: str, room: str, after: Ms, position: int) -> list[Event]:
    """The events of a room after a moment, in order of time, as they were said."""
    rows = connection.rows(
        "select_room_events", domain=domain, room=room, after=after, until=NEVER, position=position
    )
    return [decode_event(room, *row) for row in rows]


def _logged(
    position: int, domain: str, room: str, at: Ms, received: Ms, origin: int, listed: str | None, kind: int,
    *fields: str | int | None,
) -> StoredEntry:  # fmt: skip
    return StoredEntry(position, domain, room, at, received, origin, listed, kind, fields)
