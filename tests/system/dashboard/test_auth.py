"""Who gets in, as what, and what they may not do."""

import httpx2 as httpx
import pytest

from support.browser import BASE, Looking, csrf_in, signed_in, told
from support.running_service import Running, headcount
from support.waiting import wait_until

PAGES = [
    "",
    "/meetings",
    "/room?name=x",
    "/person?id=x",
    "/find?q=x",
    "/meetings.json",
    "/live",
    "/now/rooms",
    "/nowhere",
]


@pytest.fixture
def stranger(service):
    with httpx.Client(base_url=service.url, timeout=30) as client:
        yield client


@pytest.mark.parametrize("path", PAGES)
def test_whoever_has_not_signed_in_is_sent_to_the_door(stranger, path):
    answer = stranger.get(BASE + path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{BASE}/sign-in")


def test_after_signing_in_one_is_where_one_wanted_to_be(stranger, service):
    place = stranger.get(f"{BASE}/meetings?room=blue").headers["location"]
    assert 'name="next" value="/meetings?room=blue"' in stranger.get(place).text
    answer = stranger.post(f"{BASE}/sign-in", data={"key": service.key, "next": "/meetings?room=blue"})
    assert answer.headers["location"] == f"{BASE}/meetings?room=blue"


@pytest.mark.parametrize(
    "place", ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "/a\r\nset-cookie: x=1"]
)
def test_nobody_is_led_away_by_signing_in(stranger, service, place):
    answer = stranger.post(f"{BASE}/sign-in", data={"key": service.key, "next": place})
    assert answer.headers["location"] == BASE


@pytest.mark.parametrize("key", ["", "hc_", "hc_nosuchkeynosuchkeynosuchkeynosu", "<script>"])
def test_a_key_that_is_none_is_refused_in_words(stranger, key):
    answer = stranger.post(f"{BASE}/sign-in", data={"key": key})
    assert answer.status_code == 403
    assert "not known" in answer.text
    assert "headcount" not in answer.cookies


def test_a_key_that_may_only_send_lets_nobody_look(stranger, service):
    key = service.make_key("default", "ingest")
    assert stranger.post(f"{BASE}/sign-in", data={"key": key}).status_code == 403


def test_who_signs_out_is_out(service):
    client = signed_in(service)
    cookie = client.cookies["headcount"]
    assert client.post(f"{BASE}/sign-out", data={"csrf": csrf_in(client)}).status_code == 303
    with httpx.Client(base_url=service.url, cookies={"headcount": cookie}) as again:
        assert again.get(BASE).status_code == 303


def test_a_revoked_key_ends_what_was_signed_in_with_it(service):
    key = service.make_key("default", "read")
    client = signed_in(service, key)
    assert client.get(BASE).status_code == 200
    headcount("key", "revoke", "--database", service.database, key[3:11])
    wait_until(lambda: client.get(BASE).status_code == 303)


def test_a_form_of_another_site_or_without_its_word_changes_nothing(service):
    client = signed_in(service)
    word = csrf_in(client)
    foreign = {"sec-fetch-site": "cross-site"}
    for fields, headers in (({}, {}), ({"csrf": "0" * 32}, {}), ({"csrf": word}, foreign)):
        answer = client.post(f"{BASE}/sign-out", data=fields, headers=headers)
        assert answer.status_code == 403
        assert client.get(BASE).status_code == 200
    assert client.post(f"{BASE}/sign-in", data={"key": service.key}, headers=foreign).status_code == 403


def test_another_domains_meetings_are_not_there(service):
    key = service.make_key("elsewhere", "ingest", "read")
    said = [
        {"room": "theirs", "kind": "join", "participant_id": "x", "user_id": "u-theirs", "at": 1_767_225_600},
        {"room": "theirs", "kind": "leave", "participant_id": "x", "at": 1_767_226_600},
    ]
    with service.client(key) as sender:
        assert sender.post("/events?wait=true", json=said).status_code == 200
        (meeting,) = sender.get("/meetings").json()["data"]
    ours, theirs = signed_in(service), signed_in(service, key)
    for path in (
        f"/meetings/{meeting['id']}",
        f"/meetings/{meeting['id']}.json",
        "/room?name=theirs",
        "/person?id=u-theirs",
    ):
        assert ours.get(BASE + path).status_code == 404
        assert theirs.get(BASE + path).status_code == 200
    assert "theirs" not in ours.get(f"{BASE}/meetings").text
    assert "theirs" in theirs.get(f"{BASE}/meetings").text


def test_a_link_lets_in_once(service, browser):
    link = headcount("dashboard-link", "--database", service.database, "--viewer").stdout.strip()
    token = link.rpartition("link=")[2]
    with httpx.Client(base_url=service.url) as preview:  # whoever only looks at it does not use it up
        assert preview.get(f"{BASE}/sign-in?link={token}").status_code == 200
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{service.url}{BASE}/sign-in?link={token}")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Now", exact=True).wait_for()
    (cookie,) = [one for one in context.cookies() if one["name"] == "headcount"]
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Lax", BASE)
    context.close()
    with httpx.Client(base_url=service.url) as late:
        answer = late.post(f"{BASE}/sign-in", data={"link": token})
        assert answer.status_code == 403
        assert "was used" in answer.text
        assert late.get(f"{BASE}/sign-in?link={token}").status_code == 410


def test_serve_prints_a_link_that_signs_in(tmp_path):
    running = Running(tmp_path).start()
    link = next(line.strip() for line in running.log.read_text().splitlines() if "link=" in line)
    with httpx.Client() as client:
        answer = client.post(link.partition("?")[0], data={"link": link.rpartition("link=")[2]})
        assert answer.status_code == 303
        assert client.get(running.url + BASE).status_code == 200
    running.stop()


def test_pages_say_what_a_browser_may_do(service):
    client = signed_in(service)
    for path in ("", "/meetings", "/sign-in", "/nowhere"):
        headers = client.get(BASE + path).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"


def test_behind_a_proxy_all_addresses_lead_through_it(service):
    client = signed_in(service)
    page = client.get(BASE, headers={"x-forwarded-prefix": "/counts"}).text
    led = {part.partition('"')[0] for part in page.split('href="')[1:] + page.split('src="')[1:]}
    assert led
    assert all(one.startswith(("/counts/dashboard", "#")) for one in led)
    assert "/evil" not in client.get(BASE, headers={"x-forwarded-prefix": "//evil.example"}).text


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "\u202eevil",
        "{{ 7*7 }}",
        "a\u2028b",
        "😀 & <b>",
    ],
)
def test_names_are_data(service, browser, name, room):
    room = f"{name} {room[:20]}"
    told(
        service,
        (room, "join", name, 30, {"user_name": name, "user_id": name}),
        (room, "join", f"{name}2", 29),
    )
    looking = Looking(service, browser)
    page = looking.at("")
    shown = page.locator("tbody tr", has_text=room[:8]).first
    assert name.replace("\u2028", " ") in shown.inner_text().replace("\u2028", " ")
    shown.locator("th a").click()
    page.get_by_role("heading", level=1).wait_for()
    assert room.replace("\u2028", " ") in page.inner_text("h1").replace("\u2028", " ")
    page.locator(".chip", has_text=name).first.click()
    page.wait_for_url("**/person?*")
    assert page.locator("h1").inner_text().strip()
    assert looking.complaints == []
    looking.close()
    told(service, (room, "end", None, 0))
