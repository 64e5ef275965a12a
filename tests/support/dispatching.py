"""A dispatcher in an event loop of its own thread, with short delays."""

import asyncio
import threading
import time
from contextlib import contextmanager
from random import Random

from headcount.outbound.webhooks.client import Transport
from headcount.outbound.webhooks.dispatcher import Dependencies, Dispatcher
from headcount.outbound.webhooks.metrics import WebhookMetrics
from headcount.outbound.webhooks.retry_policy import Backoff
from headcount.setting_types import networks
from headcount.store.webhooks import Endpoint, RetryType

SECRET = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
TYPES = ("meeting.started", "meeting.ended")
QUICK = Backoff(20, 100)
LOOPBACK = networks("127.0.0.0/8")
PATIENCE_S = 30


def now():
    return time.time_ns() // 1_000_000


def endpoint(store, receiver, uuid="e", retry_type=RetryType.EXPONENTIAL, **more):
    """Add an endpoint for messages from now on."""
    url = receiver if isinstance(receiver, str) else receiver.url
    row = Endpoint(
        uuid, "default", url, (SECRET,), None, retry_type, TYPES, position=store.messages.end(), created=now(),
        updated=now(), **more,
    )  # fmt: skip
    store.endpoints.add(row)
    return row


@contextmanager
def posting(store, *, backoff=QUICK, is_leader=lambda: True, transport=None):
    """Deliver while the block lasts, then stop as the service does. Yields the metrics."""
    metrics = WebhookMetrics()
    transport = transport or Transport("test", LOOPBACK)
    chance = Random(1).random
    parts = Dependencies(
        store.endpoints, store.deliveries, store.messages, transport, is_leader, now, metrics, chance, backoff
    )
    began, loop = threading.Event(), asyncio.new_event_loop()
    tasks = []

    async def work():
        dispatcher = Dispatcher(parts)
        tasks.append(asyncio.current_task())
        began.set()
        try:
            await dispatcher.run()
        finally:
            await dispatcher.stop()

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
        yield metrics
    finally:
        loop.call_soon_threadsafe(tasks[0].cancel)
        thread.join(PATIENCE_S)
        transport.close()
        assert not thread.is_alive()
