"""From nothing to the first meeting, and who is in while things happen."""

import re

from playwright.sync_api import expect

from support.browser import Looking, a_meeting, told
from support.running_service import Running


def test_the_first_event_turns_the_light_green_and_becomes_a_meeting(tmp_path, browser):
    running = Running(tmp_path, min_stay_s=1, start_alone_s=2).start()
    eyes = Looking(running, browser)
    page = eyes.at("")
    expect(page.locator(".status-light")).to_contain_text("Waiting for the first event")
    command = page.locator(".get-started pre").first.inner_text()
    assert f"curl {running.url}/v1/events" in command
    said = re.search(r"-d '(.*)'", command)[1]
    with running.client() as client:
        assert client.post("/events", content=said).status_code == 200
    expect(page.locator(".status-light.ok")).to_contain_text("has arrived", timeout=10_000)
    page.get_by_role("link", name="Show it").click()
    expect(page.locator("tbody th")).to_have_text("my-room", timeout=10_000)
    expect(page.locator("tbody tr")).not_to_contain_text("no meeting yet", timeout=30_000)
    page.locator("tbody td.number a").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("my-room")
    assert eyes.complaints == []
    eyes.close()
    running.stop()


def test_who_comes_and_goes_shows_without_a_reload(looking, service, room):
    told(service, (f"{room} before", "join", "x", 5), (f"{room} before", "end", None, 0))
    page = looking.at("")
    expect(page.locator("#connection-state")).to_have_text("live", timeout=10_000)
    page.evaluate("window.same = true")
    told(service, (room, "join", "a", 5, {"user_name": "Ana"}), (room, "join", "b", 5, {"user_name": "Bob"}))
    row = page.locator("tbody tr", has_text=room)
    expect(row.locator(".chip")).to_have_text(["Ana", "Bob"], timeout=10_000)
    number = int(page.locator(".tile dd").first.inner_text())
    expect(page).to_have_title(re.compile(rf"^\({number}\) Now"))
    told(service, (room, "end", None, 0))
    expect(row).to_have_count(0, timeout=10_000)
    assert page.evaluate("window.same")


def test_lengths_tick(looking, service, room):
    told(service, (room, "join", "a", 65), (room, "join", "b", 65))
    page = looking.at("")
    lasting = page.locator("tbody tr", has_text=room).locator(".ticking")
    first = lasting.inner_text()
    expect(lasting).not_to_have_text(first, timeout=5_000)
    told(service, (room, "end", None, 0))


def test_when_the_stream_fails_the_page_asks_by_itself(looking, service, room):
    page = looking.page
    page.route("**/dashboard/live", lambda route: route.fulfill(status=503))
    looking.at("")
    expect(page.locator("#connection-state")).to_have_text("reloaded every 10 s")
    told(service, (room, "join", "a", 5), (room, "join", "b", 5))
    expect(page.locator("tbody tr", has_text=room)).to_have_count(1, timeout=15_000)
    told(service, (room, "end", None, 0))
    looking.complaints = [one for one in looking.complaints if "503" not in one]


def test_without_scripts_the_page_shows_the_same(service, browser, room):
    told(service, (room, "join", "a", 5, {"user_name": "Ana"}), (room, "join", "b", 5))
    eyes = Looking(service, browser, java_script_enabled=False)
    page = eyes.at("")
    expect(page.locator("tbody tr", has_text=room)).to_contain_text("Ana")
    meeting = a_meeting(service, f"{room} before")
    eyes.at(f"/meetings/{meeting}?tab=decisions")
    expect(page.get_by_role("region", name="Decisions")).to_contain_text("Nobody was left: the meeting ended")
    eyes.close()
    told(service, (room, "end", None, 0))


def test_who_has_been_alone_for_longest_is_told(looking, service, room):
    told(
        service,
        (room, "join", "a", 500, {"user_name": "Ana"}),
        (room, "join", "b", 490),
        (room, "leave", "b", 400),
    )
    page = looking.at("")
    tile = page.locator(".tile", has_text="longest alone")
    expect(tile).to_contain_text(room)
    expect(tile).to_contain_text("6:4")
    told(service, (room, "end", None, 0))


def test_who_has_been_in_for_half_a_day_may_be_gone(looking, service, room):
    told(service, (room, "join", "a", 13 * 3600, {"user_name": "Ghost"}), (room, "join", "b", 13 * 3600))
    page = looking.at("")
    expect(page.locator(".notice.warn")).to_contain_text("Ghost")
    told(service, (room, "end", None, 0))
