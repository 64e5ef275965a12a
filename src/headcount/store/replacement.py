"""Rebuilt tables: the log copied to another store, and projections compared or replaced.

Corrections and replaced ids do not follow from the log, so they stay as they are.

Responsible for copying, comparing and replacing tables. Must not know how projections are computed. Its statements
are built here, because a table cannot be a value.
"""

from collections.abc import Iterator
from typing import Any, Final

from headcount.store.database import Connection, Database
from headcount.store.projections import write_rows
from headcount.store.room_rows import given_rows
from headcount.store.stored_secrets import store_secret

_PAGE_SIZE: Final = 20_000
_ENTRIES: Final = (
    "position, domain, room, kind, at_ms, received_ms, participant_id, user_id, user_name, source_session,"
    " joined_ms, inferred, event_id, event_key, origin, snapshot, attributes, sender, digest, salt, commitment"
)
_GIVEN: Final = {
    "room_retention": "domain, room, names_until_ms, events_until_ms, meetings_until_ms, frozen_ms, usage_until_ms",
    "given_quarters": "domain, quarter, room, meetings, participant_ms, peak_participants, peak_offset_ms, initial_participants, steps, parts",
    "long_values": "domain, digest, value",
}
"""Tables that retention has written, and what they need."""
_TABLES: Final = {
    "meetings": (
        "domain, id, room, start_ms, end_ms, max_participants, carried_join_ms, carried_participant_id",
        2,
    ),
    "meeting_counts": ("domain, day, meetings", 2),
    "ended_meeting_counts": ("domain, period, minutes, max_participants, meetings", 4),
    "meeting_attributes": ("domain, key, value, start_s, id", 5),
    "meeting_attribute_counts": ("domain, key, value, day, meetings", 4),
    "attribute_keys": ("domain, key", 2),
    "stays": ("domain, room, join_ms, participant_id, leave_ms, left_by, user_id, user_name, attributes", 4),
    "pending_stays": ("domain, room, join_ms, participant_id, user_id, user_name, attributes", 4),
    "marks": ("domain, room, at_ms, unconfirmed", 3),
    "rooms": ("domain, room, finalized_ms, deadline_ms, created_ms", 2),
    "deferred_rooms": ("domain, room, position, reason, attempts, since_ms, retry_ms, release", 2),
    "room_quarters": (
        "domain, room, quarter, meetings, participant_ms, peak_participants, peak_offset_ms, initial_participants, steps, parts",
        3,
    ),
    "domain_quarters": (
        "domain, attribute, value, quarter, meetings, participant_ms, peak_participants, peak_offset_ms, initial_participants",
        4,
    ),
    "domain_steps": ("domain, attribute, value, quarter, steps", 4),
    "room_totals": (
        "domain, attribute, value, scale, period, room, meetings, participant_ms, peak_participants",
        6,
    ),
    "value_totals": (
        "domain, attribute, scale, period, value, meetings, participant_ms, peak_participants, peak_ms",
        5,
    ),
    "long_values": ("domain, digest, value", 2),
}
"""Each table's columns, the key first, and how many of them are the key."""
_COMPARED: Final = tuple(
    table for table in _TABLES if table not in {"attribute_keys", "rooms", "deferred_rooms", "long_values"}
)
"""Keys and long values of stays that were corrected remain."""
_CONSEQUENCES: Final = (
    "pending_rollups", "published_meetings", "pending_notifications", "superseded_meetings", "corrections",
)  # fmt: skip
"""Further tables that only an engine writes. Messages that were written remain."""
_EMPTY: Final = dict.fromkeys(
    ("meeting_counts", "ended_meeting_counts", "meeting_attribute_counts"), "meetings = 0"
)
"""Conditions of rows that are equal to no row."""


def copy_log(source: Database, target: Database) -> None:
    """Copy all entries, with their positions, and the secret with which their keys and pseudonyms are made."""
    secret = store_secret(source)
    with target.writing() as connection:
        connection.run("update_store_secret", secret=secret)
    position = 0
    while True:
        text = f"select {_ENTRIES} from entries where position > :position order by position limit :limit"  # noqa: S608 - our own
        with source.reading() as connection:
            rows = connection.query(text, {"position": position, "limit": _PAGE_SIZE})
        if not rows:
            return
        with target.writing() as connection:
            connection.write_text(_insert("entries", _ENTRIES), rows)
        position = rows[-1][0]


