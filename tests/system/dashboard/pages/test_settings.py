"""The settings page without scripts: API keys, sign-in links, rules, time zone."""

import re

import pytest

from support.html import FormClient, forms_of
from support.running_service import Running, headcount

KEY = re.compile(r"hc_[A-Za-z0-9_-]{32}")


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    running = Running(tmp_path_factory.mktemp("settings"), min_stay_s=12)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def admin(service):
    client = FormClient(service, service.key)
    yield client
    client.close()


@pytest.fixture
def viewer(service):
    client = FormClient(service, service.make_key("default", "read"))
    yield client
    client.close()


def test_a_new_key_is_shown_once(service, admin):
    made = admin.send("/settings/keys", 200, **{"name": "for Ann", "scope.read": "on"})
    (text,) = KEY.findall(made.text)
    with service.client(text) as client:
        assert client.get("/presence").status_code == 200
        assert client.post("/events", json={"room": "r"}).status_code == 403
    page = admin.page("/settings")
    assert "for Ann" in page
    assert text not in page


def test_a_key_is_revoked_without_a_script(service, admin):
    text = service.make_key("default", "read")
    (form,) = [one for one in forms_of(admin.page("/settings")) if one.get("id") == text[3:11]]
    assert admin.send("/settings/keys/revoke", id=form["id"]).headers["location"].endswith("#keys")
    with service.client(text) as client:
        assert client.get("/presence").status_code == 401
    admin.send("/settings/keys/revoke", 404, id=form["id"])


def test_a_key_of_another_domain_is_neither_shown_nor_revoked(service, admin):
    text = service.make_key("elsewhere", "read")
    assert text[3:11] not in admin.page("/settings")
    admin.send("/settings/keys/revoke", 404, id=text[3:11])
    with service.client(text) as client:
        assert client.get("/presence").status_code == 200


@pytest.mark.parametrize(
    "fields", [{"scope.read": "on"}, {"name": "x"}, {"name": "a\nb", "scope.read": "on"}]
)
def test_a_key_without_a_name_or_scope_is_an_error_of_the_form(admin, fields):
    answer = admin.send("/settings/keys", 400, **fields)
    assert 'role="alert"' in answer.text
    assert "hc_" not in answer.text.split('id="new-secret"')[-1][:20]


def test_a_sign_in_link_for_a_viewer_works_once(service, admin):
    made = admin.send("/settings/links", 200, name="Tom", role="viewer")
    (link,) = re.findall(r"link=([A-Za-z0-9_-]+)", made.text)
    teammate = admin.http.__class__(base_url=service.url)
    assert teammate.post("/dashboard/sign-in", data={"link": link}).status_code == 303
    assert teammate.get("/dashboard/settings").status_code == 200
    assert "Create API key" not in teammate.get("/dashboard/settings").text
    assert teammate.post("/dashboard/sign-in", data={"link": link}).status_code == 403


def test_a_viewer_sees_rules_and_time_zones_only(viewer):
    page = viewer.page("/settings")
    assert "Stays shorter than 12s are ignored" in page
    assert "Revoke" not in page
    viewer.send("/settings/keys", 403, **{"name": "x", "scope.read": "on"})
    viewer.send("/settings/links", 403, name="x")


def test_a_viewer_chooses_a_time_zone(viewer):
    assert "Current time zone: UTC" in viewer.page("/settings")
    viewer.send("/settings/time-zone", timezone="Asia/Kathmandu")
    assert "Current time zone: Asia/Kathmandu" in viewer.page("/settings")
    viewer.send("/settings/time-zone", 400, timezone="Mars/Olympus")


def test_a_theme_is_remembered_and_returns_to_the_page(viewer):
    assert 'data-theme="system"' in viewer.page("/meetings?room=x")
    answer = viewer.send("/settings/theme", theme="dark", next="/meetings?room=x")
    assert answer.headers["location"] == "/dashboard/meetings?room=x"
    page = viewer.page("/meetings?room=x")
    assert 'data-theme="dark"' in page
    assert 'value="/meetings?room=x"' in page
    elsewhere = viewer.send("/settings/theme", theme="sepia", next="//other.example/")
    assert elsewhere.headers["location"] == "/dashboard"
    assert 'data-theme="system"' in viewer.page("")


def test_a_time_zone_is_found_by_a_part_of_its_name(viewer):
    page = viewer.page("/settings?like=new+y")
    assert 'value="America/New_York"' in page
    assert 'value="Europe/Berlin"' not in page
    assert "No time zone contains" in viewer.page("/settings?like=<b>nowhere")


def test_a_form_without_its_token_changes_nothing(viewer):
    answer = viewer.http.post("/dashboard/settings/time-zone", data={"timezone": "Europe/Berlin"})
    assert answer.status_code == 403


def invite(service, admin, name, role="admin"):
    """Return the client of a teammate who is signed in with a link of this admin."""
    made = admin.send("/settings/links", 200, name=name, role=role)
    (link,) = re.findall(r"link=([A-Za-z0-9_-]+)", made.text)
    teammate = admin.__class__.__new__(admin.__class__)
    teammate.http = admin.http.__class__(base_url=service.url, timeout=30)
    assert teammate.http.post("/dashboard/sign-in", data={"link": link}).status_code == 303
    return teammate


def session_of(page, name):
    """Return the digest in the form that revokes the session of that name."""
    (row,) = [
        part
        for part in page.split("<tr>")
        if f'row"><span dir="auto">{name}</span>' in part and "/sign-ins/" in part
    ]
    return re.search(r'name="digest" value="([0-9a-f]+)"', row)[1]


def test_revoking_a_key_ends_all_sessions_that_come_from_it(service):
    key = service.make_key("default", "admin")
    first = FormClient(service, key)
    second = invite(service, first, "Bob")
    third = invite(service, second, "Cid", "viewer")
    made = first.send("/settings/links", 200, name="unused", role="viewer")
    (unused,) = re.findall(r"link=([A-Za-z0-9_-]+)", made.text)
    revoked = headcount("key", "revoke", "--database", service.database, key[3:11])
    assert "3 sessions, 1 sign-in links, 0 shared links" in revoked.stdout
    for visitor in (first, second, third):
        assert visitor.http.get("/dashboard/settings").status_code == 303
    assert first.http.post("/dashboard/sign-in", data={"link": unused}).status_code == 403


def test_settings_list_and_revoke_sessions(service, admin):
    teammate = invite(service, admin, "Dot")
    guest = invite(service, teammate, "Eve", "viewer")
    page = admin.page("/settings")
    assert page.count('"flag good">this browser') == 1
    answer = admin.send("/settings/sign-ins/revoke", digest=session_of(page, "Dot"))
    assert answer.headers["location"].endswith("#sign-ins")
    for visitor in (teammate, guest):
        assert visitor.http.get("/dashboard/settings").status_code == 303
    admin.send("/settings/sign-ins/revoke", 404, digest=session_of(page, "Dot"))


def test_a_session_of_another_domain_is_neither_shown_nor_revoked(service, admin):
    other = FormClient(service, service.make_key("elsewhere", "admin"))
    foreign = invite(service, other, "Foreigner")
    assert "Foreigner" not in admin.page("/settings")
    admin.send("/settings/sign-ins/revoke", 404, digest=session_of(other.page("/settings"), "Foreigner"))
    foreign.page("/settings")


def test_a_viewer_sees_and_revokes_no_sessions(service, admin, viewer):
    invite(service, admin, "Fay")
    assert "Fay" not in viewer.page("/settings")
    viewer.send("/settings/sign-ins/revoke", 403, digest=session_of(admin.page("/settings"), "Fay"))
