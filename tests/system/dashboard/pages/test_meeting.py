"""The page of one meeting."""

import re
import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from playwright.sync_api import expect

from support.browser import BASE, BrowserSession, create_meeting, send_events, sign_in

BERLIN = ZoneInfo("Europe/Berlin")
PEOPLE = 120


def create_large_meeting(service, room):
    """A meeting of 120 people, who join one after the other, and each leaves before those who joined earlier."""
    for first in range(0, PEOPLE, 60):
        numbers = range(first, first + 60)
        send_events(
            service,
            *((room, "join", f"c-{n:04}", 3_000 - n, {"user_name": f"Person {n:03}"}) for n in numbers),
        )
    send_events(service, *((room, "leave", f"c-{n:04}", 1_000 + n) for n in reversed(range(PEOPLE))))
    (meeting,) = service.client().get("/meetings", params={"room": room}).json()["data"]
    return meeting["id"]


def create_meeting_at(service, room, start, end):
    """A meeting of Ann and Bob between two local times."""
    events = [
        {"room": room, "kind": kind, "participant_id": who, "user_name": who, "at": at.timestamp()}
        for kind, at in (("join", start), ("leave", end))
        for who in ("Ann", "Bob")
    ]
    assert service.client().post("/events?wait=true", json=events).status_code == 200
    (meeting,) = service.client().get("/meetings", params={"room": room}).json()["data"]
    return meeting["id"]


def test_a_meeting_has_participants_explanation_and_deliveries(dashboard, service, room):
    meeting = create_meeting(service, room)
    page = dashboard.at(f"/meetings/{meeting}")
    expect(page.locator(".tile", has_text="Duration")).to_contain_text("5m")
    table = page.locator("#people-table tbody tr")
    expect(table).to_have_count(2)
    expect(table.first).to_contain_text("Ana Silva")
    expect(table.first).to_contain_text("100%")
    page.get_by_role("link", name="Explanation", exact=True).click()
    decisions = page.get_by_role("region", name="Explanation").locator("tbody tr")
    expect(decisions.first).to_contain_text("(rule 6)")
    decisions.first.locator("summary").click()
    expect(decisions.first.locator(".log-entry")).to_contain_text("API key")
    page.get_by_role("link", name="Events", exact=True).click()
    events = page.get_by_role("region", name="Events").locator("tbody tr")
    expect(events).to_have_count(4)
    events.last.locator("summary").click()
    expect(events.last.locator("dd code").first).to_have_text(re.compile("^[0-9a-f]{64}$"))
    page.get_by_role("link", name="Corrections", exact=True).click()
    expect(page.locator(".empty, .card")).not_to_have_count(0)
    page.get_by_role("link", name="Webhook deliveries", exact=True).click()
    deliveries = page.get_by_role("region", name="Webhook deliveries")
    expect(deliveries).to_contain_text("meeting.started", timeout=10_000)
    expect(deliveries).to_contain_text("no endpoint subscribed")


def test_the_participants_at_a_time_take_two_clicks(dashboard, service, room):
    start = datetime.now(BERLIN).replace(hour=10, minute=0, second=0, microsecond=0) - timedelta(days=1)
    meeting = create_meeting(service, room, ago=time.time() - start.timestamp(), lasted=600)
    page = dashboard.at(f"/meetings/{meeting}")
    page.locator("#at-time").fill("10:02")
    page.get_by_role("button", name="Show participants").click()
    expect(page.locator("#participants-at")).to_contain_text("2 people in the meeting")
    page.locator("#at-time").fill("10:07")
    expect(page.locator("#participants-at")).to_contain_text("1 person in the meeting")
    expect(page.locator("#participants-at")).to_contain_text("Ana Silva")
    page.locator("#at-time").fill("10:11")
    expect(page.locator("#participants-at")).to_contain_text("No one was in the meeting")


def test_in_a_meeting_over_midnight_the_time_has_a_date(dashboard, service, room):
    midnight = datetime.now(BERLIN).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    start = midnight - timedelta(minutes=5)
    meeting = create_meeting(service, room, ago=time.time() - start.timestamp(), lasted=600)
    page = dashboard.at(f"/meetings/{meeting}")
    page.locator("#at-time").fill((midnight + timedelta(minutes=2)).strftime("%Y-%m-%dT%H:%M"))
    page.get_by_role("button", name="Show participants").click()
    expect(page.locator("#participants-at")).to_contain_text("1 person in the meeting")
    expect(page.locator("#participants-at")).to_contain_text("Ana Silva")


