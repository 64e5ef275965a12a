"""Delivering, in an event loop of a thread of its own, from a store of the test: quicker than in earnest."""

import asyncio
import threading
import time
from contextlib import contextmanager
from random import Random

from headcount.outbound.webhooks.client import Transport
from headcount.outbound.webhooks.dispatcher import Delivering, Parts
from headcount.outbound.webhooks.metrics import Counted
from headcount.outbound.webhooks.retry_policy import Pace
from headcount.settings import networks
from headcount.store.webhooks import Endpoint, RetryType

SECRET = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
TYPES = ("meeting.started", "meeting.ended")
QUICK = Pace(20, 100)
LOOPBACK = networks("127.0.0.0/8")
PATIENCE_S = 30


def now():
    return time.time_ns() // 1_000_000


def endpoint(store, receiver, uuid="e", retry_type=RetryType.EXPONENTIAL, **more):
    """Set one up that is told what comes from now on."""
    url = receiver if isinstance(receiver, str) else receiver.url
    row = Endpoint(
        uuid, "default", url, (SECRET,), None, retry_type, TYPES, position=store.messages.end(), created=now(),
        updated=now(), **more,
    )  # fmt: skip
    store.endpoints.add(row)
    return row


@contextmanager
def posting(store, *, pace=QUICK, leads=lambda: True, world=None):
    """Deliver while the block lasts, then stop as the service does."""
    counted = Counted()
    world = world or Transport("test", LOOPBACK)
    chance = Random(1).random
    parts = Parts(store.endpoints, store.deliveries, store.messages, world, leads, now, counted, chance, pace)
    began, loop = threading.Event(), asyncio.new_event_loop()
    tasks = []

    async def work():
        delivering = Delivering(parts)
        tasks.append(asyncio.current_task())
        began.set()
        try:
            await delivering.run()
        finally:
            await delivering.stop()

    def run():
        try:
            loop.run_until_complete(work())
        except asyncio.CancelledError:
            pass
        finally:
            loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert began.wait(PATIENCE_S)
    try:
        yield counted
    finally:
        loop.call_soon_threadsafe(tasks[0].cancel)
        thread.join(PATIENCE_S)
        world.close()
        assert not thread.is_alive()
