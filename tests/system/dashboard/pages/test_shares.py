"""Shared links: one meeting or one room, without signing in, until the link expires."""

import re
import time

import httpx2 as httpx
import pytest

from headcount.store.open import open_store
from support.html import FormClient
from support.running_service import Running
from support.waiting import wait_until

ADDRESS = re.compile(r"(/dashboard/shared/[A-Za-z0-9_-]{32})")
DIGEST = re.compile(
    r'shares/revoke">\s*<input[^>]*>\s*<input type="hidden" name="digest" value="([0-9a-f]{64})"'
)
ROWS = re.compile(r'<th scope="row"[^>]*>(Person \d)<')
NAMES_AND_IDS = ("Ann", "Bob", "u-ann", "u-bob", "c-1", "c-2", "c-3")
DAY_S = 86_400


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    running = Running(tmp_path_factory.mktemp("shares"), events_per_5s=0)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def admin(service):
    client = FormClient(service, service.key)
    yield client
    client.close()


@pytest.fixture
def anonymous(service):
    """A client without a session."""
    with httpx.Client(base_url=service.url, timeout=30) as client:
        yield client


def stay(who, connection, *times):
    more = {"participant_id": connection, "user_id": f"u-{who.lower()}", "user_name": who}
    return [{"kind": kind, "at": at, **more} for kind, at in zip(("join", "leave"), times, strict=False)]


def create_meetings(service, room, *visits, ago=600):
    """Send the events of stays, and return the ids of the room's meetings, the newest first."""
    begin = int(time.time()) - ago
    events = [{**one, "room": room, "at": begin + one["at"]} for stay in visits for one in stay]
    with service.client() as client:
        assert client.post("/events?wait=true", json=events).status_code == 200
        found = wait_until(lambda: client.get("/meetings", params={"room": room}).json()["data"])
    return [meeting["id"] for meeting in found]


def create_share(admin, about, name, lasts="7", **more):
    (address,) = set(
        ADDRESS.findall(admin.send("/shares", 200, about=about, name=name, lasts=lasts, **more).text)
    )
    return address


def test_a_shared_link_shows_the_meeting_without_signing_in(service, admin, anonymous):
    (meeting,) = create_meetings(service, "open", stay("Ann", "c-1", 0, 120), stay("Bob", "c-2", 10, 60))
    page = anonymous.get(create_share(admin, "meeting", meeting))
    assert page.status_code == 200
    assert all(text in page.text for text in ("open", "Ann", "Bob", "2m", "50s"))
    assert page.headers["x-robots-tag"] == "noindex, nofollow"
    assert "Sign out" not in page.text


def test_a_masked_link_shows_no_names_and_no_ids(service, admin, anonymous):
    visits = stay("Ann", "c-1", 0, 120), stay("Bob", "c-2", 10, 60), stay("Ann", "c-3", 130, 200)
    (meeting,) = create_meetings(service, "masked", *visits, stay("Cy", "c-4", 100, 190))
    page = anonymous.get(create_share(admin, "meeting", meeting, masked="on")).text
    assert not [text for text in NAMES_AND_IDS if text in page]
    assert ROWS.findall(page) == ["Person 1", "Person 2", "Person 3"]


def test_a_link_shows_the_role_if_it_shows_names_and_never_other_attributes(service, admin, anonymous):
    known = {
        "role": "host",
        "kind": "phone",
        "email": "ann@example.org",
        "customer": "acme",
        "role2": "x-role",
    }
    join, leave = stay("Ann", "c-1", 0, 120)
    visits = [join | {"attributes": known}, leave], stay("Bob", "c-2", 10, 60)
    (meeting,) = create_meetings(service, "attributes", *visits)
    pages = {
        masked: anonymous.get(
            create_share(admin, "meeting", meeting, **({"masked": "on"} if masked else {}))
        ).text
        for masked in (False, True)
    }
    assert all(f">{text}<" in pages[False] for text in ("host", "phone"))
    assert not [text for text in ("host", "phone") if f">{text}<" in pages[True]]
    for page in pages.values():
        assert not [text for text in ("ann@example.org", "acme", "x-role") if text in page]


