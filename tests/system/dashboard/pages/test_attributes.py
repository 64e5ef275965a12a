"""Attributes on pages: labels beside a name, on the pages of a meeting, a person, a room, and of those who are connected."""

from playwright.sync_api import expect

from support.browser import BASE, HOSTILE_ATTRIBUTES, BrowserSession, create_meeting, send_events, sign_in

ANA = {"role": "host", "kind": "person", "email": "ana@example.org", "customer": "acme", "seat": 7}


def test_a_meeting_shows_the_role_the_email_and_the_other_attributes_of_its_people(dashboard, service, room):
    meeting = create_meeting(service, room, attributes=ANA)
    page = dashboard.at(f"/meetings/{meeting}")
    ana = page.locator("#people-table tbody tr", has_text="Ana Silva")
    expect(ana.locator(".flag.attribute")).to_have_text(["host", "customer acme", "seat 7"])
    expect(ana.locator(".email")).to_have_text("ana@example.org")
    expect(page.locator("#people-table tbody tr", has_text="Bob").locator(".attribute")).to_have_count(0)
    page.get_by_role("link", name="Events", exact=True).click()
    events = page.get_by_role("region", name="Events")
    expect(events.get_by_role("columnheader", name="Attributes")).to_be_visible()
    expect(events.locator("tbody tr").first).to_contain_text("customer acme")


def test_a_meeting_without_attributes_has_no_column_for_them(service, room):
    meeting = create_meeting(service, room)
    page = sign_in(service).get(f"{BASE}/meetings/{meeting}?tab=events").text
    assert ">Participant ID<" in page
    assert ">Attributes<" not in page


def test_the_people_of_a_large_meeting_are_found_by_their_email(service, room):
    send_events(
        service,
        *(
            (
                room,
                "join",
                f"c-{n}",
                900,
                {"attributes": {"email": f"p{n}@example.org"}, "user_name": f"P{n}"},
            )
            for n in range(60)
        ),
        (room, "end", None, 100),
    )
    client = sign_in(service)
    (row,) = client.get(f"{BASE}/meetings.json", params={"room": room}).json()["rows"]
    page = client.get(f"{BASE}/meetings/{row['id']}", params={"q": "P57@EXAMPLE"}).text
    assert page.count('class="email"') == 1
    assert "p57@example.org" in page


def test_a_person_has_the_latest_value_of_each_attribute(dashboard, service, room):
    create_meeting(service, room, ago=5_000, attributes={"role": "guest", "customer": "acme"})
    create_meeting(service, f"{room} 2", ago=900, attributes={"role": "other"})
    send_events(
        service,
        (room, "join", "later", 900, {"user_id": f"u-ana-{room}", "attributes": {"role": "host"}}),
        (room, "leave", "later", 800),
    )
    page = dashboard.at(f"/person?id=u-ana-{room}")
    expect(page.locator(".heading .attribute")).to_have_text(["host", "customer acme"])
    expect(page.locator("td.name .attribute")).to_have_text(["host", "guest"])


def test_those_who_are_connected_have_their_role_beside_their_name(dashboard, service, room):
    send_events(
        service,
        (room, "join", f"a-{room}", 60, {"user_name": "Ana", "attributes": ANA}),
        (room, "join", f"b-{room}", 60, {"user_name": "+1 202 555", "attributes": {"kind": "phone"}}),
    )
    for path in ("", f"/room?name={room}"):
        chips = dashboard.at(path).locator(".chip")
        expect(chips.filter(has_text="Ana").filter(has_text="host").first).to_be_visible()
        expect(chips.filter(has_text="+1 202 555").filter(has_text="phone").first).to_be_visible()
        assert "ana@example.org" not in dashboard.page.content()
    people = sign_in(service).get(f"{BASE}/room.json", params={"name": room}).json()["people"]
    assert [one["attributes"] for one in people] == [ANA, {"kind": "phone"}]
    send_events(service, (f"{room} 2", "join", f"c-{room}", 50_000, {"attributes": ANA}))
    live = sign_in(service).get(f"{BASE}/live.json").json()
    (listed,) = (one["participants"] for one in live["rooms"] if one["name"] == room)
    assert [one["attributes"] for one in listed] == [ANA, {"kind": "phone"}]
    assert live["alone"]["participant"]["attributes"] == ANA
    assert live["possibly_stale"][0]["participant"]["attributes"] == ANA
    send_events(service, (f"{room} 2", "end", None, 1))
    send_events(service, (room, "end", None, 1))


def test_hostile_attributes_are_text_and_make_no_page_wider(service, browser, room):
    meeting = create_meeting(service, room, attributes=HOSTILE_ATTRIBUTES)
    session = BrowserSession(service, browser, viewport={"width": 390, "height": 800})
    alerts = []
    session.page.on("dialog", lambda dialog: alerts.append(dialog.message))
    for path in (f"/meetings/{meeting}", f"/meetings/{meeting}?tab=events", f"/person?id=u-ana-{room}"):
        page = session.at(path)
        expect(page.locator(".attribute", has_text="<img src=x onerror=alert(1)>").first).to_be_visible()
        assert page.locator("img").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    people = session.at(f"/meetings/{meeting}").locator("#people-table tbody tr", has_text="Ana Silva")
    expect(people.locator("details .attribute").first).not_to_be_visible()
    people.locator("summary").click()
    expect(people.locator("details .attribute").first).to_be_visible()
    assert session.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert (alerts, session.console_errors) == ([], [])
    session.close()
