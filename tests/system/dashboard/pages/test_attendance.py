"""The page that compares a meeting with a roster, and print views."""

import csv
import io
import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from openpyxl import load_workbook
from playwright.sync_api import expect

from support.browser import BASE, BrowserSession, csrf_token_of, sign_in

BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2026, 3, 6, 9, 0, tzinfo=BERLIN)
MINUTES = {"Ana Silva": (0, 60), "Bo Li": (10, 60), "Cem Öz": (0, 50), "Dan Ray": (0, 20), "Guest": (0, 60)}
ROSTER = "name;e-mail\nAna Silva;ana@example.org\nLi, Bo;bo@example.org\nCem Oz;\nDan Ray;\nEve Fox;eve@example.org\n"
STATUSES = {
    "Ana Silva": "Present",
    "Bo Li": "Late",
    "Cem Öz": "Left early",
    "Dan Ray": "Partial",
    "Eve Fox": "Absent",
    "Guest": "Unexpected",
}


@pytest.fixture(scope="module")
def meeting(service):
    """An hour in which everybody of the roster has another status."""
    events = [
        {"room": "lecture", "kind": kind, "participant_id": name, "user_name": name, "at": (START + timedelta(minutes=at)).timestamp()}
        for name, times in MINUTES.items()
        for kind, at in zip(("join", "leave"), times, strict=True)
    ]  # fmt: skip
    assert service.client().post("/events?wait=true", json=events).status_code == 200
    (found,) = service.client().get("/meetings", params={"room": "lecture"}).json()["data"]
    return found["id"]


@pytest.fixture
def client(service):
    return sign_in(service)


def compare(client, meeting, files=None, **fields):
    csrf = csrf_token_of(client)
    path = f"{BASE}/meetings/{meeting}/attendance"
    return client.post(path, data={"csrf": csrf, **fields}, files=files)


def test_a_pasted_roster_shows_the_status_of_everybody(dashboard, meeting):
    page = dashboard.at(f"/meetings/{meeting}")
    page.locator(".actions").get_by_role("link", name="Attendance").click()
    page.get_by_label("Roster", exact=True).fill(ROSTER)
    page.get_by_role("button", name="Compare").click()
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(len(STATUSES))
    shown = {row.locator("th").inner_text(): row.locator(".flag").first.inner_text() for row in rows.all()}
    assert shown == STATUSES
    assert page.locator(".tile").all_inner_texts() == [
        "Expected\n5", "Present\n1", "Late\n1", "Left early\n1", "Partial\n1", "Absent\n1", "Unexpected\n1",
    ]  # fmt: skip
    page.get_by_role("button", name="Late 1", exact=True).click()
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("10m late")
    page.get_by_role("button", name="All 6").click()
    page.locator("th").get_by_role("button", name="Duration").click()
    expect(page.locator("th[aria-sort=ascending]")).to_contain_text("Duration")
    expect(rows.first).to_contain_text("Eve Fox")
    page.locator("th").get_by_role("button", name="Duration").click()
    expect(rows.last).to_contain_text("Eve Fox")


def test_thresholds_and_the_schedule_can_be_changed(dashboard, meeting):
    page = dashboard.at(f"/meetings/{meeting}/attendance")
    page.get_by_label("Roster", exact=True).fill(ROSTER)
    page.get_by_label("Minimum attendance").fill("20")
    page.get_by_label("Late after").fill("15")
    page.get_by_label("Left early").fill("15")
    page.get_by_role("button", name="Compare").click()
    tiles = page.locator(".tile")
    expect(tiles.nth(1)).to_contain_text("3")
    page.locator("summary", has_text="Roster and thresholds").click()
    page.get_by_label("Scheduled end").fill("2026-03-06T09:20")
    page.get_by_role("button", name="Compare").click()
    expect(tiles.nth(1)).to_contain_text("4")
    assert page.get_by_label("Late after").input_value() == "15"


def test_an_uploaded_file_is_compared_and_exported(client, meeting):
    upload = {"file": ("roster.csv", ROSTER.encode("utf-16"), "text/csv")}
    answer = compare(client, meeting, upload, action="csv", late_after="5")
    assert "attachment" in answer.headers["content-disposition"]
    lines = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert {line["Name"]: line["Status"] for line in lines} == STATUSES
    bo = lines[1]
    assert (bo["Email"], bo["Late by (s)"], bo["Attendance (%)"]) == ("bo@example.org", "600", "83.333")
    workbook = compare(client, meeting, upload, action="xlsx")
    rows = list(load_workbook(io.BytesIO(workbook.content)).active.iter_rows(values_only=True))
    assert {row[0]: row[3] for row in rows[1:]} == STATUSES