def test_the_slider_and_the_chart_select_a_time(dashboard, service, room):
    meeting = create_meeting(service, room, ago=1_200, lasted=600)
    page = dashboard.at(f"/meetings/{meeting}")
    page.locator("#time-slider").focus()
    page.keyboard.press("End")
    expect(page.locator("#participants-at")).to_contain_text("No one was in the meeting")
    for _ in range(3):
        page.keyboard.press("PageDown")
    expect(page.locator("#participants-at")).to_contain_text("1 person in the meeting")
    chart = page.locator(".only-wide svg.chart").first
    box = chart.bounding_box()
    chart.click(position={"x": box["width"] * 0.4, "y": 60})
    expect(page.locator("#participants-at")).to_contain_text("2 people in the meeting")


def test_the_chart_shows_everybody_and_why_the_meeting_starts_and_ends(dashboard, service, room):
    meeting = create_meeting(service, room)
    send_events(service, (room, "join", "void", 500, {"user_name": "Short"}), (room, "leave", "void", 499.5))
    page = dashboard.at(f"/meetings/{meeting}")
    chart = page.locator(".only-wide svg.chart").first
    expect(chart.locator(".chart-name")).to_have_text(["Ana Silva", "Bob", "Short"])
    expect(chart.locator(".chart-short")).to_have_count(1)
    expect(chart.get_by_label(re.compile("^started at .*rule 6"))).to_have_count(1)
    expect(chart.get_by_label(re.compile("^ended at .*rule 8"))).to_have_count(1)


def test_a_leave_event_has_the_name_that_its_join_event_gave(service, room):
    meeting = create_meeting(service, room)
    page = sign_in(service).get(f"{BASE}/meetings/{meeting}?tab=events").text
    _, _, events = page.partition(">Participant ID<")
    assert (events.count("Ana Silva"), events.count("Bob"), events.count("Guest")) == (2, 2, 0)


def test_a_replaced_meeting_redirects_to_its_successor(service, room):
    began = time.time() - 900
    client = service.client()

    def send(kind, who, at):
        event = {"room": room, "kind": kind, "participant_id": who, "at": began + at}
        assert client.post("/events?wait=true", json=event).status_code == 200

    for kind, who, at in (("join", "a", 100), ("join", "b", 110), ("leave", "a", 300), ("leave", "b", 300)):
        send(kind, who, at)
    (first,) = client.get("/meetings", params={"room": room}).json()["data"]
    send("join", "c", 50)
    send("leave", "c", 200)
    (second,) = client.get("/meetings", params={"room": room}).json()["data"]
    assert first["id"] != second["id"]
    visitor = sign_in(service)
    answer = visitor.get(f"{BASE}/meetings/{first['id']}", follow_redirects=True)
    assert answer.url.path == f"{BASE}/meetings/{second['id']}"
    assert "This meeting replaces meeting" in answer.text
    corrections = visitor.get(f"{BASE}/meetings/{second['id']}?tab=corrections").text
    assert "(rule 15)" in corrections
    assert visitor.get(f"{BASE}/meetings/no-such").status_code == 404


def test_a_large_meeting_shows_people_first_and_loads_its_timeline_when_it_is_opened(
    dashboard, service, room
):
    meeting = create_large_meeting(service, room)
    page = dashboard.at(f"/meetings/{meeting}")
    rows = page.locator("#people-table tbody tr")
    expect(rows).to_have_count(50)
    expect(page.locator("svg.chart")).to_have_count(0)
    page.get_by_role("link", name="Show 70 more").click()
    expect(rows).to_have_count(PEOPLE)
    page.locator("#timeline summary").click()
    names = page.locator("#timeline-rows .only-wide .chart-name")
    expect(names).to_have_count(100)
    page.locator("#timeline-rows").get_by_role("link", name="Show 20 more").click()
    expect(names).to_have_count(PEOPLE)
    page.locator("#timeline select[name=sort]").select_option("duration")
    expect(names.first).to_have_text("Person 119")
    page.locator("#timeline input[name=q]").fill("person 007")
    expect(names).to_have_text(["Person 007"])


def test_people_are_searched_and_sorted_on_the_server(dashboard, service, room):
    meeting = create_large_meeting(service, room)
    page = dashboard.at(f"/meetings/{meeting}")
    rows = page.locator("#people-table tbody tr")
    page.locator("#people-search").fill("SON 11")
    expect(rows).to_have_count(10)
    expect(rows.first).to_contain_text("Person 110")
    page.locator("#people-table").get_by_role("link", name="Duration").click()
    expect(page.locator("th[aria-sort=descending]")).to_contain_text("Duration")
    expect(rows).to_have_count(10)
    page.locator("#people-table").get_by_role("link", name="Duration").click()
    expect(rows.first).to_contain_text("Person 119")
    page.locator("#people-search").fill("nobody of that name")
    expect(page.locator(".empty")).to_contain_text("No one matches")
    page.get_by_role("link", name="Clear search").click()
    expect(rows).to_have_count(50)


