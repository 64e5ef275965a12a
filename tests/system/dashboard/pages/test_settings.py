"""The settings: keys, links for colleagues, the rules in words, the zone; all of it without a script."""

import re

import pytest

from support.html import Looking, forms_in
from support.running_service import Running, headcount

KEY = re.compile(r"hc_[A-Za-z0-9_-]{32}")


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    running = Running(tmp_path_factory.mktemp("settings"), reads_per_5s=0, min_stay_s=12)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def admin(service):
    looking = Looking(service, service.key)
    yield looking
    looking.close()


@pytest.fixture
def viewer(service):
    looking = Looking(service, service.make_key("default", "read"))
    yield looking
    looking.close()


def test_a_key_is_made_and_its_text_is_shown_once(service, admin):
    made = admin.send("/settings/keys", 200, **{"name": "for Ann", "scope.read": "on"})
    (text,) = KEY.findall(made.text)
    with service.client(text) as client:
        assert client.get("/presence").status_code == 200
        assert client.post("/events", json={"room": "r"}).status_code == 403
    page = admin.page("/settings")
    assert "for Ann" in page
    assert text not in page


def test_a_key_is_revoked_by_a_form_that_opens_without_a_script(service, admin):
    text = service.make_key("default", "read")
    (form,) = [one for one in forms_in(admin.page("/settings")) if one.get("id") == text[3:11]]
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
def test_a_key_without_a_name_or_scope_is_told_what_is_missing(admin, fields):
    answer = admin.send("/settings/keys", 400, **fields)
    assert 'role="alert"' in answer.text
    assert "hc_" not in answer.text.split('id="made"')[-1][:20]


def test_a_link_signs_a_colleague_in_who_may_only_look(service, admin):
    made = admin.send("/settings/links", 200, name="Tom", role="viewer")
    (link,) = re.findall(r"link=([A-Za-z0-9_-]+)", made.text)
    colleague = admin.http.__class__(base_url=service.url)
    assert colleague.post("/dashboard/sign-in", data={"link": link}).status_code == 303
    assert colleague.get("/dashboard/settings").status_code == 200
    assert "API keys" not in colleague.get("/dashboard/settings").text
    assert colleague.post("/dashboard/sign-in", data={"link": link}).status_code == 403


def test_a_viewer_sees_rules_and_zones_and_changes_nothing_else(viewer):
    page = viewer.page("/settings")
    assert "12 s is void" in page
    assert "Revoke" not in page
    viewer.send("/settings/keys", 403, **{"name": "x", "scope.read": "on"})
    viewer.send("/settings/links", 403, name="x")


def test_anybody_chooses_their_own_zone(viewer):
    assert "It is UTC" in viewer.page("/settings")
    viewer.send("/settings/zone", zone="Asia/Kathmandu")
    assert "It is Asia/Kathmandu" in viewer.page("/settings")
    viewer.send("/settings/zone", 400, zone="Mars/Olympus")


def test_a_zone_is_found_by_a_part_of_its_name(viewer):
    page = viewer.page("/settings?like=new+y")
    assert 'value="America/New_York"' in page
    assert 'value="Europe/Berlin"' not in page
    assert "No zone has" in viewer.page("/settings?like=<b>nowhere")


def test_a_form_without_its_word_changes_nothing(viewer):
    answer = viewer.http.post("/dashboard/settings/zone", data={"zone": "Europe/Berlin"})
    assert answer.status_code == 403


def invited(service, admin, name, role="admin"):
    """A colleague whom this admin invited, signed in by the link."""
    made = admin.send("/settings/links", 200, name=name, role=role)
    (link,) = re.findall(r"link=([A-Za-z0-9_-]+)", made.text)
    colleague = admin.__class__.__new__(admin.__class__)
    colleague.http = admin.http.__class__(base_url=service.url, timeout=30)
    assert colleague.http.post("/dashboard/sign-in", data={"link": link}).status_code == 303
    return colleague


def session_of(page, name):
    """The digest in the form that revokes the session of that name."""
    (row,) = [
        part
        for part in page.split("<tr>")
        if f'row"><span dir="auto">{name}</span>' in part and "/sign-ins/" in part
    ]
    return re.search(r'name="digest" value="([0-9a-f]+)"', row)[1]


def test_a_revoked_key_signs_out_everybody_who_was_invited_with_it(service):
    key = service.make_key("default", "admin")
    first = Looking(service, key)
    second = invited(service, first, "Bob")
    third = invited(service, second, "Cid", "viewer")
    made = first.send("/settings/links", 200, name="unused", role="viewer")
    (unused,) = re.findall(r"link=([A-Za-z0-9_-]+)", made.text)
    revoked = headcount("key", "revoke", "--database", service.database, key[3:11])
    assert "3 sessions, 1 sign-in links, 0 shared links" in revoked.stdout
    for visitor in (first, second, third):
        assert visitor.http.get("/dashboard/settings").status_code == 303
    assert first.http.post("/dashboard/sign-in", data={"link": unused}).status_code == 403


def test_the_settings_list_sessions_and_links_and_revoke_them(service, admin):
    colleague = invited(service, admin, "Dot")
    guest = invited(service, colleague, "Eve", "viewer")
    page = admin.page("/settings")
    assert page.count('"flag good">this browser') == 1
    answer = admin.send("/settings/sign-ins/revoke", digest=session_of(page, "Dot"))
    assert answer.headers["location"].endswith("#sign-ins")
    for visitor in (colleague, guest):
        assert visitor.http.get("/dashboard/settings").status_code == 303
    admin.send("/settings/sign-ins/revoke", 404, digest=session_of(page, "Dot"))


def test_a_session_of_another_domain_is_neither_shown_nor_revoked(service, admin):
    other = Looking(service, service.make_key("elsewhere", "admin"))
    foreign = invited(service, other, "Foreigner")
    assert "Foreigner" not in admin.page("/settings")
    admin.send("/settings/sign-ins/revoke", 404, digest=session_of(other.page("/settings"), "Foreigner"))
    foreign.page("/settings")


def test_a_viewer_sees_and_revokes_no_sessions(service, admin, viewer):
    invited(service, admin, "Fay")
    assert "Fay" not in viewer.page("/settings")
    viewer.send("/settings/sign-ins/revoke", 403, digest=session_of(admin.page("/settings"), "Fay"))
