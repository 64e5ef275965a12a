"""Delivery to receivers that answer, are slow, send garbage, stop and restart: what arrives, and in which order."""

import ssl
import threading
import time

import pytest
import trustme

from headcount.outbound.webhooks.client import Transport
from headcount.outbound.webhooks.retry_policy import Backoff
from headcount.store.open import open_store
from headcount.store.webhooks import (
    Delivery,
    DeliveryBatch,
    DeliveryState,
    EndpointStatus,
    ResendFilter,
    RetryType,
)
from support.dispatching import LOOPBACK, endpoint, posting
from support.outbox_messages import put
from support.waiting import PATIENCE_S, wait_until
from support.webhook_receivers import answers, closes_midway, never_ends, receiving


@pytest.fixture
def store(tmp_path):
    store = open_store(str(tmp_path / "store.db"), durability="off")
    yield store
    store.close()


def fates(store, uuid="e"):
    return {one.id: one.state for one in store.deliveries.page(uuid, None, 100)}


def only_attempt(store, name):
    (found,) = [one for one in store.deliveries.page("e", None, 100) if one.id == name]
    return found.attempts[-1]


def in_order(came, room):
    return [one.id for one in came if one.payload["payload"]["room"] == room]


def test_messages_keep_the_order_of_their_room_and_rooms_do_not_wait_for_each_other(store):
    lock, at_once, most = threading.Lock(), [0], [0]

    def a_little_slow(handler):
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        time.sleep(0.005)  # so that several are under way at once
        with lock:
            at_once[0] -= 1
        answers()(handler)

    with receiving(a_little_slow) as receiver, posting(store):
        endpoint(store, receiver)
        for n in range(20):
            for room in ("red", "green", "blue"):
                put(store, f"{room}-{n}", room=room)
        came = receiver.wait_for(60)
        for room in ("red", "green", "blue"):
            assert in_order(came, room) == [f"{room}-{n}" for n in range(20)]
        assert len(came) == 60
    assert 1 < most[0] <= 3
    assert store.endpoints.find("default", "e").position == store.messages.end()
    assert store.deliveries.counts() == {}


def test_a_message_that_is_pending_and_in_the_outbox_is_sent_once_after_a_restart(store):
    """The endpoint's position may be before a pending delivery."""
    with receiving() as receiver:
        endpoint(store, receiver)
        put(store, *(f"m-{n}" for n in range(1, 7)))
        third = store.messages.after(0)[2]
        waits = Delivery("e", "default", third.position, third.room, 1, 0)
        store.deliveries.commit(DeliveryBatch([], [waits], [], []))
        with posting(store):
            came = receiver.wait_for(6)
            wait_until(lambda: store.deliveries.counts() == {})
    assert sorted(one.id for one in came) == [f"m-{n}" for n in range(1, 7)]


def test_a_message_that_fails_delays_only_its_room(store):
    refused = []

    def refuses_red_twice(handler):
        if b'"id":"red-1"' in handler.body and len(refused) < 2:
            refused.append(handler)
            answers(500)(handler)
        else:
            answers()(handler)

    with receiving(refuses_red_twice) as receiver, posting(store, backoff=Backoff(400, 400)):
        endpoint(store, receiver)
        put(store, "red-1", "red-2", room="red")
        wait_until(lambda: refused)
        put(store, "blue-1", room="blue")
        ids = [one.id for one in receiver.wait_for(3)]
        assert ids == ["red-1", "blue-1", "red-1", "red-1", "red-2"]


@pytest.mark.parametrize(
    ("behave", "status", "error"),
    [
        (answers(204, b""), 204, None),
        (answers(302, b"", location="http://169.254.169.254/"), 302, None),
        (answers(500, b"no \0 way" * 500), 500, None),
        (closes_midway, None, "the response is incomplete"),
    ],
)
def test_any_response_but_a_complete_200_is_a_failure(store, behave, status, error):
    with receiving(behave) as receiver, posting(store):
        endpoint(store, receiver)
        put(store, "m1")
        wait_until(lambda: fates(store) == {"m1": DeliveryState.FAILED})
        attempt = only_attempt(store, "m1")
        assert (attempt.status, attempt.delivered) == (status, 0)
        assert (attempt.error or "").startswith(error or "")
        assert len(attempt.response) <= 1_024
        assert receiver.ids() == ["m1"] * 5


def test_a_message_that_failed_for_good_has_a_reason_releases_its_room_and_can_be_replayed(store):
    def refuses_the_first(handler):
        answers(418 if b'"id":"m1"' in handler.body else 200)(handler)

    with receiving(refuses_the_first) as receiver, posting(store):
        row = endpoint(store, receiver)
        put(store, "m1", "m2")
        wait_until(lambda: fates(store) == {"m1": DeliveryState.FAILED, "m2": DeliveryState.DELIVERED})
        (failed,) = store.deliveries.page("e", None, 10, DeliveryState.FAILED)
        assert failed.reason == "tried 5 times: answered 418"
        receiver.behave = answers()
        assert store.endpoints.resend(row, ResendFilter(failed=True)) == 1
        wait_until(lambda: fates(store) == {"m1": DeliveryState.DELIVERED, "m2": DeliveryState.DELIVERED})
        assert receiver.ids() == ["m1"] * 5 + ["m2", "m1"]


