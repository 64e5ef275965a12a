"""The table of meetings and the page of each: what is asked for, who was there, and why."""

import re
import time
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from support.browser import BASE, a_meeting, signed_in, told

BERLIN = ZoneInfo("Europe/Berlin")


def rows(page):
    return page.locator("#meetings tbody tr")


def test_filters_stand_in_the_address_and_the_way_back_leads_through_them(looking, service, room):
    a_meeting(service, room)
    page = looking.at("/meetings")
    every = rows(page).count()
    page.get_by_label("Room", exact=True).fill(room)
    page.get_by_role("button", name="Show").click()
    expect(rows(page)).to_have_count(1)
    page.wait_for_url(re.compile("room="))
    page.reload()
    expect(rows(page)).to_have_count(1)
    page.get_by_label("Minutes, at least").fill("60")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".empty")).to_contain_text("No meeting fits")
    page.go_back()
    expect(rows(page)).to_have_count(1)
    page.get_by_role("link", name="Clear").click()
    expect(rows(page)).to_have_count(every)


def test_pages_follow_each_other_without_gap_or_double(service):
    for number in range(60):
        a_meeting(service, f"paged {number:02}", ago=9_000 - number * 100, lasted=60)
    client = signed_in(service)
    found, path = [], "/meetings.json?min_people=2"
    while path:
        page = client.get(BASE + path).json()
        found += [row["id"] for row in page["rows"]]
        path = page["older"] and f"/meetings.json?min_people=2&after={page['older']}"
    every = [
        one["id"] for one in service.client().get("/meetings?limit=100&min_participants=2").json()["data"]
    ]
    assert found == every
    back = client.get(f"{BASE}/meetings.json?min_people=2&before={found[-1]}").json()
    assert [row["id"] for row in back["rows"]] == found[-51:-1]


def test_the_table_is_sorted_by_what_one_clicks_on(looking, service):
    for number, lasted in enumerate((100, 300, 200)):
        a_meeting(service, f"sorted {number}", ago=4_000 + number, lasted=lasted)
    page = looking.at("/meetings?min_people=2&state=over")
    page.get_by_role("link", name="Length").click()
    expect(page.locator("th[aria-sort=descending]")).to_contain_text("Length")
    shown = [
        row["room"] for row in signed_in(service).get(f"{BASE}/meetings.json?sort=length").json()["rows"]
    ]
    ours = [room for room in shown if room.startswith("sorted")]
    assert ours == ["sorted 1", "sorted 2", "sorted 0"]
    page.get_by_role("link", name="Length").click()
    expect(page.locator("th[aria-sort=ascending]")).to_contain_text("Length")
    upwards = signed_in(service).get(f"{BASE}/meetings.json?sort=length&order=asc").json()["rows"]
    assert [row["room"] for row in upwards if row["room"].startswith("sorted")] == ours[::-1]


def test_days_are_those_of_the_zone(service):
    """A meeting at half past midnight in Berlin is of the day before in UTC."""
    start = datetime(2026, 6, 2, 0, 30, tzinfo=BERLIN).timestamp()
    said = [
        {"room": "night", "kind": kind, "participant_id": who, "at": start + at}
        for kind, who, at in (("join", "a", 0), ("join", "b", 0), ("leave", "a", 600), ("leave", "b", 600))
    ]
    service.client().post("/events?wait=true", json=said)
    client = signed_in(service)

    def on(day, zone):
        asked = f"{BASE}/meetings.json?room=night&from={day}&to={day}&zone={zone}"
        return len(client.get(asked).json()["rows"])

    assert (on("2026-06-02", "Europe/Berlin"), on("2026-06-01", "Europe/Berlin")) == (1, 0)
    assert (on("2026-06-02", "UTC"), on("2026-06-01", "UTC")) == (0, 1)


