"""The live page: from no event to the first meeting, and updates while events arrive."""

import re
import subprocess
from urllib.parse import urljoin

from playwright.sync_api import TimeoutError, expect  # noqa: A004 - Playwright's own

from support.browser import BrowserSession, create_meeting, send_events
from support.html import FormClient
from support.running_service import Running


def test_a_new_key_and_its_command_send_the_first_event(tmp_path, browser):
    running = Running(tmp_path, min_stay_s=1, start_alone_s=2).start()
    session = BrowserSession(running, browser)
    session.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = session.at("")
    expect(page.locator(".status-light")).to_contain_text("Waiting for the first event")
    page.get_by_role("button", name="Create ingest key").click()
    page.get_by_role("button", name="Copy").first.click()
    command = page.evaluate("navigator.clipboard.readText()")
    assert command.startswith(f"curl {running.url}/v1/events")
    sent = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=30, check=True)
    assert '"accepted"' in sent.stdout
    expect(page.locator(".status-light.ok")).to_contain_text("has arrived", timeout=10_000)
    page.get_by_role("link", name="View live page").click()
    expect(page.locator("tbody th")).to_have_text("my-room", timeout=10_000)
    expect(page.locator("tbody tr")).not_to_contain_text("not a meeting yet", timeout=30_000)
    page.locator("tbody td.number a").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("my-room")
    assert session.console_errors == []
    session.close()
    running.stop()


def test_a_viewer_cannot_create_an_ingest_key(tmp_path):
    running = Running(tmp_path).start()
    viewer = FormClient(running, running.make_key("default", "read"))
    page = viewer.page("")
    assert "Create ingest key" not in page
    assert f"headcount key create --scope ingest --domain default --database {running.database}" in page
    viewer.send("/live/ingest-key", 403)
    viewer.close()
    running.stop()


def follow(page, name):
    """Click a link, and once more if an update of the table has replaced it during the click."""
    link = page.get_by_role("link", name=name, exact=True)
    target = urljoin(page.url, link.get_attribute("href"))
    link.click()
    try:
        page.wait_for_url(target, timeout=5_000)
    except TimeoutError:
        link.click()
        page.wait_for_url(target)


def test_rooms_can_be_sorted_and_stay_sorted_after_an_update(dashboard, service, room):
    rooms = [f"{room} {letter}" for letter in "ab"]
    send_events(
        service,
        *((rooms[0], "join", f"{n}", 50) for n in range(2)),
        *((rooms[1], "join", f"{n}", 90) for n in range(3)),
    )
    page = dashboard.at("")
    names = page.locator("tbody th", has_text=room)
    expect(names).to_have_text([rooms[1], rooms[0]])
    follow(page, "Room")
    expect(names).to_have_text(rooms)
    follow(page, "Duration")
    expect(names).to_have_text([rooms[1], rooms[0]])
    follow(page, "Duration ↓")
    expect(names).to_have_text(rooms)
    send_events(service, (rooms[0], "join", "late", 5))
    expect(page.locator("tbody tr", has_text=rooms[0]).locator("td").first).to_have_text("3", timeout=10_000)
    expect(names).to_have_text(rooms)
    send_events(service, *((one, "end", None, 0) for one in rooms))


def test_joins_and_leaves_appear_without_a_reload(dashboard, service, room):
    send_events(service, (f"{room} before", "join", "x", 5), (f"{room} before", "end", None, 0))
    page = dashboard.at("")
    expect(page.locator("#connection-state")).to_have_text("Live", timeout=10_000)
    page.evaluate("window.same = true")
    send_events(
        service, (room, "join", "a", 5, {"user_name": "Ana"}), (room, "join", "b", 5, {"user_name": "Bob"})
    )
    row = page.locator("tbody tr", has_text=room)
    expect(row.locator(".chip")).to_have_text(["Ana", "Bob"], timeout=10_000)
    number = int(page.locator(".tile dd").first.inner_text())
    expect(page).to_have_title(re.compile(rf"^\({number}\) Live"))
    send_events(service, (room, "end", None, 0))
    expect(row).to_have_count(0, timeout=10_000)
    assert page.evaluate("window.same")


def test_durations_are_updated(dashboard, service, room):
    send_events(service, (room, "join", "a", 65), (room, "join", "b", 65))
    page = dashboard.at("")
    duration = page.locator("tbody tr", has_text=room).locator("[data-since]")
    first = duration.inner_text()
    expect(duration).not_to_have_text(first, timeout=5_000)
    send_events(service, (room, "end", None, 0))


def test_without_the_stream_the_page_polls(dashboard, service, room):
    page = dashboard.page
    page.route("**/dashboard/updates", lambda route: route.fulfill(status=503))
    dashboard.at("")
    expect(page.locator("#connection-state")).to_have_text("Updates every 10 seconds")
    send_events(service, (room, "join", "a", 5), (room, "join", "b", 5))
    expect(page.locator("tbody tr", has_text=room)).to_have_count(1, timeout=15_000)
    send_events(service, (room, "end", None, 0))
    page.goto("about:blank")  # it no longer tries to open the stream
    dashboard.console_errors = [one for one in dashboard.console_errors if "503" not in one]


def test_without_scripts_the_page_shows_the_same(service, browser, room):
    send_events(service, (room, "join", "a", 5, {"user_name": "Ana"}), (room, "join", "b", 5))
    session = BrowserSession(service, browser, java_script_enabled=False)
    page = session.at("")
    expect(page.locator("tbody tr", has_text=room)).to_contain_text("Ana")
    meeting = create_meeting(service, f"{room} before")
    session.at(f"/meetings/{meeting}?tab=explanation")
    expect(page.get_by_role("region", name="Explanation")).to_contain_text("The last participant left.")
    session.close()
    send_events(service, (room, "end", None, 0))


def test_the_participant_alone_for_longest_is_shown(dashboard, service, room):
    send_events(
        service,
        (room, "join", "a", 500, {"user_name": "Ana"}),
        (room, "join", "b", 490),
        (room, "leave", "b", 400),
    )
    page = dashboard.at("")
    tile = page.locator(".tile", has_text="Longest time alone")
    expect(tile).to_contain_text(room)
    expect(tile).to_contain_text("6m 4")
    send_events(service, (room, "end", None, 0))


def test_a_participant_connected_for_half_a_day_is_possibly_stale(dashboard, service, room):
    send_events(
        service, (room, "join", "a", 13 * 3600, {"user_name": "Ghost"}), (room, "join", "b", 13 * 3600)
    )
    page = dashboard.at("")
    expect(page.locator(".notice.warn")).to_contain_text("Ghost")
    send_events(service, (room, "end", None, 0))
