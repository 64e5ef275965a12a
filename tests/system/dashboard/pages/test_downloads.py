"""Exports: files with all matches that other programs can read."""

import csv
import io
import json
import re
import time
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar
from openpyxl import load_workbook

from support.browser import BASE, create_meeting, send_events, sign_in

BERLIN = ZoneInfo("Europe/Berlin")


def lines_of(answer):
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


def sheet_of(answer, name=None):
    book = load_workbook(io.BytesIO(answer.content))
    header, *rows = (book[name] if name else book.active).iter_rows(values_only=True)
    return [dict(zip(header, row, strict=True)) for row in rows]


@pytest.fixture
def client(service):
    return sign_in(service)


def test_an_export_of_meetings_has_all_matches_and_names_its_time_zone(service, client):
    for number in range(60):
        create_meeting(service, f"file {number:02}", ago=9_000 - number * 100, lasted=60)
    create_meeting(service, "another", ago=9_000)
    asked = {"min_people": 2, "min_minutes": 0, "state": "ended", "order": "asc"}
    meetings = (
        service.client().get("/meetings?limit=100&ongoing=false&min_participants=2&order=asc").json()["data"]
    )
    lines = lines_of(client.get(f"{BASE}/meetings.csv", params=asked))
    assert [line["Meeting ID"] for line in lines] == [one["id"] for one in meetings]
    assert [line["Meeting ID"] for line in sheet_of(client.get(f"{BASE}/meetings.xlsx", params=asked))] == [
        one["id"] for one in meetings
    ]
    first = lines[0]
    began = datetime.fromisoformat(first["Start (Europe/Berlin)"])
    start = datetime.fromtimestamp(meetings[0]["start_time"], BERLIN)
    assert (int(began.timestamp()), began.utcoffset()) == (meetings[0]["start_time"], start.utcoffset())
    assert float(first["Duration (s)"]) == pytest.approx(60, abs=1)
    assert (first["People"], first["Peak participants"], first["Ongoing"]) == ("2", "2", "false")


def test_an_export_of_attendance_has_native_times_and_percentages(service, client, room):
    meeting = create_meeting(service, room, ago=1_000, lasted=600)
    bob = next(row for row in sheet_of(client.get(f"{BASE}/meetings/{meeting}.xlsx")) if row["Name"] == "Bob")
    joined = datetime.fromtimestamp(time.time() - 980, BERLIN).replace(tzinfo=None)
    assert abs(bob["First join (Europe/Berlin)"] - joined) < timedelta(seconds=20)
    assert bob["Duration"] == pytest.approx(timedelta(seconds=280), abs=timedelta(seconds=1))
    assert bob["Attendance"] == pytest.approx(280 / 600, abs=0.01)
    assert bob["In the meeting"] is False


def test_an_export_of_attendance_has_a_column_for_each_attribute(service, client, room):
    known = {"role": "host", "email": "=1+1", "seat": 7, "vip": True}
    meeting = create_meeting(service, room, ago=1_000, lasted=600, attributes=known)
    ana, bob = lines_of(client.get(f"{BASE}/meetings/{meeting}.csv"))
    columns = [f"attributes.{key}" for key in sorted(known)]
    assert list(ana)[-4:] == columns
    assert [ana[column] for column in columns] == ["'=1+1", "host", "7", "true"]
    assert [bob[column] for column in columns] == [""] * 4
    ana, bob = sheet_of(client.get(f"{BASE}/meetings/{meeting}.xlsx"))
    assert [ana[column] for column in columns] == ["=1+1", "host", 7, True]
    assert [bob[column] for column in columns] == [None] * 4
    ana, bob = client.get(f"{BASE}/meetings/{meeting}.json").json()["people"]
    assert (ana["attributes"], bob["attributes"]) == (known, {})
    (attended,) = lines_of(client.get(f"{BASE}/person.csv", params={"id": f"u-ana-{room}"}))
    assert json.loads(attended["Attributes"]) == known


def test_a_name_is_never_a_formula(service, client, room):
    formula = '=HYPERLINK("https://evil.example","here")'
    send_events(
        service,
        (room, "join", "x", 500, {"user_name": formula}), (room, "join", "y", 500),
        (room, "end", None, 100),
    )  # fmt: skip
    (row,) = client.get(f"{BASE}/meetings.json", params={"room": room}).json()["rows"]
    lines = lines_of(client.get(f"{BASE}/meetings/{row['id']}.csv"))
    assert f"'{formula}" in [line["Name"] for line in lines]
    book = load_workbook(io.BytesIO(client.get(f"{BASE}/meetings/{row['id']}.xlsx").content))
    assert [(cell.data_type, cell.hyperlink) for cell in book.active["A"] if cell.value == formula] == [
        ("s", None)
    ]


