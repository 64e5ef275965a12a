"""Receivers that answer, are slow, lie, die and come back: what is delivered, in which order, what is held back."""

import ssl
import threading
import time

import pytest
import trustme

from headcount.outbound.webhooks.client import Transport
from headcount.outbound.webhooks.retry_policy import Pace
from headcount.store.open import open_store
from headcount.store.webhooks import Delivery, DeliveryBatch, DeliveryState, ResendFilter, RetryType, State
from support.dispatching import LOOPBACK, endpoint, posting
from support.outbox_messages import put
from support.waiting import wait_until
from support.webhook_receivers import answers, closes_midway, never_ends, receiving


@pytest.fixture
def store(tmp_path):
    store = open_store(str(tmp_path / "store.db"), synchronous="off")
    yield store
    store.close()


def fates(store, uuid="e"):
    return {one.id: one.state for one in store.deliveries.page(uuid, None, 100)}


def only_attempt(store, name):
    (told,) = [one for one in store.deliveries.page("e", None, 100) if one.id == name]
    return told.attempts[-1]


def in_order(came, room):
    return [one.id for one in came if one.told["payload"]["room"] == room]


def test_rooms_keep_their_order_and_do_not_wait_for_each_other(store):
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


def test_what_failed_before_the_process_died_comes_once_though_it_waits_and_is_in_the_outbox(store):
    """The position up to which all is settled may be before a message that waits in the store."""
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


def test_a_message_that_fails_holds_back_only_its_room(store):
    refused = []

    def refuses_red_twice(handler):
        if b'"id":"red-1"' in handler.body and len(refused) < 2:
            refused.append(handler)
            answers(500)(handler)
        else:
            answers()(handler)

    with receiving(refuses_red_twice) as receiver, posting(store, pace=Pace(400, 400)):
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
        (closes_midway, None, "the answer broke off"),
    ],
)
def test_whatever_is_not_200_and_whole_is_a_failure(store, behave, status, error):
    with receiving(behave) as receiver, posting(store):
        endpoint(store, receiver)
        put(store, "m1")
        wait_until(lambda: fates(store) == {"m1": DeliveryState.FAILED})
        attempt = only_attempt(store, "m1")
        assert (attempt.status, attempt.delivered) == (status, 0)
        assert (attempt.error or "").startswith(error or "")
        assert len(attempt.answer) <= 1_024
        assert receiver.ids() == ["m1"] * 5


def test_a_message_that_is_given_up_says_why_lets_the_next_one_go_and_can_be_replayed(store):
    def refuses_the_first(handler):
        answers(418 if b'"id":"m1"' in handler.body else 200)(handler)

    with receiving(refuses_the_first) as receiver, posting(store):
        row = endpoint(store, receiver)
        put(store, "m1", "m2")
        wait_until(lambda: fates(store) == {"m1": DeliveryState.FAILED, "m2": DeliveryState.DELIVERED})
        (told,) = store.deliveries.page("e", None, 10, DeliveryState.FAILED)
        assert told.reason == "tried 5 times: answered 418"
        receiver.behave = answers()
        assert store.endpoints.resend(row, ResendFilter(failed=True)) == 1
        wait_until(lambda: fates(store) == {"m1": DeliveryState.DELIVERED, "m2": DeliveryState.DELIVERED})
        assert receiver.ids() == ["m1"] * 5 + ["m2", "m1"]


def test_an_answer_without_end_is_not_listened_to_for_ever(store):
    with (
        receiving(never_ends) as receiver,
        posting(store, world=Transport("test", LOOPBACK, readable=lambda _: True)),
    ):
        endpoint(store, receiver)
        put(store, "m1")
        wait_until(lambda: fates(store) == {"m1": DeliveryState.DELIVERED})
        assert len(only_attempt(store, "m1").answer) == 1_024


