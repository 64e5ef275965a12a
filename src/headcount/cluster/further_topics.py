"""Further topics of a cell: dead letters, entries that came too late, and what the shards infer.

Responsible for appending to them. Must not know why a record cannot be processed.
"""

from collections.abc import Sequence
from typing import NamedTuple

from confluent_kafka import Producer

from headcount.ingest.kafka_log import producer
from headcount.ingest.topic_records import encode_record
from headcount.settings import TopicUrl
from headcount.store.database import StoreBusy
from headcount.store.records import LogEntry

_TIMEOUT_S = 30.0


class BadRecord(NamedTuple):
    """A record that cannot be read, and why."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    reason: str


class FurtherTopics:
    """The topics that the shards write. They connect when there is the first record."""

    def __init__(self, topic: TopicUrl) -> None:
        self._topic = topic
        self._producer: Producer | None = None

    def append_bad(self, records: Sequence[BadRecord]) -> None:
        """Append records as they are, with the reason and their place in the headers. Raise `StoreBusy` if that fails."""
        for record in records:
            headers: dict[str, str | bytes | None] = {
                "reason": record.reason,
                "topic": self._topic.topic,
                "partition": str(record.partition),
                "offset": str(record.offset),
            }
            self._connected().produce(self._topic.dead_letters, record.value, record.key, headers=headers)
        self._flush()

    def append_late(self, entries: Sequence[LogEntry]) -> None:
        """Append entries that are older than what their shard knows. Raise `StoreBusy` if that fails."""
        self._append(self._topic.late, entries)

    def append_inferred(self, entries: Sequence[LogEntry]) -> None:
        """Append what a shard has inferred. Raise `StoreBusy` if that fails."""
        self._append(self._topic.inferred, entries)

    def _append(self, topic: str, entries: Sequence[LogEntry]) -> None:
        for entry in entries:
            key, value = encode_record(entry)
            self._connected().produce(topic, value, key)
        self._flush()

    def _connected(self) -> Producer:
        if self._producer is None:
            self._producer = producer(self._topic, _TIMEOUT_S)
        return self._producer

    def _flush(self) -> None:
        if self._producer is not None and self._producer.flush(_TIMEOUT_S):
            raise StoreBusy("the Kafka brokers cannot store records now", where=self._topic.servers)
