"""Dead letters: records of the topic that cannot be read go to a topic of their own, and nothing stops.

Responsible for appending them. Must not know why a record cannot be read.
"""

from collections.abc import Sequence
from typing import NamedTuple

from confluent_kafka import Producer

from headcount.ingest.kafka_log import producer
from headcount.settings import TopicUrl
from headcount.store.database import StoreBusy

_TIMEOUT_S = 30.0


class BadRecord(NamedTuple):
    """A record that cannot be read, and why."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    reason: str


class DeadLetters:
    """The topic of the records that cannot be read. It connects when there is the first one."""

    def __init__(self, topic: TopicUrl) -> None:
        self._topic = topic
        self._producer: Producer | None = None

    def append(self, records: Sequence[BadRecord]) -> None:
        """Append records as they are, with the reason and their place in the headers. Raise `StoreBusy` if that fails."""
        if not records:
            return
        if self._producer is None:
            self._producer = producer(self._topic, _TIMEOUT_S)
        for record in records:
            headers: dict[str, str | bytes | None] = {
                "reason": record.reason, "topic": self._topic.topic, "partition": str(record.partition),
                "offset": str(record.offset),
            }  # fmt: skip
            self._producer.produce(self._topic.dead_letters, record.value, record.key, headers=headers)
        if self._producer.flush(_TIMEOUT_S):
            raise StoreBusy(
                "records that cannot be read cannot be stored as dead letters now",
                where=self._topic.servers,
            )