def test_a_response_without_end_is_read_up_to_a_limit(store):
    with (
        receiving(never_ends) as receiver,
        posting(store, transport=Transport("test", LOOPBACK, stores_body_from=lambda _: True)),
    ):
        endpoint(store, receiver)
        put(store, "m1")
        wait_until(lambda: fates(store) == {"m1": DeliveryState.DELIVERED})
        assert len(only_attempt(store, "m1").response) == 1_024


def test_a_slow_endpoint_delays_no_other_endpoint(store):
    release = threading.Event()

    def waits(handler):
        release.wait(PATIENCE_S)
        answers()(handler)

    with receiving(waits) as slow, receiving() as quick, posting(store):
        endpoint(store, slow, "slow")
        endpoint(store, quick, "quick")
        for n in range(40):
            put(store, f"m{n}", room=f"room-{n}")
        quick.wait_for(40)
        assert len(slow.messages) == 8
        release.set()
        slow.wait_for(40)


def test_a_dead_endpoint_is_disabled_keeps_its_messages_and_receives_them_when_it_is_enabled(store):
    with receiving() as dead:
        port = dead.port
        row = endpoint(store, dead, retry_type=RetryType.CIRCUIT_BREAKER)
    with posting(store, backoff=Backoff(1_600, 1_600)):
        put(store, *(f"m{n}" for n in range(30)))
        wait_until(lambda: store.endpoints.find("default", "e").state is EndpointStatus.FAILED)
        assert store.endpoints.find("default", "e").failed_count == 3
        put(store, *(f"m{n}" for n in range(30, 60)))
        with receiving(port=port) as alive:
            store.endpoints.reenable(row)
            alive.wait_for(60)
            assert alive.ids() == [f"m{n}" for n in range(60)]
            wait_until(lambda: store.deliveries.counts() == {})
    assert store.endpoints.find("default", "e").state is EndpointStatus.ACTIVE


def test_pending_messages_are_attempted_at_their_time_after_a_restart(store):
    with receiving(answers(500)) as receiver:
        endpoint(store, receiver)
        with posting(store, backoff=Backoff(60_000, 60_000)):
            put(store, "m1", "m2")
            put(store, "n1", room="red")
            receiver.wait_for(2)
        assert store.deliveries.counts() == {("e", DeliveryState.PENDING): 3}
        waiting = store.deliveries.pending("e", 0, 10)
        assert [(one.id, attempts) for one, attempts, *_ in waiting] == [("m1", 1), ("m2", 0), ("n1", 1)]
        receiver.behave = answers()
        with posting(store):
            put(store, "m3")
            put(store, "o1", room="green")
            receiver.wait_for(3)
            assert set(receiver.ids()) == {"m1", "n1", "o1"}
        with store.database.writing() as connection:
            connection.run("reset_pending_deliveries", uuid="e")
        with posting(store):
            receiver.wait(lambda came: len(came) == 7)
        assert in_order(receiver.messages, "blue") == ["m1", "m1", "m2", "m3"]


def test_a_replay_larger_than_a_queue_is_sent_in_order_before_new_messages(store):
    with receiving() as receiver:
        for room in ("red", "green", "blue", "grey"):
            put(store, *(f"{room}-{n}" for n in range(300)), room=room)
        row = endpoint(store, receiver)
        # Before the dispatcher starts: one that knows the endpoint may send a new message before it sees the replay.
        assert store.endpoints.resend(row, ResendFilter(since=0)) == 1_200
        with posting(store):
            put(store, "red-300", room="red")
            came = receiver.wait_for(1_201)
        assert in_order(came, "red") == [f"red-{n}" for n in range(301)]
        assert in_order(came, "grey") == [f"grey-{n}" for n in range(300)]


def test_only_the_leader_delivers(store):
    is_leader = threading.Event()
    with receiving() as receiver, posting(store, is_leader=is_leader.is_set), posting(store) as other:
        endpoint(store, receiver)
        put(store, *(f"m{n}" for n in range(50)))
        receiver.wait_for(50)
        assert len(receiver.ids()) == 50
        assert other.pending() == 0


def test_a_new_leader_continues_from_the_stored_results(store):
    is_leader = [True]
    with (
        receiving() as receiver,
        posting(store, is_leader=lambda: is_leader[0]),
        posting(store, is_leader=lambda: not is_leader[0]),
    ):
        endpoint(store, receiver)
        for n in range(100):
            put(store, f"m{n}", room=f"r{n % 3}")
            is_leader[0] = n % 40 < 20
        came = receiver.wait_for(100)
        for room in ("r0", "r1", "r2"):
            firsts = list(dict.fromkeys(in_order(came, room)))
            assert firsts == [f"m{n}" for n in range(100) if f"r{n % 3}" == room]