def test_a_person_has_the_same_number_on_all_pages_of_a_link(service, admin, anonymous):
    """Also if events about an earlier join arrive later."""
    create_meetings(service, "stable", stay("Ann", "c-1", 0, 120), stay("Bob", "c-2", 10, 60), ago=3_000)
    second, first = create_meetings(service, "stable", stay("Bob", "c-2", 0, 90), ago=600)
    link = create_share(admin, "room", "stable", masked="on")
    assert ROWS.findall(anonymous.get(f"{link}/meetings/{first}").text) == [
        "Person 1",
        "Person 2",
    ]
    create_meetings(service, "stable", stay("Zoe", "c-9", 5, 70), ago=3_000)
    assert ROWS.findall(anonymous.get(f"{link}/meetings/{second}").text) == ["Person 2"]
    names = ROWS.findall(anonymous.get(f"{link}/meetings/{first}").text)
    assert names == ["Person 1", "Person 3", "Person 2"]


def test_a_shared_room_shows_its_latest_meetings_and_no_others(service, admin, anonymous):
    (old,) = create_meetings(service, "weekly", stay("Ann", "c-1", 0, 120), ago=40 * DAY_S)
    new, _ = create_meetings(service, "weekly", stay("Ann", "c-1", 0, 120))
    (foreign,) = create_meetings(service, "other", stay("Ann", "c-1", 0, 120))
    link = create_share(admin, "room", "weekly")
    page = anonymous.get(link).text
    assert new in page
    assert old not in page
    assert anonymous.get(f"{link}/meetings/{new}").status_code == 200
    for hidden in (old, foreign, "nonsense"):
        assert anonymous.get(f"{link}/meetings/{hidden}").status_code == 404


def test_a_link_to_a_meeting_leads_to_no_other_meeting(service, admin, anonymous):
    (meeting,) = create_meetings(service, "alone", stay("Ann", "c-1", 0, 120))
    link = create_share(admin, "meeting", meeting)
    assert anonymous.get(f"{link}/meetings/{meeting}").status_code == 404
    assert anonymous.get("/dashboard").status_code == 303


def test_a_revoked_link_shows_nothing(service, admin, anonymous):
    (meeting,) = create_meetings(service, "revoked", stay("Ann", "c-1", 0, 120))
    before = set(DIGEST.findall(admin.page("/settings")))
    link = create_share(admin, "meeting", meeting)
    (digest,) = set(DIGEST.findall(admin.page("/settings"))) - before
    admin.send("/shares/revoke", digest=digest)
    page = anonymous.get(link)
    assert page.status_code == 410
    assert "revoked" not in admin.page("/settings").partition('id="shares"')[0]
    assert "Ann" not in page.text
    admin.send("/shares/revoke", 404, digest=digest)


def test_settings_list_shared_links_with_expiry_and_creator(service, admin):
    (meeting,) = create_meetings(service, "board <1>", stay("Ann", "c-1", 0, 120))
    create_share(admin, "meeting", meeting, masked="on")
    create_share(admin, "room", "board <1>", lasts="never")
    page = admin.page("/settings").partition('id="shares"')[2].partition("</section>")[0]
    assert page.count("board &lt;1&gt;") == 2
    assert all(text in page for text in ("Hidden", "First key", "Never", "Meeting in"))


def test_an_expired_link_shows_nothing(service, admin, anonymous):
    (meeting,) = create_meetings(service, "expired", stay("Ann", "c-1", 0, 120))
    link = create_share(admin, "meeting", meeting, lasts="1")
    store = open_store(str(service.database))
    with store.database.writing() as connection:
        connection.write_text("update access_tokens set expires_ms = ? where subject = ?", [(1_000, meeting)])
    store.close()
    assert anonymous.get(link).status_code == 410


def test_an_unknown_link_is_answered_like_an_expired_one(anonymous):
    assert anonymous.get("/dashboard/shared/" + "x" * 32).status_code == 410
    assert anonymous.get("/dashboard/shared/a%00b").status_code == 400


