"""kill -9 of the real service in the middle of delivering: nothing is lost, ids stay, rooms keep their order."""

import threading
import time
from random import Random

from headcount.store.open import open_store
from support.outbox_messages import put
from support.running_service import Running
from support.waiting import wait_until
from support.webhook_receivers import answers, receiving

KILLS = 4
ROOMS = 5
MESSAGES = 400


def test_nothing_is_lost_when_the_service_is_killed_while_it_delivers(tmp_path):
    chance = Random(1)

    def mostly_answers(handler):
        time.sleep(0.002)  # long enough that some are under way whenever the service is killed
        answers(500 if chance.random() < 0.02 else 200)(handler)

    service = Running(tmp_path, webhook_allowed_networks="127.0.0.0/8").start()
    store = open_store(str(service.database), durability="off")
    with receiving(mostly_answers) as receiver:
        with service.client() as client:
            client.post("/webhooks", json={"url": receiver.url})
        sent = threading.Thread(target=publish, args=(store,))
        sent.start()
        for kill in range(1, KILLS + 1):
            receiver.wait_for(kill * MESSAGES // (KILLS + 2))
            service.kill()
            service.start()
        sent.join()
        came = receiver.wait_for(MESSAGES, 60)
        with service.client() as client:
            (one,) = wait_until(lambda: client.get("/webhooks").json())
            path = f"/webhooks/{one['uuid']}/deliveries"
            wait_until(lambda: client.get(path, params={"state": "pending"}).json()["data"] == [])
            assert client.get(path, params={"state": "failed"}).json()["data"] == []
        service.stop()
    store.close()
    assert {one.id for one in came} == {f"{n % ROOMS}-{n}" for n in range(MESSAGES)}
    for room in range(ROOMS):
        firsts = dict.fromkeys(one.id for one in came if one.id.startswith(f"{room}-"))
        assert list(firsts) == [f"{room}-{n}" for n in range(room, MESSAGES, ROOMS)]
    assert len(came) < 2 * MESSAGES


def publish(store):
    for n in range(MESSAGES):
        put(store, f"{n % ROOMS}-{n}", room=f"room {n % ROOMS}")
        if n % 10 == 0:
            time.sleep(0.02)  # as meetings happen: not all at once
