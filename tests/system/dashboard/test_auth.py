"""Sign-in, sessions and access to pages."""

import httpx2 as httpx
import pytest

from support.browser import BASE, BrowserSession, csrf_token_of, send_events, sign_in
from support.running_service import Running, headcount
from support.waiting import wait_until

PAGES = [
    "",
    "/meetings",
    "/room?name=x",
    "/person?id=x",
    "/search?q=x",
    "/meetings.json",
    "/live",
    "/live/rooms",
    "/nowhere",
]


@pytest.fixture
def anonymous(service):
    with httpx.Client(base_url=service.url, timeout=30) as client:
        yield client


@pytest.mark.parametrize("path", PAGES)
def test_a_page_without_a_session_redirects_to_the_sign_in_page(anonymous, path):
    answer = anonymous.get(BASE + path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{BASE}/sign-in")


def test_signing_in_leads_to_the_requested_page(anonymous, service):
    place = anonymous.get(f"{BASE}/meetings?room=blue").headers["location"]
    assert 'name="next" value="/meetings?room=blue"' in anonymous.get(place).text
    answer = anonymous.post(f"{BASE}/sign-in", data={"key": service.key, "next": "/meetings?room=blue"})
    assert answer.headers["location"] == f"{BASE}/meetings?room=blue"


@pytest.mark.parametrize(
    "place", ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "/a\r\nset-cookie: x=1"]
)
def test_signing_in_never_redirects_to_another_site(anonymous, service, place):
    answer = anonymous.post(f"{BASE}/sign-in", data={"key": service.key, "next": place})
    assert answer.headers["location"] == BASE


@pytest.mark.parametrize("key", ["", "hc_", "hc_nosuchkeynosuchkeynosuchkeynosu", "<script>"])
def test_an_invalid_key_is_refused_with_a_message(anonymous, key):
    answer = anonymous.post(f"{BASE}/sign-in", data={"key": key})
    assert answer.status_code == 403
    assert "API key does not exist" in answer.text
    assert "headcount" not in answer.cookies


def test_a_key_without_the_read_scope_cannot_sign_in(anonymous, service):
    key = service.make_key("default", "ingest")
    assert anonymous.post(f"{BASE}/sign-in", data={"key": key}).status_code == 403


def test_signing_out_ends_the_session(service):
    client = sign_in(service)
    cookie = client.cookies["headcount"]
    assert client.post(f"{BASE}/sign-out", data={"csrf": csrf_token_of(client)}).status_code == 303
    with httpx.Client(base_url=service.url, cookies={"headcount": cookie}) as again:
        assert again.get(BASE).status_code == 303


def test_revoking_a_key_ends_its_sessions(service):
    key = service.make_key("default", "read")
    client = sign_in(service, key)
    assert client.get(BASE).status_code == 200
    headcount("key", "revoke", "--database", service.database, key[3:11])
    wait_until(lambda: client.get(BASE).status_code == 303)


def test_a_form_from_another_site_or_without_its_token_changes_nothing(service):
    client = sign_in(service)
    token = csrf_token_of(client)
    foreign = {"sec-fetch-site": "cross-site"}
    for fields, headers in (({}, {}), ({"csrf": "0" * 32}, {}), ({"csrf": token}, foreign)):
        answer = client.post(f"{BASE}/sign-out", data=fields, headers=headers)
        assert answer.status_code == 403
        assert client.get(BASE).status_code == 200
    assert client.post(f"{BASE}/sign-in", data={"key": service.key}, headers=foreign).status_code == 403


def test_meetings_of_another_domain_are_not_found(service):
    key = service.make_key("elsewhere", "ingest", "read")
    events = [
        {"room": "theirs", "kind": "join", "participant_id": "x", "user_id": "u-theirs", "at": 1_767_225_600},
        {"room": "theirs", "kind": "leave", "participant_id": "x", "at": 1_767_226_600},
    ]
    with service.client(key) as sender:
        assert sender.post("/events?wait=true", json=events).status_code == 200
        (meeting,) = sender.get("/meetings").json()["data"]
    ours, theirs = sign_in(service), sign_in(service, key)
    for path in (
        f"/meetings/{meeting['id']}",
        f"/meetings/{meeting['id']}.json",
        "/room?name=theirs",
        "/person?id=u-theirs",
    ):
        assert ours.get(BASE + path).status_code == 404
        assert theirs.get(BASE + path).status_code == 200
    assert "theirs" not in ours.get(f"{BASE}/meetings?range=all").text
    assert "theirs" in theirs.get(f"{BASE}/meetings?range=all").text


def test_a_sign_in_link_works_once(service, browser):
    link = headcount("login-link", "--database", service.database, "--viewer").stdout.strip()
    token = link.rpartition("link=")[2]
    with httpx.Client(base_url=service.url) as preview:  # a GET does not use the link up
        assert preview.get(f"{BASE}/sign-in?link={token}").status_code == 200
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{service.url}{BASE}/sign-in?link={token}")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Live", exact=True).wait_for()
    (cookie,) = [one for one in context.cookies() if one["name"] == "headcount"]
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Lax", BASE)
    context.close()
    with httpx.Client(base_url=service.url) as late:
        answer = late.post(f"{BASE}/sign-in", data={"link": token})
        assert answer.status_code == 403
        assert "was already used" in answer.text
        assert late.get(f"{BASE}/sign-in?link={token}").status_code == 410


def test_serve_writes_a_sign_in_link_that_works(tmp_path):
    running = Running(tmp_path).start()
    link = next(line.rpartition(" ")[2] for line in running.access().splitlines() if "link=" in line)
    with httpx.Client() as client:
        answer = client.post(link.partition("?")[0], data={"link": link.rpartition("link=")[2]})
        assert answer.status_code == 303
        assert client.get(running.url + BASE).status_code == 200
    running.stop()


def test_pages_have_a_content_security_policy(service):
    client = sign_in(service)
    for path in ("", "/meetings", "/sign-in", "/nowhere"):
        headers = client.get(BASE + path).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"


def test_behind_a_proxy_all_addresses_have_its_prefix(service):
    client = sign_in(service)
    page = client.get(BASE, headers={"x-forwarded-prefix": "/counts"}).text
    addresses = {part.partition('"')[0] for part in page.split('href="')[1:] + page.split('src="')[1:]}
    assert addresses
    assert all(one.startswith(("/counts/dashboard", "#")) for one in addresses)
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
def test_names_are_never_markup(service, browser, name, room):
    room = f"{name} {room[:20]}"
    send_events(
        service,
        (room, "join", name, 30, {"user_name": name, "user_id": name}),
        (room, "join", f"{name}2", 29),
    )
    dashboard = BrowserSession(service, browser)
    page = dashboard.at("")
    row = page.locator("tbody tr", has_text=room[:8]).first
    assert name.replace("\u2028", " ") in row.inner_text().replace("\u2028", " ")
    row.locator("th a").click()
    page.locator("h1", has_text=room[-20:]).wait_for()  # the page before has a heading, too
    assert room.replace("\u2028", " ") in page.inner_text("h1").replace("\u2028", " ")
    page.locator(".chip", has_text=name).first.click()
    page.wait_for_url("**/person?*")
    assert page.locator("h1").inner_text().strip()
    assert dashboard.console_errors == []
    dashboard.close()
    send_events(service, (room, "end", None, 0))