def test_a_shared_link_is_no_session_and_a_session_is_no_shared_link(service, admin, anonymous):
    (meeting,) = create_meetings(service, "apart", stay("Ann", "c-1", 0, 120))
    token = create_share(admin, "meeting", meeting).rpartition("/")[2]
    assert anonymous.post("/dashboard/sign-in", data={"link": token}).status_code == 403
    assert anonymous.get("/dashboard", headers={"cookie": f"headcount={token}"}).status_code == 303
    cookie = admin.http.cookies["headcount"]
    assert anonymous.get(f"/dashboard/shared/{cookie}").status_code == 410


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        (404, {"about": "meeting", "name": "nothing", "lasts": "7"}),
        (404, {"about": "room", "name": "nowhere", "lasts": "7"}),
        (400, {"about": "room", "name": "a\0b", "lasts": "7"}),
        (400, {"about": "person", "name": "u-ann", "lasts": "7"}),
        (400, {"about": "room", "name": "open", "lasts": "100"}),
    ],
)
def test_what_cannot_be_shared_is_refused(admin, status, fields):
    admin.send("/shares", status, **fields)


def test_a_viewer_cannot_share_and_a_domain_can_share_its_own_meetings_only(service, admin):
    (meeting,) = create_meetings(service, "ours", stay("Ann", "c-1", 0, 120))
    create_share(admin, "meeting", meeting)
    viewer = FormClient(service, service.make_key("default", "read"))
    viewer.send("/shares", 403, about="meeting", name=meeting, lasts="7")
    viewer.close()
    other = FormClient(service, service.make_key("elsewhere", "admin"))
    other.send("/shares", 404, about="meeting", name=meeting, lasts="7")
    assert DIGEST.findall(other.page("/settings")) == []
    other.send("/shares/revoke", 404, digest=DIGEST.findall(admin.page("/settings"))[0])
    other.close()


def test_a_link_with_names_compares_a_roster_and_shows_no_user_ids(service, admin, anonymous):
    (meeting,) = create_meetings(service, "roster", stay("Ann", "c-1", 0, 120), stay("Bob", "c-2", 10, 60))
    link = create_share(admin, "meeting", meeting)
    page = anonymous.get(link).text
    assert f"{link}/attendance" in page
    assert "Roster" in anonymous.get(f"{link}/attendance").text
    answer = anonymous.post(f"{link}/attendance", data={"roster": "name\nAnn\nZoe"})
    assert answer.status_code == 200
    assert answer.headers["x-robots-tag"] == "noindex, nofollow"
    assert re.findall(r'class="flag \w*">([A-Z]\w+)<', answer.text) == ["Present", "Absent", "Unexpected"]
    assert "u-ann" not in answer.text
    assert "u-bob" not in answer.text
    exported = anonymous.post(f"{link}/attendance", data={"roster": "name\nAnn", "action": "csv"}).text
    assert "Bob" in exported
    assert "u-bob" not in exported


def test_a_link_does_not_find_people_by_attributes_that_it_does_not_show(service, admin, anonymous):
    visit = [{**event, "attributes": {"email": "ann@example.org"}} for event in stay("Ann", "c-1", 0, 120)]
    (meeting,) = create_meetings(service, "by-email", visit)
    roster = {"roster": "ann@example.org"}
    answer = anonymous.post(f"{create_share(admin, 'meeting', meeting)}/attendance", data=roster)
    assert re.findall(r'class="flag \w*">([A-Z]\w+)<', answer.text) == ["Absent", "Unexpected"]


def test_a_link_to_a_room_compares_its_meetings_and_no_others(service, admin, anonymous):
    (meeting,) = create_meetings(service, "seminar", stay("Ann", "c-1", 0, 120))
    (foreign,) = create_meetings(service, "elsewhere", stay("Ann", "c-1", 0, 120))
    link = create_share(admin, "room", "seminar")
    roster = {"roster": "name\nAnn"}
    assert "Present" in anonymous.post(f"{link}/meetings/{meeting}/attendance", data=roster).text
    assert anonymous.post(f"{link}/meetings/{foreign}/attendance", data=roster).status_code == 404
    assert anonymous.post(f"{link}/attendance", data=roster).status_code == 404


def test_a_masked_link_has_no_attendance_page(service, admin, anonymous):
    (meeting,) = create_meetings(service, "hidden", stay("Ann", "c-1", 0, 120))
    link = create_share(admin, "meeting", meeting, masked="on")
    assert "/attendance" not in anonymous.get(link).text
    assert anonymous.get(f"{link}/attendance").status_code == 404
    assert anonymous.post(f"{link}/attendance", data={"roster": "name\nAnn"}).status_code == 404