def test_an_endpoint_with_tls_receives_messages_only_if_its_authority_is_trusted(store, tmp_path):
    authority = trustme.CA()
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(served)
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    with receiving(tls=served) as receiver:
        endpoint(store, receiver)
        put(store, "m1")
        with posting(store, transport=Transport("test", LOOPBACK, ca_file=str(tmp_path / "authority.pem"))):
            receiver.wait_for(1)
        put(store, "m2")
        with posting(store, backoff=Backoff(60_000, 60_000)):
            wait_until(lambda: fates(store) == {"m1": DeliveryState.DELIVERED, "m2": DeliveryState.PENDING})
        assert "certificate verify failed" in only_attempt(store, "m2").error


def test_the_addresses_that_were_resolved_are_those_that_are_connected_to(store):
    looked_up = []

    async def rebinds(host, _port):
        looked_up.append(host)
        return ["127.0.0.2"] if len(looked_up) == 1 else ["127.0.0.1"]

    with receiving() as receiver:
        endpoint(store, receiver.url.replace("127.0.0.1", "localhost"))
        put(store, "m1")
        with posting(
            store, backoff=Backoff(300, 300), transport=Transport("test", LOOPBACK, resolve=rebinds)
        ):
            wait_until(lambda: fates(store) == {"m1": DeliveryState.DELIVERED})
    first = only_attempt(store, "m1")
    assert "no connection" in first.error
    assert looked_up == ["localhost", "localhost"]


def test_a_name_that_resolves_to_an_internal_address_is_not_connected_to(store):
    async def inside(_host, _port):
        return ["169.254.169.254"]

    endpoint(store, "https://hooks.example/x")
    put(store, "m1")
    with posting(store, backoff=Backoff(60_000, 60_000), transport=Transport("test", resolve=inside)):
        wait_until(lambda: fates(store) == {"m1": DeliveryState.PENDING} and only_attempt(store, "m1"))
    assert "169.254.169.254 is not a public address" in only_attempt(store, "m1").error


def test_a_response_body_from_an_allowed_network_is_not_stored_and_a_public_one_is(store):
    with receiving(answers(500, b"the inside")) as receiver:
        endpoint(store, receiver)
        for name, more in (("m1", {}), ("m2", {"stores_body_from": lambda _: True})):
            put(store, name, room=name)
            with posting(
                store, backoff=Backoff(60_000, 60_000), transport=Transport("test", LOOPBACK, **more)
            ):
                wait_until(
                    lambda name=name: (
                        fates(store).get(name) == DeliveryState.PENDING and only_attempt(store, name)
                    )
                )
    assert (only_attempt(store, "m1").status, only_attempt(store, "m1").response) == (500, "")
    assert only_attempt(store, "m2").response == "the inside"


def test_a_redirect_is_not_followed(store):
    with receiving() as inner, receiving(answers(302, location=inner.url)) as receiver:
        endpoint(store, receiver)
        put(store, "m1")
        with posting(store, backoff=Backoff(60_000, 60_000)):
            wait_until(lambda: fates(store) == {"m1": DeliveryState.PENDING} and only_attempt(store, "m1"))
    assert only_attempt(store, "m1").status == 302
    assert inner.came == []


def test_this_machine_is_not_connected_to_unless_the_operator_allows_it(store):
    with receiving() as receiver:
        endpoint(store, receiver)
        put(store, "m1")
        with posting(store, backoff=Backoff(60_000, 60_000), transport=Transport("test")):
            wait_until(lambda: fates(store) == {"m1": DeliveryState.PENDING} and only_attempt(store, "m1"))
        assert "webhook_allowed_networks" in only_attempt(store, "m1").error
        assert receiver.came == []


def test_a_deleted_endpoint_receives_no_more_messages(store):
    with receiving() as receiver, posting(store):
        endpoint(store, receiver)
        put(store, "m1")
        receiver.wait_for(1)
        store.endpoints.remove("e")
        with receiving() as other:
            endpoint(store, other, "f")
            put(store, "m2")
            other.wait_for(1)
            put(store, "m3")
            other.wait_for(2)
        assert set(receiver.ids()) <= {"m1", "m2"}


def test_attempts_are_counted_by_result(store):
    with receiving() as receiver, posting(store) as metrics:
        endpoint(store, receiver)
        put(store, "m1", "m2")
        wait_until(lambda: len(fates(store)) == 2)
        receiver.behave = answers(500)
        put(store, "m3")
        wait_until(lambda: fates(store).get("m3") is DeliveryState.FAILED)
        counted = {
            (one.name, *one.labels.values()): one.value
            for metric in metrics.collect()
            for one in metric.samples
        }
    assert counted["headcount_webhook_attempts_total", "delivered"] == 2
    assert counted["headcount_webhook_attempts_total", "retry"] == 4
    assert counted["headcount_webhook_attempts_total", "failed"] == 1
    assert counted["headcount_webhook_delivery_seconds_count",] == 2