def test_one_that_is_slow_delays_nobody_else(store):
    release = threading.Event()

    def waits(handler):
        release.wait(30)
        answers()(handler)

    with receiving(waits) as slow, receiving() as quick, posting(store):
        endpoint(store, slow, "slow")
        endpoint(store, quick, "quick")
        for n in range(40):
            put(store, f"m{n}", room=f"room-{n}")
        sent = time.monotonic()
        quick.wait_for(40)
        assert time.monotonic() - sent < 5
        assert len(slow.messages) == 8
        release.set()
        slow.wait_for(40)


def test_one_that_is_dead_fails_keeps_its_messages_and_gets_them_when_it_is_revived(store):
    with receiving() as gone:
        port = gone.port
        row = endpoint(store, gone, retry_type=RetryType.CIRCUIT_BREAKER)
    with posting(store, pace=Pace(1_600, 1_600)):
        put(store, *(f"m{n}" for n in range(30)))
        wait_until(lambda: store.endpoints.find("default", "e").state is State.FAILED)
        assert store.endpoints.find("default", "e").failed_count == 3
        put(store, *(f"m{n}" for n in range(30, 60)))
        with receiving(port=port) as alive:
            store.endpoints.reenable(row)
            alive.wait_for(60)
            assert alive.ids() == [f"m{n}" for n in range(60)]
            wait_until(lambda: store.deliveries.counts() == {})
    assert store.endpoints.find("default", "e").state is State.ACTIVE


def test_what_waits_is_tried_at_its_time_after_a_restart(store):
    with receiving(answers(500)) as receiver:
        endpoint(store, receiver)
        with posting(store, pace=Pace(60_000, 60_000)):
            put(store, "m1", "m2")
            put(store, "n1", room="red")
            receiver.wait_for(2)
        assert store.deliveries.counts() == {("e", DeliveryState.PENDING): 3}
        waiting = store.deliveries.pending("e", 0, 10)
        assert [(one.id, tries) for one, tries, *_ in waiting] == [("m1", 1), ("m2", 0), ("n1", 1)]
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


def test_more_than_fits_is_replayed_in_order_before_what_is_new(store):
    with receiving() as receiver, posting(store):
        for room in ("red", "green", "blue", "grey"):
            put(store, *(f"{room}-{n}" for n in range(300)), room=room)
        row = endpoint(store, receiver)
        assert store.endpoints.resend(row, ResendFilter(since=0)) == 1_200
        put(store, "red-300", room="red")
        came = receiver.wait_for(1_201)
        assert in_order(came, "red") == [f"red-{n}" for n in range(301)]
        assert in_order(came, "grey") == [f"grey-{n}" for n in range(300)]


def test_only_the_one_that_leads_delivers(store):
    leads = threading.Event()
    with receiving() as receiver, posting(store, leads=leads.is_set), posting(store) as other:
        endpoint(store, receiver)
        put(store, *(f"m{n}" for n in range(50)))
        receiver.wait_for(50)
        assert len(receiver.ids()) == 50
        assert other.waiting() == 0


def test_who_takes_over_goes_on_from_what_was_kept(store):
    leads = [True]
    with (
        receiving() as receiver,
        posting(store, leads=lambda: leads[0]),
        posting(store, leads=lambda: not leads[0]),
    ):
        endpoint(store, receiver)
        for n in range(100):
            put(store, f"m{n}", room=f"r{n % 3}")
            leads[0] = n % 40 < 20
        came = receiver.wait_for(100)
        for room in ("r0", "r1", "r2"):
            firsts = list(dict.fromkeys(in_order(came, room)))
            assert firsts == [f"m{n}" for n in range(100) if f"r{n % 3}" == room]


def test_one_over_tls_is_told_if_its_authority_is_trusted(store, tmp_path):
    authority = trustme.CA()
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(served)
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    with receiving(tls=served) as receiver:
        endpoint(store, receiver)
        put(store, "m1")
        with posting(store, world=Transport("test", LOOPBACK, ca_file=str(tmp_path / "authority.pem"))):
            receiver.wait_for(1)
        put(store, "m2")
        with posting(store, pace=Pace(60_000, 60_000)):
            wait_until(lambda: fates(store) == {"m1": DeliveryState.DELIVERED, "m2": DeliveryState.PENDING})
        assert "certificate verify failed" in only_attempt(store, "m2").error


