"""Shared links: one meeting or one room, for whoever has the address, for as long as it holds."""

import re
import time

import httpx2 as httpx
import pytest

from headcount.store.open import open_store
from support.html import Looking
from support.running_service import Running
from support.waiting import wait_until

ADDRESS = re.compile(r"(/dashboard/shared/[A-Za-z0-9_-]{32})")
DIGEST = re.compile(
    r'shares/revoke">\s*<input[^>]*>\s*<input type="hidden" name="digest" value="([0-9a-f]{64})"'
)
ROWS = re.compile(r'<th scope="row"[^>]*>(Person \d)<')
NOBODYS = ("Ann", "Bob", "u-ann", "u-bob", "c-1", "c-2", "c-3")
DAY_S = 86_400


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    running = Running(tmp_path_factory.mktemp("shares"), reads_per_5s=0, events_per_5s=0)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def admin(service):
    looking = Looking(service, service.key)
    yield looking
    looking.close()


@pytest.fixture
def anybody(service):
    """Somebody who never signed in."""
    with httpx.Client(base_url=service.url, timeout=30) as client:
        yield client


def visit(who, connection, *times):
    more = {"participant_id": connection, "user_id": f"u-{who.lower()}", "user_name": who}
    return [{"kind": kind, "at": at, **more} for kind, at in zip(("join", "leave"), times, strict=False)]


def happened(service, room, *visits, ago=600):
    """Let visits be, and give the ids of the room's meetings, the newest first."""
    begin = int(time.time()) - ago
    events = [{**one, "room": room, "at": begin + one["at"]} for visit in visits for one in visit]
    with service.client() as client:
        assert client.post("/events?wait=true", json=events).status_code == 200
        found = wait_until(lambda: client.get("/meetings", params={"room": room}).json()["data"])
    return [meeting["id"] for meeting in found]


def shared(admin, about, name, lasts="7", **more):
    (address,) = set(
        ADDRESS.findall(admin.send("/shares", 200, about=about, name=name, lasts=lasts, **more).text)
    )
    return address


def test_whoever_has_the_link_sees_the_meeting_without_signing_in(service, admin, anybody):
    (meeting,) = happened(service, "open", visit("Ann", "c-1", 0, 120), visit("Bob", "c-2", 10, 60))
    page = anybody.get(shared(admin, "meeting", meeting))
    assert page.status_code == 200
    assert all(text in page.text for text in ("open", "Ann", "Bob", "2 min", "50 s"))
    assert page.headers["x-robots-tag"] == "noindex, nofollow"
    assert "Sign out" not in page.text


def test_a_masked_link_names_nobody_and_shows_no_id(service, admin, anybody):
    visits = visit("Ann", "c-1", 0, 120), visit("Bob", "c-2", 10, 60), visit("Ann", "c-3", 130, 200)
    (meeting,) = happened(service, "masked", *visits, visit("Cy", "c-4", 100, 190))
    page = anybody.get(shared(admin, "meeting", meeting, masked="on")).text
    assert not [text for text in NOBODYS if text in page]
    assert ROWS.findall(page) == ["Person 1", "Person 2", "Person 3"]


def test_a_person_is_the_same_number_in_all_that_a_link_shows(service, admin, anybody):
    """Even if somebody is heard of later who came earlier."""
    happened(service, "stable", visit("Ann", "c-1", 0, 120), visit("Bob", "c-2", 10, 60), ago=3_000)
    second, first = happened(service, "stable", visit("Bob", "c-2", 0, 90), ago=600)
    link = shared(admin, "room", "stable", masked="on")
    assert ROWS.findall(anybody.get(f"{link}/meetings/{first}").text) == [
        "Person 1",
        "Person 2",
    ]
    happened(service, "stable", visit("Zoe", "c-9", 5, 70), ago=3_000)
    assert ROWS.findall(anybody.get(f"{link}/meetings/{second}").text) == ["Person 2"]
    names = ROWS.findall(anybody.get(f"{link}/meetings/{first}").text)
    assert names == ["Person 1", "Person 3", "Person 2"]


