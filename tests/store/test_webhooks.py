"""Endpoints and deliveries, on both databases: pending, attempted and resent messages."""

import json

import pytest

from headcount.store.domains import remove_domain
from headcount.store.webhooks import (
    Attempt,
    Delivery,
    DeliveryBatch,
    DeliveryState,
    Endpoint,
    EndpointProgress,
    EndpointStatus,
    ResendFilter,
    RetryType,
)

BOTH = ("meeting.started", "meeting.ended")


def told(store, *names, room="r", type_="meeting.started", domain="acme", at=1_000):
    """Puts messages into the outbox, and gives the position of the last."""
    said = json.dumps({"id": "m", "start": at})
    with store.database.writing() as connection:
        connection.write("insert_message", [(domain, name, type_, room, at, at, said) for name in names])
    return store.messages.end()


def endpoint(store, uuid="e", **more):
    row = Endpoint(
        uuid, "acme", "https://hooks.example/x", ("AAEC", "AwQF"), None, RetryType.EXPONENTIAL, BOTH, **more
    )
    store.endpoints.add(row)
    return row


def attempt(position, *, delivered=0, at=5):
    return Attempt(
        "e", "acme", position, f"m{position}", at, delivered, 200 if delivered else 500, 3, "ok", None
    )


def keep(store, *, done=(), undelivered=(), attempts=(), **standing):
    whole = {
        "position": 0,
        "last_pushed": None,
        "state": EndpointStatus.ACTIVE,
        "failed_count": 0,
        "version": 0,
    } | standing
    store.deliveries.commit(
        DeliveryBatch([EndpointProgress(uuid="e", **whole)], list(undelivered), list(done), list(attempts))
    )


def test_an_endpoint_is_found_in_its_domain_only(store):
    row = endpoint(store, position=7, created=3, updated=3)
    assert store.endpoints.find("acme", "e") == row
    assert store.endpoints.find("other", "e") is None
    assert store.endpoints.all("acme") == store.endpoints.all() == [row]
    assert store.endpoints.all("other") == []


def test_the_state_after_a_delivery_does_not_apply_to_a_changed_endpoint(store):
    row = endpoint(store)
    store.endpoints.reenable(row)
    keep(store, position=4, state=EndpointStatus.FAILED, failed_count=3, last_pushed=9)
    found = store.endpoints.find("acme", "e")
    assert (found.state, found.failed_count, found.position, found.last_pushed) == (
        EndpointStatus.ACTIVE,
        0,
        4,
        9,
    )
    keep(store, position=2, state=EndpointStatus.FAILED, failed_count=3, version=1)
    found = store.endpoints.find("acme", "e")
    assert (found.state, found.failed_count, found.position, found.last_pushed) == (
        EndpointStatus.FAILED,
        3,
        4,
        9,
    )
    assert store.endpoints.active() == {}


def test_pending_messages_are_found_in_order_until_they_are_delivered(store):
    endpoint(store)
    told(store, "m1", "m2", "m3")
    first = [Delivery("e", "acme", position, "r", 1, 50) for position in (1, 2, 3)]
    keep(store, undelivered=first, position=3)
    keep(store, undelivered=[first[1]._replace(failed=1, reason="given up")], done=[("e", 1, 0)])
    ((message, attempts, next_at, _),) = store.deliveries.pending("e", 0, 10)
    assert (message.id, message.position, attempts, next_at) == ("m3", 3, 1, 50)
    assert store.deliveries.counts() == {("e", DeliveryState.PENDING): 1, ("e", DeliveryState.FAILED): 1}


def test_a_reenabled_endpoint_retries_pending_messages_from_the_first_attempt(store):
    row = endpoint(store)
    told(store, "m1")
    keep(
        store,
        undelivered=[Delivery("e", "acme", 1, "r", 3, 50)],
        position=1,
        state=EndpointStatus.FAILED,
        failed_count=3,
    )
    store.endpoints.reenable(row)
    ((_, attempts, next_at, _),) = store.deliveries.pending("e", 0, 10)
    assert (attempts, next_at, store.endpoints.active()) == (0, 0, {"e": 1})


