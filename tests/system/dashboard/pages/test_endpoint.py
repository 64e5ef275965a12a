"""The webhook endpoint page with a real receiver: create, ping, disable, re-enable, resend, remove."""

import re
import time

import pytest

from support.html import FormClient
from support.running_service import Running
from support.waiting import wait_until
from support.webhook_receivers import answers, receiving

PLACE = re.compile(r"/dashboard(/settings/webhooks/[0-9a-f-]{36})")
SECRET = re.compile(r'<code id="secret-\d">([^<]+)</code>')


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    running = Running(tmp_path_factory.mktemp("hooks"), webhook_allowed_networks="127.0.0.0/8")
    running.start()
    yield running
    running.stop()


@pytest.fixture
def admin(service):
    client = FormClient(service, service.key)
    yield client
    client.close()


@pytest.fixture
def receiver():
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def place(admin, receiver):
    """The page of an endpoint, which is removed afterwards."""
    added = admin.send("/settings/webhooks", **{"url": receiver.url, "type.participant.joined": "on"})
    (place,) = PLACE.findall(added.headers["location"])
    yield place
    if admin.http.get(f"/dashboard{place}").status_code == 200:
        admin.send(f"{place}/delete")


def join(service, room):
    event = {"room": room, "kind": "join", "participant_id": f"{room}-p", "at": int(time.time()) - 30}
    with service.client() as client:
        assert client.post("/events", json=event).status_code == 200


def test_a_new_webhook_lists_its_deliveries(service, admin, receiver, place):
    join(service, "logged")
    receiver.wait_for(1)
    page = wait_until(lambda: found if "logged" in (found := admin.page(place)) else None)
    assert "participant.joined" in page
    assert "<code>ok</code>" not in page
    assert receiver.url in admin.page("/settings")


def test_an_address_that_does_not_answer_is_an_error_of_the_form(admin):
    with receiving() as stopped:
        url = stopped.url
    page = admin.send("/settings/webhooks", 400, url=url).text
    assert "did not answer the ping" in page
    assert f'value="{url}"' in page


def test_the_response_to_a_ping_is_shown(admin, receiver, place):
    before = len(receiver.came)
    assert "responded with status 200" in admin.send(f"{place}/test", 200).text
    assert len(receiver.came) == before + 1


def test_a_disabled_webhook_loses_nothing_until_it_is_reenabled(service, admin, receiver, place):
    receiver.behave = answers(500, b"not today")
    join(service, "failing")
    page = wait_until(lambda: found if "Re-enable endpoint" in (found := admin.page(place)) else None)
    assert "500" in page
    assert "not today" not in page
    receiver.behave = answers()
    admin.send(f"{place}/enable")
    wait_until(lambda: "failing" in admin.page(f"{place}?state=delivered"))
    assert "Re-enable endpoint" not in admin.page(place)


def test_a_message_is_resent_with_the_same_id(service, admin, receiver, place):
    join(service, "again")
    first = receiver.wait_for(1)[0].id
    wait_until(lambda: first in admin.page(place))
    admin.send(f"{place}/resend", id=first)
    assert [one.id for one in receiver.wait(lambda came: len(came) == 2)] == [first, first]


def test_a_secret_is_rotated_without_a_gap(admin, place):
    (old,) = SECRET.findall(admin.page(place))
    admin.send(f"{place}/secrets")
    new, other = SECRET.findall(admin.page(place))
    assert other == old
    admin.send(f"{place}/secrets/remove", secret=old)
    assert SECRET.findall(admin.page(place)) == [new]
    admin.send(f"{place}/secrets/remove", 404, secret=new)


def test_event_types_can_be_changed(admin, receiver, place):
    admin.send(place, **{"url": receiver.url, "type.meeting.ended": "on"})
    page = admin.page("/settings")
    assert '<span class="flag">meeting.ended</span>' in page
    assert '<span class="flag">participant.joined</span>' not in page


def test_extra_fields_are_included_only_if_the_form_asks_for_them(service, admin, receiver, place):
    def shown():
        with service.client() as client:
            return client.get(f"/webhooks/{place.rpartition('/')[2]}").json()

    assert "extensions" not in shown()
    assert "Not included" in admin.page(place)
    admin.send(place, url=receiver.url, extensions="on")
    assert shown()["extensions"] is True
    # No event type was selected.
    assert shown()["eventTypes"] == [
        "meeting.started", "meeting.ended", "participant.joined", "participant.left",
    ]  # fmt: skip
    assert re.search(r'name="extensions" checked', admin.page(place))
    admin.send(place, url=receiver.url)
    assert "extensions" not in shown()


def test_a_removed_webhook_is_not_found(admin, receiver, place):
    admin.send(f"{place}/delete")
    admin.page(place, 404)
    assert receiver.url not in admin.page("/settings")


def test_a_viewer_sees_no_webhooks(service, receiver, place):
    viewer = FormClient(service, service.make_key("default", "read"))
    assert receiver.url not in viewer.page("/settings")
    viewer.page(place, 403)
    viewer.send(f"{place}/test", 403)
    viewer.close()


def test_a_webhook_of_another_domain_is_not_found(service, place):
    other = FormClient(service, service.make_key("elsewhere", "admin"))
    other.page(place, 404)
    other.send(f"{place}/delete", 404)
    other.close()
