"""Views for other programs: each row is what the API answers, on both databases, and a filter is served by indexes."""

import json
import time
from datetime import UTC, datetime

import pytest

from headcount.http.serializer import Serializer
from headcount.store.database import consistent_read
from headcount.store.meeting_lists import MeetingFilter, Page
from headcount.store.usage.quarters import QUARTER_MS
from support.changing_lives import DAY, ChangingLife
from support.stored import DOMAIN

COLUMNS = {
    "meetings_v1": "domain id room start_time started_at ended_at duration ongoing max_participants participants",
    "participants_v1": "domain meeting_id room start_time participant_id user_id user_name join_time joined_at left_at"
    " duration left_by attributes",
    "usage_hourly_v1": "domain room start_time hour meetings participant_seconds participant_minutes max_participants",
}
HOUR = ("room", "start_time")
TIMES = {"started_at", "ended_at", "joined_at", "left_at", "hour"}


def yesterday():
    """A midnight, so that ongoing meetings last until the clock of the database and not for months."""
    return (int(time.time()) // 86_400 - 1) * DAY


def read(store, view):
    """The rows of a view as dictionaries, times in ms, and the time at which the database has computed them."""
    columns, now = COLUMNS[view].split(), store.database.dialect["now_ms"]
    with consistent_read(store.database) as connection:
        if store.database.system == "sqlite":  # its clock stands still for one row only
            text = f"select json_group_array(json_array({now}, {', '.join(columns)})) from {view}"
            rows = json.loads(connection.query(text, {})[0][0])
        else:
            rows = connection.query(f"select {now}, {', '.join(columns)} from {view}", {})
    found = [dict(zip(columns, row[1:], strict=True)) for row in rows]
    for row in found:
        row |= {name: in_ms(row[name]) for name in TIMES & row.keys()}
        if isinstance(row.get("attributes"), str):
            row["attributes"] = json.loads(row["attributes"])
    return found, rows[0][0] if rows else 0


def in_ms(value):
    if value is None:
        return None
    if isinstance(value, str):
        assert value.endswith("Z")
        value = datetime.fromisoformat(value)
    assert value.tzinfo is not None
    return round((value - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000)


def every(store):
    rows = store.meetings.page(DOMAIN, MeetingFilter(), Page(limit=10_000), 0)
    return rows, store.meetings.entries(rows)


def meetings_of_api(store, now):
    rows, entries = every(store)
    serializer = Serializer(now, 1, includes_attributes=True)
    for row in rows:
        shown = serializer.meeting(row)
        yield {
            "domain": row.domain, "id": row.id, "room": row.room, "start_time": shown.start_time, "started_at": row.start,
            "ended_at": row.end, "duration": shown.duration, "ongoing": shown.ongoing,
            "max_participants": shown.max_participants, "participants": len(entries[row.id]),
        }  # fmt: skip


def participants_of_api(store, now):
    rows, entries = every(store)
    serializer = Serializer(now, 1, includes_attributes=True)
    for row in rows:
        for entry, shown in zip(entries[row.id], serializer.participants(row, entries[row.id]), strict=True):
            yield {
                "domain": row.domain, "meeting_id": row.id, "room": row.room, "start_time": serializer.second(row.start),
                "participant_id": shown.participant_id, "user_id": shown.user_id, "user_name": shown.user_name,
                "join_time": shown.join_time, "joined_at": entry.join, "left_at": entry.leave, "duration": shown.duration,
                "left_by": entry.left_by, "attributes": json.loads(bytes(shown.attributes)),
            }  # fmt: skip


def usage_of_api(store, now, since):
    hour_ms = 4 * QUARTER_MS
    first, until = since // hour_ms * 4, now // hour_ms * 4 + 4
    rooms, _ = store.usage.by_room(DOMAIN, None, first, until, now)
    for room in (one.room for one in rooms):
        hours = {}
        for number, quarter in store.usage.by_quarter(DOMAIN, room, first, until, now).items():
            hours.setdefault(number // 4, []).append(quarter)
        for hour, quarters in hours.items():
            used = sum(one.participant_ms for one in quarters)
            yield {
                "domain": DOMAIN, "room": room, "start_time": hour * 3_600, "hour": hour * hour_ms,
                "meetings": sum(one.meetings for one in quarters), "participant_seconds": used // 1_000,
                "participant_minutes": pytest.approx(used / 60_000), "max_participants": max(one.peak for one in quarters),
            }  # fmt: skip


def by_key(rows, *key):
    found = {tuple(row[name] for name in key): row for row in rows}
    assert len(found) == len(rows)
    return found


def check(store, since):
    for view, answer, key in (
        ("meetings_v1", meetings_of_api, ("id",)),
        ("participants_v1", participants_of_api, ("meeting_id", "participant_id", "joined_at")),
        ("usage_hourly_v1", lambda store, now: usage_of_api(store, now, since), HOUR),
    ):
        rows, now = read(store, view)
        assert by_key(rows, *key) == by_key(list(answer(store, now)), *key), view
    return rows


@pytest.mark.parametrize("seed", range(2))
def test_each_row_is_what_the_api_answers_whatever_has_happened(store, seed):
    since = yesterday()
    life = ChangingLife(store, seed, since)
    seen = sum(bool(check(store, since)) for _ in life.rounds())
    usage = by_key(check(store, since), *HOUR)
    assert seen > 3
    # Half of the quarters are pending, and some of them were given by retention.
    store.usage_rollup.reset()
    for _ in range(3):
        assert by_key(read(store, "usage_hourly_v1")[0], *HOUR) == usage
        store.usage_rollup.step(2)
