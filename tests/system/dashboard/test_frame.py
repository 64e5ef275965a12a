"""What all pages share: search suggestions, menus, themes, error pages, and targets that are large enough."""

import pytest
from playwright.sync_api import expect

from support.browser import BASE, BrowserSession, create_meeting, sign_in

SMALL_TARGETS = """() => [...document.querySelectorAll(
    "button, summary, select, input:not([type=hidden]), nav a, thead a, .button, a.chip, footer a"
  )].filter((element) => {
    const box = element.getBoundingClientRect();
    return box.width && box.height && (box.width < 24 || box.height < 24)
      && !element.matches(".visually-hidden, .visually-hidden *, .skip-link, .check input");
  }).map((element) => element.outerHTML.slice(0, 120))"""
ROOM = "frame of pages"


@pytest.fixture(scope="module")
def meeting(service):
    return create_meeting(service, ROOM)


def test_the_search_field_suggests_rooms_people_and_meetings_by_keyboard(dashboard, meeting):
    page = dashboard.at("/health")
    page.keyboard.press("/")
    field = page.get_by_role("combobox")
    expect(field).to_be_focused()
    page.keyboard.type("frame o")
    options = page.get_by_role("option")
    expect(options.first).to_contain_text(f"Room{ROOM}")
    expect(options.last).to_contain_text("Meeting")
    expect(field).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Escape")
    expect(page.get_by_role("listbox")).to_be_hidden()
    page.keyboard.press("ArrowDown")
    expect(options.first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/meetings/{meeting}")


def test_a_person_is_suggested_by_a_part_of_the_name(dashboard, meeting):
    page = dashboard.at("")
    page.get_by_role("combobox").fill("silv")
    page.get_by_role("option").filter(has_text=f"u-ana-{ROOM}").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Ana Silva")


def test_a_slash_in_a_text_field_is_text(dashboard):
    page = dashboard.at("/settings")
    page.get_by_label("Search time zones").focus()
    page.keyboard.type("a/b")
    expect(page.get_by_label("Search time zones")).to_have_value("a/b")


def test_one_menu_is_open_at_a_time_and_escape_closes_it(dashboard, meeting):
    page = dashboard.at(f"/meetings/{meeting}")
    export, share = page.locator("details.export"), page.locator("details.share")
    export.locator("summary").click()
    expect(export).to_have_attribute("open", "")
    share.locator("summary").click()
    expect(share).to_have_attribute("open", "")
    expect(export).not_to_have_attribute("open", "")
    page.keyboard.press("Escape")
    expect(share).not_to_have_attribute("open", "")
    expect(share.locator("summary")).to_be_focused()
    export.locator("summary").click()
    page.get_by_role("heading", level=1).click()
    expect(export).not_to_have_attribute("open", "")


def test_the_theme_changes_colors_against_the_browser_and_stays(dashboard):
    page = dashboard.at("/usage")
    background = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(background)
    page.get_by_role("button", name="Dark").click()
    page.wait_for_url("**/usage")
    assert page.evaluate(background) != light
    dashboard.at("/health")
    assert page.evaluate(background) != light
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Light").click()
    page.wait_for_url("**/health")
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(background) == light


@pytest.mark.parametrize(
    ("path", "status", "title"),
    [
        ("/nowhere", 404, "Page not found"),
        ("/meetings/nosuchmeeting", 404, "Page not found"),
        ("/meetings?min_people=x", 400, "Invalid request"),
    ],
)
def test_an_error_page_has_a_title_and_the_navigation(service, path, status, title):
    answer = sign_in(service).get(BASE + path)
    assert answer.status_code == status
    assert f"<h1>{title}</h1>" in answer.text
    assert 'aria-label="Headcount"' in answer.text
    assert "Back to dashboard" in answer.text


def test_a_viewer_is_denied_with_the_navigation(service):
    client = sign_in(service, service.make_key("default", "read"))
    answer = client.post(f"{BASE}/settings/keys", data={"name": "x"})
    assert answer.status_code == 403
    assert "<h1>Access denied</h1>" in answer.text
    assert 'aria-label="Headcount"' in answer.text


@pytest.mark.parametrize("width", [1280, 375])
@pytest.mark.parametrize("path", ["", "/health", "/settings", f"/search?q={ROOM[:5]}", "/nowhere"])
def test_targets_have_at_least_24_pixels(service, browser, meeting, path, width):
    session = BrowserSession(service, browser, viewport={"width": width, "height": 800})
    page = session.at(path)
    assert page.evaluate(SMALL_TARGETS) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    session.close()
