"""Kafka log: entries are appended to a topic instead of a table.

Entries are durable when all brokers in sync have them (`acks=all`). A retry of the client is recognized by its
broker (idempotence), and a request that is sent again by the key of its entries, when a shard reads them.

Responsible for appending. Must not know who reads the topic.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from headcount.ingest.topic_records import encode_record
from headcount.settings import TopicUrl
from headcount.store.cell import CellRule, WrongCell
from headcount.store.database import Database, StoreBusy
from headcount.store.log import Log
from headcount.store.records import AppendResult, LogEntry

MAX_RECORD_BYTES: Final = 16 << 20
"""Nearly all records are small. That with the past of a room is not (`headcount cluster repair`)."""
_PRODUCER: Final = {
    "acks": "all",
    "enable.idempotence": True,
    "partitioner": "murmur2_random",
    "compression.type": "lz4",
    "linger.ms": 2,
    "message.max.bytes": MAX_RECORD_BYTES,
    "queue.buffering.max.messages": 500_000,
}


_SHARE_OF_TIMEOUT: Final = 0.8


class KafkaLog(Log):
    """The log in a topic. What is read from the log, is read from the database."""

    def __init__(
        self, database: Database, url: TopicUrl, timeout_s: float, cell: Callable[[], CellRule]
    ) -> None:
        """`timeout_s` is that of a request, which must still be answered when the brokers have not answered.

        `cell` returns which domains the topic is for.
        """
        super().__init__(database)
        timeout_s *= _SHARE_OF_TIMEOUT
        self._url = url
        self._cell = cell
        self._timeout_s = timeout_s
        self._producer = producer(url, timeout_s)

    def require(self, entries: Sequence[LogEntry]) -> None:
        """Raise `WrongCell` for entries of a domain of another cell."""
        rule = self._cell()
        for domain in {entry.domain for entry in entries} if rule.patterns else ():
            problem = rule.problem(domain)
            if problem is not None:
                raise WrongCell(f"{problem}; nothing was stored, send it to its own cell")

    def append(self, groups: Sequence[Sequence[LogEntry]]) -> list[AppendResult]:
        """Append the entries of several requests, and return the result of each request.

        Its position is the time in ms at which the broker appended the last entry. If this raises, some entries may be
        stored: when they are sent again, they count once.
        """
        groups = self._minimal.groups(groups)
        delivered = [_Delivery() for _ in groups]
        for group, delivery in zip(groups, delivered, strict=True):
            self.require(group)
            for entry in group:
                self._produce(entry, delivery)
        left = self._producer.flush(self._timeout_s)
        error = next((delivery.error for delivery in delivered if delivery.error is not None), None)
        if left or error is not None:
            reason = "no answer in time" if error is None else error.str()
            raise StoreBusy(
                "the Kafka brokers cannot store events now; send them again",
                where=f"{self._url.servers}: {reason}",
            )
        return [
            AppendResult(len(group), 0, delivery.last)
            for group, delivery in zip(groups, delivered, strict=True)
        ]

    def _produce(self, entry: LogEntry, delivery: "_Delivery") -> None:
        if self._minimal.has(entry.domain):  # nobody may try which names have the key
            entry = entry._replace(key=self._pseudonyms.entry_key(entry.key, entry.at))
        key, value = encode_record(entry)
        try:
            enqueue(self._producer, self._url.topic, key, value, delivery.done)
        except KafkaException as error:
            raise StoreBusy(
                "the Kafka brokers cannot store events now; send them again", where=str(error)
            ) from error


class _Delivery:
    """What the brokers answered to the entries of one request."""

    def __init__(self) -> None:
        self.last = 0
        self.error: KafkaError | None = None

    def done(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self.error = error
        else:
            self.last = max(self.last, message.timestamp()[1])


def producer(url: TopicUrl, timeout_s: float) -> Producer:
    """Return a client that appends to topics."""
    settings: dict[str, Any] = _PRODUCER | {
        "bootstrap.servers": url.servers,
        "delivery.timeout.ms": round(timeout_s * 1_000),
        "request.timeout.ms": round(min(timeout_s, 30) * 1_000),
        **dict(url.options),
    }
    return Producer(settings)


def enqueue(
    client: Producer,
    topic: str,
    key: bytes,
    value: bytes,
    done: Callable[[KafkaError | None, Message], None],
) -> None:
    """Give a record to a client, as soon as it has room for it. `done` is called with the answer of the brokers.

    Raise `KafkaException` if the client refuses the record.
    """
    while True:
        try:
            client.produce(topic, value, key, on_delivery=done)
        except BufferError:
            client.poll(0.1)
        else:
            return