def test_the_print_view_has_everybody_the_date_the_time_zone_and_a_legend(client, meeting):
    page = re.sub("<[^>]+>", " ", compare(client, meeting, roster=ROSTER, action="print").text)
    for text in (*STATUSES, "lecture", "Fri 6 Mar 2026 09:00:00", "Europe/Berlin", "Legend", "less than 50%"):
        assert text in page


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"roster": ""}, "the roster is empty"),
        ({"roster": "name\n"}, "nobody below it"),
        ({"roster": ROSTER, "min_attendance": "101"}, "between 0 and 100 percent"),
        ({"roster": ROSTER, "late_after": "soon"}, "whole number"),
        ({"roster": ROSTER, "scheduled_end": "2026-03-06T08:00"}, "must be after the scheduled start"),
        ({"roster": ROSTER, "scheduled_start": "tomorrow"}, "is not a date and time"),
        ({"roster": "name,email\nA,a@b.c\n" + "x" * 3_000}, "line 3"),
    ],
)
def test_an_invalid_form_is_refused_with_a_message_and_keeps_the_roster(client, meeting, fields, message):
    answer = compare(client, meeting, **fields)
    assert answer.status_code == 400
    assert message in answer.text
    assert fields["roster"].replace("&", "&amp;") in answer.text


def test_a_spreadsheet_and_a_file_that_is_too_large_are_refused(client, meeting):
    spreadsheet = {"file": ("roster.xlsx", b"PK\x03\x04\x00\x00\x00", "application/octet-stream")}
    assert "save it as CSV" in compare(client, meeting, spreadsheet).text
    large = {"file": ("roster.csv", b"name\n" + b"Ana Silva\n" * 500_000, "text/csv")}
    assert compare(client, meeting, large).status_code == 413


def test_a_roster_of_another_site_is_refused(client, meeting):
    answer = client.post(f"{BASE}/meetings/{meeting}/attendance", data={"roster": ROSTER})
    assert answer.status_code == 403


def test_an_ambiguous_name_is_reported_and_not_assigned(service, client):
    events = [
        {
            "room": "twins",
            "kind": kind,
            "participant_id": who,
            "user_id": who,
            "user_name": "Kim Park",
            "at": at,
        }
        for kind, at in (("join", START.timestamp()), ("leave", START.timestamp() + 600))
        for who in ("u-1", "u-2")
    ]
    assert service.client().post("/events?wait=true", json=events).status_code == 200
    (found,) = service.client().get("/meetings", params={"room": "twins"}).json()["data"]
    page = compare(client, found["id"], roster="Kim Park").text
    assert "Ambiguous names" in page
    assert "Kim Park (u-1), Kim Park (u-2)" in page


def test_a_person_is_found_by_the_email_of_their_attributes(service, client):
    events = [
        {"room": "exam", "kind": kind, "participant_id": "c-1", "user_name": "iPad", "at": START.timestamp() + second,
         "attributes": {"email": "Ana@example.org"}}
        for kind, second in (("join", 0), ("leave", 600))
    ]  # fmt: skip
    assert service.client().post("/events?wait=true", json=events).status_code == 200
    (found,) = service.client().get("/meetings", params={"room": "exam"}).json()["data"]
    answer = compare(client, found["id"], roster=ROSTER, action="csv")
    rows = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))
    statuses = {row["Name"]: row["Status"] for row in rows}
    assert statuses == dict.fromkeys(("Li, Bo", "Cem Oz", "Dan Ray", "Eve Fox"), "Absent") | {
        "iPad": "Present"
    }


def test_the_time_together_of_two_roles_is_shown(service, dashboard, client, meeting):
    events = [
        {"room": "visit", "kind": kind, "participant_id": role, "at": START.timestamp() + 60 * minute, "attributes": {"role": role}}
        for role, times in (("guest", (0, 20)), ("host", (4, 25)))
        for kind, minute in zip(("join", "leave"), times, strict=True)
    ]  # fmt: skip
    assert service.client().post("/events?wait=true", json=events).status_code == 200
    (found,) = service.client().get("/meetings", params={"room": "visit"}).json()["data"]
    page = dashboard.at(f"/meetings/{found['id']}/attendance")
    (row,) = page.locator("#together tbody tr").all()
    assert row.locator("th, td").all_inner_texts() == [
        "guest + host",
        "1 + 1",
        "16m",
        "09:04:00",
        "09:20:00",
        "",
    ]
    assert 'id="together"' not in client.get(f"{BASE}/meetings/{meeting}/attendance").text
    answer = compare(client, found["id"], roster="host", action="csv")
    rows = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert [row["attributes.role"] for row in rows] == ["", "guest", "host"]


def test_ten_thousand_people_are_compared_and_shown_some_at_a_time(client, meeting):
    names = [f"Person {''.join(chr(97 + int(digit)) for digit in str(n))}" for n in range(10_000)]
    page = compare(client, meeting, roster="\n".join(["name", *names]))
    assert page.text.count('<th scope="row"') == 100
    assert "Showing 100 of 10,005" in page.text
    printed = compare(client, meeting, roster="\n".join(["name", *names]), action="print")
    assert printed.text.count('<th scope="row"') == 10_005
    assert "at most 10,000" in compare(client, meeting, roster="\n".join(["name", *names, "One More"])).text


def test_the_page_on_paper_shows_no_controls_and_everybody(service, browser, meeting):
    session = BrowserSession(service, browser)
    page = session.at(f"/meetings/{meeting}")
    page.get_by_role("link", name="Print").click()
    expect(page.locator("tbody tr")).to_have_count(len(MINUTES))
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.emulate_media(media="print")
    assert [one for one in page.locator("button, .button, nav, input").all() if one.is_visible()] == []
    for text in ("lecture", "Fri 6 Mar 2026 09:00:00 – 10:00:00", "Europe/Berlin", "Legend"):
        expect(page.locator("main")).to_contain_text(text)
    session.close()