def test_a_shared_room_shows_its_last_meetings_and_no_others(service, admin, anybody):
    (old,) = happened(service, "weekly", visit("Ann", "c-1", 0, 120), ago=40 * DAY_S)
    new, _ = happened(service, "weekly", visit("Ann", "c-1", 0, 120))
    (foreign,) = happened(service, "other", visit("Ann", "c-1", 0, 120))
    link = shared(admin, "room", "weekly")
    page = anybody.get(link).text
    assert new in page
    assert old not in page
    assert anybody.get(f"{link}/meetings/{new}").status_code == 200
    for hidden in (old, foreign, "nonsense"):
        assert anybody.get(f"{link}/meetings/{hidden}").status_code == 404


def test_a_link_to_a_meeting_leads_to_no_other_one(service, admin, anybody):
    (meeting,) = happened(service, "alone", visit("Ann", "c-1", 0, 120))
    link = shared(admin, "meeting", meeting)
    assert anybody.get(f"{link}/meetings/{meeting}").status_code == 404
    assert anybody.get("/dashboard").status_code == 303


def test_a_revoked_link_is_gone(service, admin, anybody):
    (meeting,) = happened(service, "revoked", visit("Ann", "c-1", 0, 120))
    before = set(DIGEST.findall(admin.page("/settings")))
    link = shared(admin, "meeting", meeting)
    (digest,) = set(DIGEST.findall(admin.page("/settings"))) - before
    admin.send("/shares/revoke", digest=digest)
    page = anybody.get(link)
    assert page.status_code == 410
    assert "revoked" not in admin.page("/settings").partition('id="shares"')[0]
    assert "Ann" not in page.text
    admin.send("/shares/revoke", 404, digest=digest)


def test_settings_say_what_is_shared_until_when_and_by_whom(service, admin):
    (meeting,) = happened(service, "board <1>", visit("Ann", "c-1", 0, 120))
    shared(admin, "meeting", meeting, masked="on")
    shared(admin, "room", "board <1>", lasts="never")
    page = admin.page("/settings").partition('id="shares"')[2].partition("</section>")[0]
    assert page.count("board &lt;1&gt;") == 2
    assert all(text in page for text in ("masked", "first key", "it is revoked", "Meeting in"))


def test_an_expired_link_is_gone(service, admin, anybody):
    (meeting,) = happened(service, "expired", visit("Ann", "c-1", 0, 120))
    link = shared(admin, "meeting", meeting, lasts="1")
    store = open_store(str(service.database))
    with store.database.writing() as connection:
        connection.write_text("update access_tokens set expires_ms = ? where subject = ?", [(1_000, meeting)])
    store.close()
    assert anybody.get(link).status_code == 410


def test_an_address_that_nobody_made_is_gone_too(anybody):
    assert anybody.get("/dashboard/shared/" + "x" * 32).status_code == 410
    assert anybody.get("/dashboard/shared/a%00b").status_code == 400


def test_a_link_does_not_sign_in_and_a_sign_in_is_no_link(service, admin, anybody):
    (meeting,) = happened(service, "apart", visit("Ann", "c-1", 0, 120))
    token = shared(admin, "meeting", meeting).rpartition("/")[2]
    assert anybody.post("/dashboard/sign-in", data={"link": token}).status_code == 403
    assert anybody.get("/dashboard", headers={"cookie": f"headcount={token}"}).status_code == 303
    cookie = admin.http.cookies["headcount"]
    assert anybody.get(f"/dashboard/shared/{cookie}").status_code == 410


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
def test_what_cannot_be_shared_is_refused_in_words(admin, status, fields):
    admin.send("/shares", status, **fields)


def test_a_viewer_shares_nothing_and_other_domains_share_their_own(service, admin):
    (meeting,) = happened(service, "ours", visit("Ann", "c-1", 0, 120))
    shared(admin, "meeting", meeting)
    viewer = Looking(service, service.make_key("default", "read"))
    viewer.send("/shares", 403, about="meeting", name=meeting, lasts="7")
    viewer.close()
    other = Looking(service, service.make_key("elsewhere", "admin"))
    other.send("/shares", 404, about="meeting", name=meeting, lasts="7")
    assert DIGEST.findall(other.page("/settings")) == []
    other.send("/shares/revoke", 404, digest=DIGEST.findall(admin.page("/settings"))[0])
    other.close()