@pytest.mark.parametrize(
    "asked", ["from=yesterday", "from=1999-01-01", "min_people=-1", "min_minutes=x", "state=sleeping", "order=up", "sort=colour",
              "from=2026-02-02&to=2026-02-01", "after=nobody", "room=" + "x" * 600]
)  # fmt: skip
def test_what_makes_no_sense_is_refused_in_words(service, asked):
    answer = signed_in(service).get(f"{BASE}/meetings?{asked}")
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text


@pytest.mark.parametrize("path", ["/meetings", "/usage", "", "/settings", "/health"])
def test_what_is_asked_for_besides_changes_nothing(service, path):
    asked = "path=x&self=y&view=z&name=n&status=500&kind=k&template=t&n=1&zone=Nowhere/Land"
    assert signed_in(service).get(f"{BASE}{path}?{asked}").status_code == 200


def test_a_meeting_tells_who_was_there_and_why_it_is_as_it_is(looking, service, room):
    meeting = a_meeting(service, room)
    page = looking.at(f"/meetings/{meeting}")
    expect(page.locator(".tile", has_text="long")).to_contain_text("5 min")
    table = page.locator("#people-table tbody tr")
    expect(table).to_have_count(2)
    expect(table.first).to_contain_text("Ana Silva")
    expect(table.first).to_contain_text("100 %")
    page.get_by_role("link", name="Decisions").click()
    decisions = page.get_by_role("region", name="Decisions").locator("tbody tr")
    expect(decisions.first).to_contain_text("with somebody in the room (rule 6)")
    page.get_by_role("link", name="Events").click()
    expect(page.get_by_role("region", name="Events").locator("tbody tr")).to_have_count(4)
    page.get_by_role("link", name="Corrections").click()
    expect(page.locator(".empty, .card")).not_to_have_count(0)
    page.get_by_role("link", name="Told").click()
    told_of = page.get_by_role("region", name="Told")
    expect(told_of).to_contain_text("participant.joined", timeout=10_000)
    expect(told_of).to_contain_text("no webhook yet")


def test_who_was_here_at_a_time_is_asked_in_two_clicks(looking, service, room):
    meeting = a_meeting(service, room, ago=1_200, lasted=600)
    began = time.time() - 1_200
    page = looking.at(f"/meetings/{meeting}")

    def at(moment):
        return datetime.fromtimestamp(moment, BERLIN).strftime("%H:%M")

    page.locator("#at-time").fill(at(began + 120))
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#participants-at")).to_contain_text("2 people here")
    page.locator("#at-time").fill(at(began + 420))
    expect(page.locator("#participants-at")).to_contain_text("1 person here")
    expect(page.locator("#participants-at")).to_contain_text("Ana Silva")
    page.locator("#at-time").fill(at(began + 700))
    expect(page.locator("#participants-at")).to_contain_text("Nobody was here")


def test_moving_through_the_picture_tells_who_was_in(looking, service, room):
    meeting = a_meeting(service, room, ago=1_200, lasted=600)
    page = looking.at(f"/meetings/{meeting}")
    page.locator("#time-slider").focus()
    page.keyboard.press("End")
    expect(page.locator("#participants-at")).to_contain_text("Nobody was here")
    for _ in range(3):
        page.keyboard.press("PageDown")
    expect(page.locator("#participants-at")).to_contain_text("1 person here")
    chart = page.locator(".only-wide svg.chart").first
    box = chart.bounding_box()
    chart.click(position={"x": box["width"] * 0.4, "y": 60})
    expect(page.locator("#participants-at")).to_contain_text("2 people here")


def test_a_picture_shows_everybody_and_why_it_begins_and_ends(looking, service, room):
    meeting = a_meeting(service, room)
    told(service, (room, "join", "void", 500, {"user_name": "Short"}), (room, "leave", "void", 499.5))
    page = looking.at(f"/meetings/{meeting}")
    chart = page.locator(".only-wide svg.chart").first
    expect(chart.locator(".chart-name")).to_have_text(["Ana Silva", "Bob", "Short"])
    expect(chart.locator(".chart-void")).to_have_count(1)
    expect(chart.get_by_label(re.compile("^began at .*rule 6"))).to_have_count(1)
    expect(chart.get_by_label(re.compile("^ended at .*rule 8"))).to_have_count(1)


