"""The pages of meetings, people and rooms."""

import re
import time
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from support.browser import BASE, BrowserSession, create_meeting, send_events, sign_in

BERLIN = ZoneInfo("Europe/Berlin")


def rows(page):
    return page.locator("#meetings tbody tr")


def test_filters_are_in_the_address_and_in_the_history_of_the_browser(dashboard, service, room):
    create_meeting(service, room)
    page = dashboard.at("/meetings")
    total = rows(page).count()
    page.get_by_label("Room", exact=True).fill(room)
    page.get_by_role("button", name="Apply").click()
    expect(rows(page)).to_have_count(1)
    page.wait_for_url(re.compile("room="))
    page.reload()
    expect(rows(page)).to_have_count(1)
    page.get_by_label("Min. minutes").fill("60")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator(".empty")).to_contain_text("No meetings match")
    page.go_back()
    expect(rows(page)).to_have_count(1)
    page.get_by_role("link", name="Clear filters").click()
    expect(rows(page)).to_have_count(total)


def test_a_new_meeting_appears_in_the_open_list_and_filters_stay(dashboard, service, room):
    page = dashboard.at(f"/meetings?room={room}")
    expect(page.locator("#connection-state")).to_have_text("Live")
    page.get_by_label("User ID").fill("not applied yet")
    send_events(service, (room, "join", "a", 20), (room, "join", "b", 10))
    expect(rows(page)).to_have_count(1)
    expect(rows(page)).to_contain_text("ongoing")
    expect(page.get_by_label("User ID")).to_have_value("not applied yet")
    send_events(service, (room, "end", None, 0))
    expect(rows(page)).not_to_contain_text("ongoing")


def test_an_open_page_of_a_room_shows_who_joins(dashboard, service, room):
    create_meeting(service, room)
    page = dashboard.at(f"/room?name={room}")
    expect(page.locator("#connection-state")).to_have_text("Live")
    page.locator("input[name=at]").fill("10:05")
    send_events(service, (room, "join", "zoe", 5, {"user_id": "u-zoe", "user_name": "Zoe"}))
    expect(page.locator("#room-live .chip")).to_have_text(["Zoe"])
    expect(page.locator("input[name=at]")).to_have_value("10:05")


def test_the_list_shows_the_last_7_days_unless_another_range_is_chosen(dashboard, service, room):
    create_meeting(service, room, ago=20 * 86_400)
    page = dashboard.at(f"/meetings?room={room}")
    expect(page.get_by_role("link", name="Last 7 days")).to_have_attribute("aria-current", "true")
    expect(page.locator(".empty")).to_contain_text("Choose a longer date range")
    page.get_by_role("link", name="Last 30 days").click()
    expect(rows(page)).to_have_count(1)
    assert "range=30d" in page.url
    page.get_by_label("From").fill("2020-01-01")
    page.get_by_label("To", exact=True).fill("2020-01-31")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator(".ranges [aria-current]")).to_have_count(0)
    expect(page.locator(".ranges")).to_contain_text("31 Jan 2020")
    page.get_by_role("link", name="Show all dates").click()
    expect(rows(page)).to_have_count(1)


def test_a_room_leads_to_the_room_and_a_start_to_the_meeting(dashboard, service, room):
    meeting = create_meeting(service, room)
    page = dashboard.at(f"/meetings?room={room}")
    expect(rows(page).get_by_role("link", name=room)).to_have_attribute("href", re.compile(r"/room\?name="))
    expect(rows(page).locator("th a")).to_have_attribute("href", re.compile(meeting))


def test_a_phone_shows_each_meeting_as_a_card_and_filters_in_a_sheet(service, browser):
    room = "phone"
    create_meeting(service, room)
    phone = BrowserSession(
        service, browser, viewport={"width": 375, "height": 740}, java_script_enabled=False
    )
    page = phone.at(f"/meetings?room={room}")
    labels = page.locator("#meetings tbody [data-label]")
    assert [one.get_attribute("data-label") for one in labels.all()] == ["People", "Peak", "Total"]
    for one in labels.all():
        expect(one).to_be_visible()
    box = page.locator("#meetings tbody tr").bounding_box()
    assert box["width"] <= 375
    assert box["height"] < 90
    status = page.get_by_label("Status")
    expect(status).to_be_hidden()
    page.get_by_role("button", name="Filters (1)").click()
    status.select_option("Ongoing")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator(".empty")).to_be_visible()
    expect(page.get_by_role("button", name="Filters (2)")).to_be_visible()
    phone.close()


