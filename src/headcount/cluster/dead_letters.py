"""Dead letters: records that cannot be processed go to topics of their own, and nothing stops.

Records that cannot be read go to one topic, and entries that are older than what a shard knows of their room to another.
Responsible for appending them. Must not know why a record cannot be processed.
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


class DeadLetters:
    """The topics of the records that cannot be processed. It connects when there is the first one."""

    def __init__(self, topic: TopicUrl) -> None:
        self._topic = topic
        self._producer: Producer | None = None

    def append(self, records: Sequence[BadRecord]) -> None:
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
        for entry in entries:
            key, value = encode_record(entry)
            self._connected().produce(self._topic.late, value, key)
        self._flush()

    def _connected(self) -> Producer:
        if self._producer is None:
            self._producer = producer(self._topic, _TIMEOUT_S)
        return self._producer

    def _flush(self) -> None:
        if self._producer is not None and self._producer.flush(_TIMEOUT_S):
            raise StoreBusy(
                "records that cannot be processed cannot be stored now", where=self._topic.servers
            )
