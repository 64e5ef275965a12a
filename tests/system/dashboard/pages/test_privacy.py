"""The privacy page: admins find and export a person. Viewers and other domains do not."""

import io
import json
from zipfile import ZipFile

import pytest

from support.browser import BASE, create_meeting, sign_in
from support.html import FormClient


@pytest.fixture
def client(service):
    return sign_in(service)


@pytest.fixture
def viewer(service):
    return sign_in(service, service.make_key("default", "read"))


@pytest.fixture
def stranger(service):
    return sign_in(service, service.make_key("elsewhere", "admin"))


def test_an_admin_exports_a_person_from_their_page(service, dashboard, room):
    create_meeting(service, room)
    page = dashboard.at(f"/person?id=u-ana-{room}")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export personal data").click()
    assert download.value.suggested_filename.startswith("personal-data")
    with ZipFile(download.value.path()) as archive:
        data = json.loads(archive.read("data.json"))
    assert data["selector"] == {"user_id": f"u-ana-{room}"}
    assert [one["room"] for one in data["meetings"]] == [room]


@pytest.mark.parametrize("by", ["user_id", "participant_id", "attribute"])
def test_a_person_is_found_by_any_selector(service, client, room, by):
    create_meeting(service, room, attributes={"email": f"{room}@x.example"})
    user = f"u-ana-{room}"
    participant = service.client().get(f"/users/{user}/meetings").json()["data"][0]["participants"][0]
    value = {
        "user_id": user,
        "participant_id": participant["participant_id"],
        "attribute": f"email={room}@x.example",
    }[by]
    page = client.get(f"{BASE}/privacy", params={"by": by, "value": value}).text
    assert value in page
    assert "Export personal data" in page
    answer = client.get(f"{BASE}/privacy.zip", params={"by": by, "value": value})
    assert answer.headers["content-type"] == "application/zip"
    data = json.loads(ZipFile(io.BytesIO(answer.content)).read("data.json"))
    assert [one["user_name"] for one in data["stays"]] == ["Ana Silva"]


def test_viewers_and_other_domains_find_nobody(service, viewer, stranger, room):
    create_meeting(service, room)
    person = {"by": "user_id", "value": f"u-ana-{room}"}
    assert "Privacy" not in viewer.get(BASE).text
    assert "Export personal data" not in viewer.get(f"{BASE}/person?id={person['value']}").text
    for path in ("/privacy", "/privacy.zip"):
        assert viewer.get(BASE + path, params=person).status_code == 403
    assert "Nothing is stored about this person" in stranger.get(f"{BASE}/privacy", params=person).text
    assert stranger.get(f"{BASE}/privacy.zip", params=person).status_code == 404


@pytest.mark.parametrize(
    ("query", "status"),
    [({}, 200), ({"by": "name", "value": "x"}, 400), ({"by": "attribute", "value": "email"}, 400), ({"value": "x" * 600}, 400)],
)  # fmt: skip
def test_an_address_that_selects_nobody_is_explained(client, query, status):
    assert client.get(f"{BASE}/privacy", params=query).status_code == status


def test_an_admin_erases_a_person_after_a_preview(service, dashboard, room):
    create_meeting(service, room)
    page = dashboard.at(f"/person?id=u-ana-{room}")
    page.get_by_role("link", name="Erase …").click()
    tiles = page.locator(".tiles .tile").all_inner_texts()
    assert any("Stays" in one and "1" in one for one in tiles)
    page.locator("summary", has_text="Erase …").click()
    page.get_by_role("button", name="Erase person").click()
    page.get_by_role("status").filter(has_text="was requested").wait_for()
    row = page.locator("#erasures tbody tr").first
    assert "User ID" in row.inner_text()
    assert "session" in row.inner_text()


def test_a_person_is_erased_without_a_script_and_by_admins_only(service, room):
    create_meeting(service, room)
    person = {"by": "user_id", "value": f"u-ana-{room}", "mode": "pseudonymize"}
    admin = FormClient(service, service.key)
    viewer = FormClient(service, service.make_key("default", "read"))
    stranger = FormClient(service, service.make_key("elsewhere-too", "admin"))
    viewer.send("/privacy/erasures", 403, **person)
    assert viewer.http.get(f"{BASE}/privacy/erasures").status_code == 403
    admin.send("/privacy/erasures", 400, **person | {"mode": "forget"})
    admin.send("/privacy/erasures", 400, **person | {"value": "anon-user-1"})
    admin.send("/privacy/erasures", 404, **person | {"value": ""})
    location = admin.send("/privacy/erasures", **person).headers["location"]
    number = location.partition("requested=")[2].partition("#")[0]
    assert f"Erasure {number} was requested" in admin.page(location.removeprefix(BASE))
    listed = admin.page("/privacy/erasures")
    assert "Pseudonymize" in listed
    again = admin.page(f"/privacy?by=user_id&value={person['value']}")
    assert f"Erasure {number} of this person was requested" in again
    assert "Nobody was erased yet" in stranger.page("/privacy")
    for client in (admin, viewer, stranger):
        client.close()


def test_legal_holds_and_pseudonyms_are_explained(service, client, room):
    create_meeting(service, room)
    with service.client() as api:
        hold = api.post("/privacy/holds", json={"kind": "room", "subject": room, "reason": "case 17"}).json()
    page = client.get(f"{BASE}/privacy", params={"by": "user_id", "value": f"u-ana-{room}"}).text
    assert f"Legal holds protect data of this person: {hold['number']}." in page
    assert "Erase person" not in page
    page = client.get(f"{BASE}/privacy", params={"by": "user_id", "value": "anon-user-1"}).text
    assert "is erased already" in page


def test_an_admin_sees_retention_rules_and_legal_holds_of_the_domain_alone(service, client, stranger, room):
    with service.client() as api:
        api.put("/privacy/retention", json={"pattern": f"{room}-*", "names_days": 30})
        api.post("/privacy/holds", json={"kind": "room", "subject": room, "reason": f"case {room}"})
    page = client.get(f"{BASE}/privacy").text
    assert f"{room}-*" in page
    assert "30 days" in page
    assert f"case {room}" in page
    assert room not in stranger.get(f"{BASE}/privacy").text
