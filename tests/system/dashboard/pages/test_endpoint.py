"""Webhooks on the pages, with real receivers: set up, tried, failed, set going again, told again, removed."""

import re
import time

import pytest

from support.html import Looking
from support.running_service import Running
from support.waiting import wait_until
from support.webhook_receivers import answers, receiving

PLACE = re.compile(r"/dashboard(/settings/webhooks/[0-9a-f-]{36})")
SECRET = re.compile(r'<code id="secret-\d">([^<]+)</code>')


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    running = Running(tmp_path_factory.mktemp("hooks"), reads_per_5s=0, webhook_networks="127.0.0.0/8")
    running.start()
    yield running
    running.stop()


@pytest.fixture
def admin(service):
    looking = Looking(service, service.key)
    yield looking
    looking.close()


@pytest.fixture
def receiver():
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def place(admin, receiver):
    """The page of an endpoint, which is gone afterwards."""
    added = admin.send("/settings/webhooks", **{"url": receiver.url, "type.participant.joined": "on"})
    (place,) = PLACE.findall(added.headers["location"])
    yield place
    if admin.http.get(f"/dashboard{place}").status_code == 200:
        admin.send(f"{place}/remove")


def join(service, room):
    said = {"room": room, "kind": "join", "participant_id": f"{room}-p", "at": int(time.time()) - 30}
    with service.client() as client:
        assert client.post("/events", json=said).status_code == 200


def test_a_webhook_is_added_and_what_it_is_told_stands_in_its_log(service, admin, receiver, place):
    join(service, "logged")
    receiver.wait_for(1)
    page = wait_until(lambda: found if "logged" in (found := admin.page(place)) else None)
    assert "participant.joined" in page
    assert "<code>ok</code>" not in page
    assert receiver.url in admin.page("/settings")


def test_an_address_that_does_not_answer_is_told_beside_its_form(admin):
    with receiving() as gone:
        url = gone.url
    page = admin.send("/settings/webhooks", 400, url=url).text
    assert "non-200 status code returned" in page
    assert f'value="{url}"' in page


def test_the_ping_is_sent_and_its_answer_shown(admin, receiver, place):
    before = len(receiver.came)
    assert "It answered 200" in admin.send(f"{place}/test", 200).text
    assert len(receiver.came) == before + 1


def test_one_that_failed_is_set_going_again_and_loses_nothing(service, admin, receiver, place):
    receiver.behave = answers(500, b"not today")
    join(service, "failing")
    page = wait_until(lambda: found if "Set it going again" in (found := admin.page(place)) else None)
    assert "500" in page
    assert "not today" not in page
    receiver.behave = answers()
    admin.send(f"{place}/revive")
    wait_until(lambda: "failing" in admin.page(f"{place}?state=delivered"))
    assert "Set it going again" not in admin.page(place)


def test_a_message_is_sent_again_under_its_id(service, admin, receiver, place):
    join(service, "again")
    first = receiver.wait_for(1)[0].id
    wait_until(lambda: first in admin.page(place))
    admin.send(f"{place}/replay", id=first)
    assert [one.id for one in receiver.wait(lambda came: len(came) == 2)] == [first, first]


def test_a_secret_is_changed_without_a_gap(admin, place):
    (old,) = SECRET.findall(admin.page(place))
    admin.send(f"{place}/secrets")
    new, kept = SECRET.findall(admin.page(place))
    assert kept == old
    admin.send(f"{place}/secrets/drop", secret=old)
    assert SECRET.findall(admin.page(place)) == [new]
    admin.send(f"{place}/secrets/drop", 404, secret=new)


def test_other_types_are_chosen(admin, receiver, place):
    admin.send(place, **{"url": receiver.url, "type.meeting.ended": "on"})
    page = admin.page("/settings")
    assert '<span class="flag">meeting.ended</span>' in page
    assert '<span class="flag">participant.joined</span>' not in page


def test_one_that_is_removed_is_gone(admin, receiver, place):
    admin.send(f"{place}/remove")
    admin.page(place, 404)
    assert receiver.url not in admin.page("/settings")


def test_a_viewer_sees_no_webhook(service, receiver, place):
    viewer = Looking(service, service.make_key("default", "read"))
    assert receiver.url not in viewer.page("/settings")
    viewer.page(place, 403)
    viewer.send(f"{place}/test", 403)
    viewer.close()


def test_the_webhook_of_another_domain_is_not_there(service, place):
    other = Looking(service, service.make_key("elsewhere", "admin"))
    other.page(place, 404)
    other.send(f"{place}/remove", 404)
    other.close()