def test_what_was_looked_up_is_what_is_connected_to(store):
    looked_up = []

    async def rebinds(host, _port):
        looked_up.append(host)
        return ["127.0.0.2"] if len(looked_up) == 1 else ["127.0.0.1"]

    with receiving() as receiver:
        endpoint(store, receiver.url.replace("127.0.0.1", "localhost"))
        put(store, "m1")
        with posting(store, pace=Pace(300, 300), world=Transport("test", LOOPBACK, lookup=rebinds)):
            wait_until(lambda: fates(store) == {"m1": DeliveryState.DELIVERED})
    first = only_attempt(store, "m1")
    assert "no connection" in first.error
    assert looked_up == ["localhost", "localhost"]


def test_a_name_that_leads_inside_is_not_connected_to(store):
    async def inside(_host, _port):
        return ["169.254.169.254"]

    endpoint(store, "https://hooks.example/x")
    put(store, "m1")
    with posting(store, pace=Pace(60_000, 60_000), world=Transport("test", lookup=inside)):
        wait_until(lambda: fates(store) == {"m1": DeliveryState.PENDING} and only_attempt(store, "m1"))
    assert "169.254.169.254 is not of the public internet" in only_attempt(store, "m1").error


def test_what_an_endpoint_in_a_named_network_answers_is_not_kept_and_what_one_outside_answers_is(store):
    with receiving(answers(500, b"the inside")) as receiver:
        endpoint(store, receiver)
        for name, more in (("m1", {}), ("m2", {"readable": lambda _: True})):
            put(store, name, room=name)
            with posting(store, pace=Pace(60_000, 60_000), world=Transport("test", LOOPBACK, **more)):
                wait_until(
                    lambda name=name: (
                        fates(store).get(name) == DeliveryState.PENDING and only_attempt(store, name)
                    )
                )
    assert (only_attempt(store, "m1").status, only_attempt(store, "m1").answer) == (500, "")
    assert only_attempt(store, "m2").answer == "the inside"


def test_a_redirect_to_the_inside_is_not_followed(store):
    with receiving() as inner, receiving(answers(302, location=inner.url)) as receiver:
        endpoint(store, receiver)
        put(store, "m1")
        with posting(store, pace=Pace(60_000, 60_000)):
            wait_until(lambda: fates(store) == {"m1": DeliveryState.PENDING} and only_attempt(store, "m1"))
    assert only_attempt(store, "m1").status == 302
    assert inner.came == []


def test_this_machine_is_not_connected_to_unless_the_operator_names_it(store):
    with receiving() as receiver:
        endpoint(store, receiver)
        put(store, "m1")
        with posting(store, pace=Pace(60_000, 60_000), world=Transport("test")):
            wait_until(lambda: fates(store) == {"m1": DeliveryState.PENDING} and only_attempt(store, "m1"))
        assert "webhook_networks" in only_attempt(store, "m1").error
        assert receiver.came == []


def test_one_that_is_taken_away_is_told_nothing_more(store):
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


def test_what_is_counted_is_what_was_done(store):
    with receiving() as receiver, posting(store) as counted:
        endpoint(store, receiver)
        put(store, "m1", "m2")
        wait_until(lambda: len(fates(store)) == 2)
        receiver.behave = answers(500)
        put(store, "m3")
        wait_until(lambda: fates(store).get("m3") is DeliveryState.FAILED)
        told = {
            (one.name, *one.labels.values()): one.value
            for metric in counted.collect()
            for one in metric.samples
        }
    assert told["headcount_webhook_tries_total", "delivered"] == 2
    assert told["headcount_webhook_tries_total", "failed"] == 4
    assert told["headcount_webhook_tries_total", "parked"] == 1
    assert told["headcount_webhook_delivery_seconds_count",] == 2