def test_two_devices_at_once_are_one_person_and_no_more_than_the_meeting(service, room):
    ana = {"user_id": f"u-{room}", "user_name": "Ana"}
    told(
        service,
        (room, "join", "phone", 300, ana), (room, "join", "laptop", 250, ana),
        (room, "leave", "phone", 150), (room, "leave", "laptop", 100),
    )  # fmt: skip
    client = signed_in(service)
    (row,) = client.get(f"{BASE}/meetings.json", params={"room": room}).json()["rows"]
    assert (row["people"], row["connections"], row["peak"]) == (1, 2, 2)
    (person,) = client.get(f"{BASE}/meetings/{row['id']}.json").json()["people"]
    assert (person["connections"], round(person["time"]), person["share"]) == (2, 200, 1.0)


def test_a_meeting_that_was_replaced_leads_to_the_one_that_took_its_place(service, room):
    began = time.time() - 900
    client = service.client()

    def say(kind, who, at):
        event = {"room": room, "kind": kind, "participant_id": who, "at": began + at}
        assert client.post("/events?wait=true", json=event).status_code == 200

    for kind, who, at in (("join", "a", 100), ("join", "b", 110), ("leave", "a", 300), ("leave", "b", 300)):
        say(kind, who, at)
    (first,) = client.get("/meetings", params={"room": room}).json()["data"]
    say("join", "c", 50)
    say("leave", "c", 200)
    (second,) = client.get("/meetings", params={"room": room}).json()["data"]
    assert first["id"] != second["id"]
    visitor = signed_in(service)
    answer = visitor.get(f"{BASE}/meetings/{first['id']}", follow_redirects=True)
    assert answer.url.path == f"{BASE}/meetings/{second['id']}"
    assert "was replaced by this one" in answer.text
    corrections = visitor.get(f"{BASE}/meetings/{second['id']}?tab=corrections").text
    assert "late, and what it touches was worked out anew (rule 15)" in corrections
    assert visitor.get(f"{BASE}/meetings/no-such").status_code == 404


def test_a_person_s_page_tells_their_meetings(looking, service, room):
    a_meeting(service, room)
    page = looking.at(f"/find?q=u-ana-{room}")
    expect(page.locator("h1")).to_have_text("Ana Silva")
    meetings = page.get_by_role("region", name="Meetings").locator("tbody tr")
    expect(meetings).to_have_count(1)
    expect(meetings).to_contain_text("100 %")


def test_a_person_is_found_by_a_part_of_their_name(looking, service, room):
    a_meeting(service, room)
    page = looking.at("/find?q=nA siL")
    page.get_by_role("link", name="Ana Silva").first.click()
    expect(page.locator("h1")).to_have_text("Ana Silva")


def test_whose_name_begins_so_is_found_before_others(service):
    told(
        service,
        *(("finding", "join", f"p-{user}", 500, {"user_id": user, "user_name": name})
          for user, name in (("f-1", "Zora Xanadu"), ("f-2", "Bo Xan"), ("f-3", "Ax Exandro"), ("f-4", "Xander Lee"))),
        ("finding", "end", None, 100),
    )  # fmt: skip
    page = signed_in(service).get(f"{BASE}/find/people?q=xan").text
    assert re.findall(r"id=(f-\d)", page) == ["f-2", "f-4", "f-1", "f-3"]


def test_a_room_s_page_tells_who_was_there_on_a_day_at_a_time(looking, service, room):
    a_meeting(service, room, ago=3_600, lasted=1_200)
    page = looking.at(f"/room?name={room}")
    moment = datetime.fromtimestamp(time.time() - 3_600 + 300, BERLIN)
    page.locator("input[name=day]").fill(moment.strftime("%Y-%m-%d"))
    page.locator("input[name=at]").fill(moment.strftime("%H:%M"))
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".notice")).to_contain_text("2 people here")
    expect(page.locator(".notice")).to_contain_text("Bob")