def test_a_calendar_has_the_meetings_of_a_room_or_a_person(service, client, room):
    meeting = create_meeting(service, room)
    for path, asked in (("room", {"name": room}), ("person", {"id": f"u-ana-{room}"})):
        answer = client.get(f"{BASE}/{path}.ics", params=asked)
        assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
        (event,) = Calendar.from_ical(answer.content).walk("VEVENT")
        assert (str(event["UID"]), str(event["SUMMARY"])) == (meeting, room)
        assert event.decoded("DTEND") - event.decoded("DTSTART") in (
            timedelta(seconds=300),
            timedelta(seconds=301),
        )
        assert "Ana Silva" in str(event["DESCRIPTION"])


def test_the_name_of_a_file_has_its_content(client, service):
    meeting = create_meeting(service, 'Ångström/2 "x"')
    disposition = client.get(f"{BASE}/meetings/{meeting}.csv").headers["content-disposition"]
    assert disposition.startswith('attachment; filename="')
    assert re.search(r"filename\*=UTF-8''%C3%85ngstr%C3%B6m-2-x-20", disposition)
    assert "/" not in disposition.split("UTF-8''")[0].removeprefix("attachment; ")


def test_a_file_is_exported_with_the_button(dashboard, service, room):
    create_meeting(service, room)
    page = dashboard.at(f"/meetings?room={room}")
    page.locator("summary", has_text="Export").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    with Path(download.value.path()).open(encoding="utf-8-sig") as file:
        assert [line["Room"] for line in csv.DictReader(file)] == [room]


def test_usage_is_the_same_as_in_the_api(service, client, room):
    create_meeting(service, room, ago=1_000, lasted=600)
    today = datetime.now(BERLIN).date()
    since = today - timedelta(days=1)  # it may be just after midnight
    asked = {"group_by": "day", "from": str(since), "timezone": "Europe/Berlin", "room": room}
    answer = service.client().get("/usage", params=asked).json()
    page = client.get(
        f"{BASE}/usage.json", params={"room": room, "from": str(since), "to": str(today)}
    ).json()
    assert page["bucket"] == "hour"
    assert page["total"]["meetings"] == answer["totals"]["meetings"] == 1
    assert int(page["total"]["participant_seconds"]) == answer["totals"]["participant_seconds"]
    assert page["total"]["max_participants"] == answer["totals"]["max_participants"] == 2
    assert sum(one["participant_seconds"] for one in page["buckets"]) == pytest.approx(
        page["total"]["participant_seconds"]
    )
    assert sum(map(sum, page["week"])) * 60 == pytest.approx(page["total"]["participant_seconds"], abs=1)
    lines = lines_of(
        client.get(f"{BASE}/usage.csv", params={"room": room, "from": str(since), "to": str(today)})
    )
    assert sum(float(line["Participant time (s)"]) for line in lines) == pytest.approx(
        page["total"]["participant_seconds"], abs=0.1
    )
    rooms = sheet_of(
        client.get(f"{BASE}/usage.xlsx", params={"from": str(since), "to": str(today)}), "Usage per room"
    )
    assert room in [row["Room"] for row in rooms]


def test_the_rooms_of_a_long_range_are_loaded_later(dashboard, service, room):
    create_meeting(service, room, ago=1_000, lasted=600)
    page = dashboard.at("/usage?from=2025-01-01")
    page.get_by_role("link", name=room, exact=True).wait_for()


def test_a_day_of_25_hours_has_25_buckets(client):
    page = client.get(f"{BASE}/usage.json?from=2026-10-25&to=2026-10-25&timezone=Europe/Berlin").json()
    assert len(page["buckets"]) == 25
    assert page["buckets"][2]["start"] != page["buckets"][3]["start"]


@pytest.mark.parametrize(
    "asked", ["from=2026-02-02&to=2026-02-01", "from=2010-01-01&to=2026-01-01", "from=soon"]
)
def test_invalid_days_are_refused_with_a_message(client, asked):
    answer = client.get(f"{BASE}/usage?{asked}")
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