def copy_given(source: Database, target: Database) -> None:
    """Copy what does not follow from the log any more: the rows of frozen rooms up to that time, and given usage."""
    with source.reading() as reader, target.writing() as writer:
        for table, columns in _GIVEN.items():
            rows = reader.query(f"select {columns} from {table}", {})  # noqa: S608 - our own
            if rows:
                writer.write_text(_insert(table, columns), rows)
        frozen = reader.rows("select_frozen_rooms")
        for domain, room, until in frozen:
            write_rows(writer, given_rows(reader, (domain, room), until))
        writer.run("insert_all_pending_rollups")
        writer.run("insert_given_pending_rollups")


def first_difference(current: Database, rebuilt: Database) -> str | None:
    """Return the first difference between two stores as a sentence, or None."""
    for table in _COMPARED:
        with current.reading() as one, rebuilt.reading() as other:
            for mine, theirs in _pairs(one, other, table):
                if mine != theirs:
                    return (
                        f"{table}: the table has {mine or 'nothing'}, the log leads to {theirs or 'nothing'}"
                    )
    return None


def clear_tables(connection: Connection) -> None:
    """Delete everything that follows from a log which is elsewhere, and what was inferred from it."""
    for table in (*_TABLES, *_CONSEQUENCES, "entries", "shards"):
        connection.run_text(f"delete from {table}")  # noqa: S608 - our own


def note_replacement(database: Database, connection: Connection) -> None:
    """Record that the tables are others now, so that an incremental export compares everything."""
    connection.run_text(f"update engine_state set generation = {database.dialect['now_ms']}")  # noqa: S608 - our own


def replace_tables(source: Database, target: Database) -> None:
    """Replace the projections of a store by those of another one, atomically."""
    with source.reading() as reader, target.writing() as connection:
        for table, (columns, _) in _TABLES.items():
            connection.run_text(f"delete from {table}")  # noqa: S608 - our own
            for rows in _pages(reader, table):
                connection.write_text(_insert(table, columns), rows)
        connection.run_text("delete from pending_rollups")
        cursor, _ = reader.row("select_cursor") or (0, 0)
        connection.run("set_cursor", cursor=cursor)
        note_replacement(target, connection)


def _pairs(one: Connection, other: Connection, table: str) -> Iterator[tuple[Any, Any]]:
    mine, theirs = _rows(one, table), _rows(other, table)
    while True:
        pair = next(mine, None), next(theirs, None)
        if pair == (None, None):
            return
        yield pair


def _rows(connection: Connection, table: str) -> Iterator[tuple[Any, ...]]:
    for rows in _pages(connection, table):
        yield from rows


def _pages(connection: Connection, table: str) -> Iterator[list[tuple[Any, ...]]]:
    """Yield all rows of a table in the order of its key, in pages."""
    columns, size = _TABLES[table]
    key = columns.split(", ")[:size]
    last: tuple[Any, ...] | None = None
    while True:
        values = {f"k_{name}": value for name, value in zip(key, last or (), strict=False)}
        marks = ", ".join(f":{name}" for name in values)
        conditions = [f"({', '.join(key)}) > ({marks})"] if last else []
        conditions += [f"not {_EMPTY[table]}"] if table in _EMPTY else []
        where = f"where {' and '.join(conditions)}" if conditions else ""
        text = f"select {columns} from {table} {where} order by {', '.join(key)} limit :limit"  # noqa: S608 - our own
        rows = connection.query(text, {**values, "limit": _PAGE_SIZE})
        if not rows:
            return
        yield rows
        last = rows[-1][:size]


def _insert(table: str, columns: str) -> str:
    marks = ", ".join("?" * (columns.count(",") + 1))
    return f"insert into {table} ({columns}) values ({marks})"  # noqa: S608 - our own