def test_people_and_timeline_of_a_large_meeting_need_no_script(service, room):
    meeting = create_large_meeting(service, room)
    client = sign_in(service)
    assert client.get(f"{BASE}/meetings/{meeting}?people=200").text.count('<th scope="row"') == PEOPLE
    found = client.get(
        f"{BASE}/meetings/{meeting}", params={"q": "person 005", "sort": "name", "order": "desc"}
    ).text
    assert re.findall(r'<th scope="row"[^>]*>(Person \d+)<', found) == ["Person 005"]
    timeline = client.get(f"{BASE}/meetings/{meeting}?timeline=open&from=100&sort=name").text
    assert {"Person 100", "Person 119"} < set(re.findall(r'class="chart-name"[^>]*>(Person \d+)<', timeline))


def test_a_meeting_over_several_days_shows_both_dates_and_a_picker_with_a_date(dashboard, service, room):
    start, end = datetime(2026, 3, 6, 8, 59, tzinfo=BERLIN), datetime(2026, 3, 8, 8, 5, tzinfo=BERLIN)
    meeting = create_meeting_at(service, room, start, end)
    page = dashboard.at(f"/meetings/{meeting}")
    expect(page.locator(".heading")).to_contain_text("Fri 6 Mar 08:59:00 – Sun 8 Mar 08:05:00")
    field = page.locator("#at-time")
    assert field.get_attribute("type") == "datetime-local"
    assert (field.get_attribute("min"), field.get_attribute("max")) == (
        "2026-03-06T08:59",
        "2026-03-08T08:05:00",
    )
    field.fill("2026-03-07T12:00:00")
    field.dispatch_event("change")
    expect(page.locator("#participants-at")).to_contain_text("2 people in the meeting at Sat 7 Mar 12:00")


def test_an_hour_that_clocks_show_twice_can_be_selected_both_times(service, room):
    """Clocks in Berlin were set back from 03:00 to 02:00 on 26 October 2025."""
    start, end = datetime(2025, 10, 26, 1, 30, tzinfo=BERLIN), datetime(2025, 10, 26, 2, 15, tzinfo=BERLIN)
    meeting = create_meeting_at(service, room, start, end)
    client = sign_in(service)

    def shown(at):
        return client.get(f"{BASE}/meetings/{meeting}/at", params={"at": at}).text

    assert "2 people in the meeting at 02:10 (UTC+2)" in re.sub("<[^>]+>", "", shown("02:10"))
    assert "No one was in the meeting at 02:10 (UTC+1)" in re.sub(
        "<[^>]+>", "", shown("2025-10-26T01:10:00Z")
    )


def test_a_click_on_the_timeline_draws_a_cursor_and_moves_nothing(dashboard, service, room):
    meeting = create_meeting(service, room, ago=1_200, lasted=600)
    page = dashboard.at(f"/meetings/{meeting}")
    page.set_viewport_size({"width": 1280, "height": 420})
    chart = page.locator(".only-wide svg.chart").first
    chart.scroll_into_view_if_needed()
    before = page.evaluate("scrollY"), chart.bounding_box()
    chart.click(position={"x": before[1]["width"] * 0.4, "y": 40})
    expect(page.locator("#participants-at")).to_contain_text("2 people in the meeting")
    cursor = chart.locator(".chart-cursor")
    expect(cursor).to_have_count(1)
    clicked = float(cursor.get_attribute("x1")) * before[1]["width"] / 960
    assert abs(clicked - before[1]["width"] * 0.4) < 3
    assert (page.evaluate("scrollY"), chart.bounding_box()) == before
    assert page.locator(".slider output").inner_text() == page.locator("#at-time").input_value()


def test_the_slider_of_a_narrow_page_shows_its_time_within_the_page(service, browser, room):
    meeting = create_meeting(service, room, ago=1_200, lasted=600)
    session = BrowserSession(service, browser, viewport={"width": 375, "height": 800})
    page = session.at(f"/meetings/{meeting}")
    page.locator("#time-slider").focus()
    for key in ("Home", "End"):
        page.keyboard.press(key)
        box = page.locator(".slider output").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 375
    session.close()