def test_a_page_of_deliveries_has_the_state_of_each_message(store):
    endpoint(store)
    told(store, *(f"m{n}" for n in range(1, 6)))
    waiting = Delivery("e", "acme", 3, "r", 1, 50)
    keep(store, undelivered=[waiting, waiting._replace(position=4, failed=1, reason="given up")], position=4,
         attempts=[attempt(1), attempt(1, delivered=1), attempt(2, delivered=1), attempt(4)])  # fmt: skip
    listed = store.deliveries.page("e", None, 10)
    assert [(one.id, one.state, len(one.attempts)) for one in listed] == [
        ("m4", DeliveryState.FAILED, 1), ("m3", DeliveryState.PENDING, 0), ("m2", DeliveryState.DELIVERED, 1), ("m1", DeliveryState.DELIVERED, 2),
    ]  # fmt: skip
    assert listed[0].reason == "given up"
    assert listed[3].attempts[0].delivered
    pages = [one.id for before in (None, 3) for one in store.deliveries.page("e", before, 2)]
    assert pages == ["m4", "m3", "m2", "m1"]
    by_fate = {fate: [one.id for one in store.deliveries.page("e", None, 10, fate)] for fate in DeliveryState}
    assert by_fate == {
        DeliveryState.DELIVERED: ["m2", "m1"],
        DeliveryState.PENDING: ["m3"],
        DeliveryState.FAILED: ["m4"],
    }


@pytest.mark.parametrize(
    ("wanted", "again"),
    [
        (ResendFilter(ids=["m2", "n1", "nothing"]), ["m2"]),
        (ResendFilter(ids=[]), []),
        (ResendFilter(room="blue"), ["m3"]),
        (ResendFilter(since=2_000, until=3_000), ["m3"]),
        (ResendFilter(failed=True), ["m1"]),
        (ResendFilter(), ["m1", "m2", "m3"]),
    ],
)
def test_selected_messages_before_the_position_are_resent(store, wanted, again):
    row = endpoint(store)
    told(store, "m1", "m2")
    told(store, "m3", room="blue", at=2_500)
    told(store, "m4", type_="participant.joined")
    told(store, "n1", domain="other")
    told(store, "m5", at=2_500)
    keep(store, undelivered=[Delivery("e", "acme", 1, "r", 5, 50, 1, 0, "given up")], position=5)
    assert store.endpoints.resend(row, wanted) == len(again)
    assert [message.id for message, *_ in store.deliveries.pending("e", 0, 10)] == again
    assert store.endpoints.active() == {"e": 1}


def test_the_result_of_an_earlier_attempt_does_not_remove_a_resent_message(store):
    row = endpoint(store)
    told(store, "m1")
    keep(store, undelivered=[Delivery("e", "acme", 1, "r", 1, 50)], position=1)
    store.endpoints.resend(row, ResendFilter(ids=["m1"]))
    keep(store, done=[("e", 1, 0)])
    keep(store, undelivered=[Delivery("e", "acme", 1, "r", 2, 90)])
    ((_, attempts, next_at, asked),) = store.deliveries.pending("e", 0, 10)
    assert (attempts, next_at, asked) == (0, 0, 1)
    keep(store, done=[("e", 1, asked)])
    assert store.deliveries.counts() == {}


def test_old_attempts_and_deliveries_are_deleted(store):
    endpoint(store)
    told(store, "m1", "m2")
    keep(store, undelivered=[Delivery("e", "acme", 1, "r", 0, 0), Delivery("e", "acme", 2, "r", 0, 0)], position=2,
         attempts=[attempt(1, at=5), attempt(2, at=15)])  # fmt: skip
    assert store.messages.prune(1_001) == 1
    assert store.deliveries.prune(10) == 1
    assert [(one.id, len(one.attempts)) for one in store.deliveries.page("e", None, 10)] == [("m2", 1)]


@pytest.mark.parametrize("remove", [lambda store: store.endpoints.remove("e"), lambda store: remove_domain(store.database, "acme")])  # fmt: skip
def test_deleting_an_endpoint_deletes_its_deliveries_and_attempts(store, remove):
    endpoint(store)
    told(store, "m1")
    keep(store, undelivered=[Delivery("e", "acme", 1, "r", 0, 0)], attempts=[attempt(1)], position=1)
    remove(store)
    assert store.endpoints.all() == []
    assert store.deliveries.counts() == {}
    assert store.deliveries.page("e", None, 10) == []