def test_pages_have_no_gaps_and_no_duplicates(service):
    for number in range(60):
        create_meeting(service, f"paged {number:02}", ago=9_000 - number * 100, lasted=60)
    client = sign_in(service)
    found, path = [], "/meetings.json?range=all&min_people=2"
    while path:
        page = client.get(BASE + path).json()
        found += [row["id"] for row in page["rows"]]
        path = page["older"] and f"/meetings.json?range=all&min_people=2&after={page['older']}"
    total = [
        one["id"] for one in service.client().get("/meetings?limit=100&min_participants=2").json()["data"]
    ]
    assert found == total
    back = client.get(f"{BASE}/meetings.json?range=all&min_people=2&before={found[-1]}").json()
    assert [row["id"] for row in back["rows"]] == found[-51:-1]


def test_a_click_on_a_column_sorts_the_table(dashboard, service):
    for number, lasted in enumerate((700, 900, 800)):
        create_meeting(service, f"sorted {number}", ago=4_000 + number, lasted=lasted)
    page = dashboard.at("/meetings?min_minutes=11&state=ended")
    page.get_by_role("link", name="Duration").click()
    expect(page.locator("th[aria-sort=descending]")).to_contain_text("Duration")
    shown = [
        row["room"]
        for row in sign_in(service).get(f"{BASE}/meetings.json?min_minutes=11&sort=duration").json()["rows"]
    ]
    ours = [room for room in shown if room.startswith("sorted")]
    assert ours == ["sorted 1", "sorted 2", "sorted 0"]
    page.get_by_role("link", name="Duration").click()
    expect(page.locator("th[aria-sort=ascending]")).to_contain_text("Duration")
    ascending = (
        sign_in(service).get(f"{BASE}/meetings.json?min_minutes=11&sort=duration&order=asc").json()["rows"]
    )
    assert [row["room"] for row in ascending if row["room"].startswith("sorted")] == ours[::-1]


def test_days_are_those_of_the_time_zone(service):
    """A meeting at half past midnight in Berlin is of the day before in UTC."""
    start = datetime(2026, 6, 2, 0, 30, tzinfo=BERLIN).timestamp()
    events = [
        {"room": "night", "kind": kind, "participant_id": who, "at": start + at}
        for kind, who, at in (("join", "a", 0), ("join", "b", 0), ("leave", "a", 600), ("leave", "b", 600))
    ]
    service.client().post("/events?wait=true", json=events)
    client = sign_in(service)

    def on(day, zone):
        asked = f"{BASE}/meetings.json?room=night&from={day}&to={day}&timezone={zone}"
        return len(client.get(asked).json()["rows"])

    assert (on("2026-06-02", "Europe/Berlin"), on("2026-06-01", "Europe/Berlin")) == (1, 0)
    assert (on("2026-06-02", "UTC"), on("2026-06-01", "UTC")) == (0, 1)


def test_meetings_are_filtered_by_attributes(dashboard, service):
    for number, customer in enumerate(("Acme, Inc", "other")):
        begin = time.time() - 5_000 + number * 1_000
        events = [
            {
                "room": f"of {customer}",
                "kind": "join",
                "participant_id": who,
                "at": begin,
                "attributes": attributes,
            }
            for who, attributes in (("a", {"customer": customer, "role": "host"}), ("b", {"role": "guest"}))
        ]
        events.append({"room": f"of {customer}", "kind": "end", "at": begin + 600})
        assert service.client().post("/events?wait=true", json=events).status_code == 200
    page = dashboard.at("/meetings?range=all")
    page.get_by_label("Attributes").fill("customer=Acme, Inc, role=host")
    page.get_by_role("button", name="Apply").click()
    expect(rows(page)).to_have_count(1)
    expect(rows(page)).to_contain_text("of Acme, Inc")
    client = sign_in(service)

    def rooms(conditions):
        listed = client.get(f"{BASE}/meetings.json", params={"range": "all", "attributes": conditions}).json()
        return [row["room"] for row in listed["rows"]]

    assert rooms("customer=other,role=host") == ["of other"]
    assert rooms("customer=other,role=guest") == []
    exported = client.get(f"{BASE}/meetings.csv?range=all&attributes=customer%3Dother").text
    assert "of other" in exported
    assert "of Acme" not in exported
    shown = client.get(f"{BASE}/meetings?range=all&attributes=customer%3DAcme, Inc").text
    assert "attribute.customer=Acme%2C+Inc" in shown


@pytest.mark.parametrize(
    "asked", ["from=yesterday", "from=1999-01-01", "min_people=-1", "min_minutes=x", "state=sleeping", "order=up", "sort=colour",
              "from=2026-02-02&to=2026-02-01", "after=nobody", "attributes=acme", "attributes=role=", "attributes=a=1,a=2", "room=" + "x" * 600]
)  # fmt: skip
def test_an_invalid_query_is_refused_with_a_message(service, asked):
    answer = sign_in(service).get(f"{BASE}/meetings?{asked}")
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text


@pytest.mark.parametrize("path", ["/meetings", "/usage", "", "/settings", "/health"])
def test_unknown_parameters_change_nothing(service, path):
    asked = "path=x&self=y&view=z&name=n&status=500&kind=k&template=t&n=1&timezone=Nowhere/Land"
    assert sign_in(service).get(f"{BASE}{path}?{asked}").status_code == 200


def test_two_devices_at_the_same_time_are_one_person(service, room):
    ana = {"user_id": f"u-{room}", "user_name": "Ana"}
    send_events(
        service,
        (room, "join", "phone", 300, ana), (room, "join", "laptop", 250, ana),
        (room, "leave", "phone", 150), (room, "leave", "laptop", 100),
    )  # fmt: skip
    client = sign_in(service)
    (row,) = client.get(f"{BASE}/meetings.json", params={"room": room}).json()["rows"]
    assert (row["people"], row["connections"], row["max_participants"]) == (1, 2, 2)
    (person,) = client.get(f"{BASE}/meetings/{row['id']}.json").json()["people"]
    assert (person["connections"], round(person["duration"]), person["attendance_ratio"]) == (2, 200, 1.0)


def test_the_page_of_a_person_lists_their_meetings(dashboard, service, room):
    create_meeting(service, room)
    page = dashboard.at(f"/search?q=u-ana-{room}")
    expect(page.locator("h1")).to_have_text("Ana Silva")
    meetings = page.get_by_role("region", name="Meetings").locator("tbody tr")
    expect(meetings).to_have_count(1)
    expect(meetings).to_contain_text("100%")


def test_the_meetings_of_a_person_are_sorted_by_a_click_on_a_column(dashboard, service, room):
    zoe = {"user_id": "u-sorted"}
    for number, (ago, stayed) in enumerate(((3_000, 100), (2_000, 400), (1_000, 200))):
        name = f"{room} {number}"
        send_events(
            service,
            (name, "join", "z", ago, zoe), (name, "join", "y", ago),
            (name, "leave", "z", ago - stayed), (name, "leave", "y", ago - 500),
        )  # fmt: skip
    page = dashboard.at("/person?id=u-sorted")
    rooms = page.get_by_role("region", name="Meetings").locator("td.name")
    expect(rooms).to_have_text([f"{room} {number}" for number in (2, 1, 0)])
    page.get_by_role("link", name="Attendance").click()
    expect(page.locator("th[aria-sort=descending]")).to_contain_text("Attendance")
    expect(rooms).to_have_text([f"{room} {number}" for number in (1, 2, 0)])
    page.get_by_role("link", name="Attendance").click()
    expect(rooms).to_have_text([f"{room} {number}" for number in (0, 2, 1)])


def test_a_person_is_found_by_a_part_of_their_name(dashboard, service, room):
    create_meeting(service, room)
    page = dashboard.at("/search?q=nA siL")
    page.get_by_role("link", name="Ana Silva").first.click()
    expect(page.locator("h1")).to_have_text("Ana Silva")


def test_a_name_that_starts_with_the_text_is_listed_first(service):
    send_events(
        service,
        *(("finding", "join", f"p-{user}", 500, {"user_id": user, "user_name": name})
          for user, name in (("f-1", "Zora Xanadu"), ("f-2", "Bo Xan"), ("f-3", "Ax Exandro"), ("f-4", "Xander Lee"))),
        ("finding", "end", None, 100),
    )  # fmt: skip
    page = sign_in(service).get(f"{BASE}/search/people?q=xan").text
    assert re.findall(r"id=(f-\d)", page) == ["f-2", "f-4", "f-1", "f-3"]


def test_the_page_of_a_room_shows_the_participants_at_a_time(dashboard, service, room):
    create_meeting(service, room, ago=3_600, lasted=1_200)
    page = dashboard.at(f"/room?name={room}")
    moment = datetime.fromtimestamp(time.time() - 3_600 + 300, BERLIN)
    page.locator("input[name=day]").fill(moment.strftime("%Y-%m-%d"))
    page.locator("input[name=at]").fill(moment.strftime("%H:%M"))
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".notice")).to_contain_text("2 people here")
    expect(page.locator(".notice")).to_contain_text("Bob")
