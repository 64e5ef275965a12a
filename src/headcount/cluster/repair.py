"""Repair: late entries, and the pasts of their rooms, sent to the topic again.

A shard refuses an entry that is older than what it remembers of a room, and appends it to the topic `TOPIC.late`. A
repair reads this topic. For each room it sends the past that the shard has forgotten, from the tables and the archive,
and then the late entries. The shard remembers the past and processes the entries like any others. So the shard stays
the only one that writes.

Responsible for the order of these steps. Must not know Spark.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from threading import Event
from time import monotonic, sleep
from typing import Final, NamedTuple, Self

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from headcount.cluster.recovery import pasts_before
from headcount.cluster.shard_state import encode_past
from headcount.errors import BadInput, HeadcountError
from headcount.ingest.kafka_log import enqueue, producer
from headcount.ingest.topic_records import (
    PastRecord,
    decode_record,
    encode_past_record,
    encode_record,
    partition_of,
    record_key,
)
from headcount.limits import WIDEST_LIMITS
from headcount.settings import TopicUrl
from headcount.store.archive import Archive
from headcount.store.database import Database, StoreBusy
from headcount.store.records import LogEntry
from headcount.store.shard_sink import ShardSink
from headcount.store.sqlite import SqliteDatabase

_TIMEOUT_S: Final = 30.0
_POLL_S: Final = 0.5
_NOT_YET: Final = {
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
}


class Repaired(NamedTuple):
    """How many late entries of how many rooms were sent again."""

    rooms: int
    entries: int


def repair(
    topic: TopicUrl, database: Database, archive: Archive, *, patience_s: float, stopping: Event
) -> Repaired:
    """Send all late entries again, with the pasts of their rooms, and wait until they are processed.

    Raise `HeadcountError` if the live query or the archive does not catch up within `patience_s` seconds. Then nothing
    is lost: the next repair sends what this one has not.
    """
    if isinstance(database, SqliteDatabase):
        raise BadInput("this is no database of a cluster: it must be a postgresql:// URL", where=database.url)
    from headcount.store.postgres import AdvisoryLock  # noqa: PLC0415 - an optional dependency

    lock = int(AdvisoryLock.REPAIR)
    with database.reading() as connection:
        if connection.row("try_lock", lock=lock) != (True,):
            raise StoreBusy("another repair runs now: wait until it ends")
        try:
            with _LateTopic(topic) as late:
                return _Repair(topic, database, archive, late, patience_s, stopping).run()
        finally:
            connection.row("release_lock", lock=lock)


class _Repair:
    """One repair."""

    def __init__(
        self,
        topic: TopicUrl,
        database: Database,
        archive: Archive,
        late: "_LateTopic",
        patience_s: float,
        stopping: Event,
    ) -> None:
        self._topic = topic
        self._database = database
        self._sink = ShardSink(database)
        self._archive = archive
        self._late = late
        self._until = monotonic() + patience_s
        self._stopping = stopping

    def run(self) -> Repaired:
        late = self._late.read()
        if not late:
            return Repaired(0, 0)
        while True:
            # What an earlier repair has sent must be processed: then what is in the archive is either known or late.
            self._wait_for_query(self._late.ends(late))
            reached = self._sink.shards()
            self._wait_for_archive({number: reached[number].next_offset for number in late})
            known, late = late, self._late.read()  # what shards had refused until then
            if late.keys() <= known.keys():
                break
        sent: dict[int, int] = {}
        rooms = 0
        for number, entries in late.items():
            pasts = pasts_before(self._database, self._archive, number, entries, reached[number])
            records = [PastRecord(past.domain, past.room, encode_past(past)) for past in pasts]
            values = [*map(encode_past_record, records), *map(encode_record, entries)]
            sent[number] = self._send(values) + 1
            rooms += len(pasts)
        self._late.commit()
        self._wait_for_query(sent)
        return Repaired(rooms, sum(map(len, late.values())))

    def _send(self, records: Sequence[tuple[bytes, bytes]]) -> int:
        """Append records, which are all of one partition, and return the offset of the last one."""
        client = producer(self._topic, _TIMEOUT_S)
        errors: list[KafkaError] = []
        last = -1

        def done(error: KafkaError | None, message: Message) -> None:
            nonlocal last
            if error is not None:
                errors.append(error)
            else:
                last = max(last, message.offset() or 0)

        for key, value in records:
            try:
                enqueue(client, self._topic.topic, key, value, done)
            except KafkaException as error:
                raise _too_large(key, value, error) from error
            client.poll(0)
        if client.flush(_TIMEOUT_S) or errors:
            reason = errors[0].str() if errors else "no answer in time"
            raise StoreBusy(
                f"the Kafka brokers cannot store records now: {reason}", where=self._topic.servers
            )
        return last

    def _wait_for_query(self, ends: Mapping[int, int]) -> None:
        self._wait(
            "the live query has not processed what the topic has: see 'headcount cluster status'",
            lambda: all(self._sink.shards()[number].next_offset >= end for number, end in ends.items()),
        )

    def _wait_for_archive(self, ends: Mapping[int, int]) -> None:
        self._wait(
            "the archive is behind the live query: run that with --archive",
            lambda: self._archive.has(ends),
        )

    def _wait(self, problem: str, is_done: Callable[[], bool]) -> None:
        while not is_done():
            if self._stopping.wait(_POLL_S) or monotonic() > self._until:
                raise HeadcountError(f"{problem}. Nothing is lost: run the repair again")


def _too_large(key: bytes, value: bytes, error: KafkaException) -> HeadcountError:
    if error.args and error.args[0].code() == KafkaError.MSG_SIZE_TOO_LARGE:
        return HeadcountError(
            f"the past of the room {key.decode()} has {len(value):,} bytes, more than a record may have: raise"
            " max.message.bytes of the topic, and append ?message.max.bytes=… to its URL"
        )
    return StoreBusy(f"the Kafka brokers cannot store records now: {error}")


class _LateTopic:
    """The topic of late entries, read by partition from where the last repair ended."""

    def __init__(self, topic: TopicUrl) -> None:
        self._topic = topic
        self._consumer = Consumer(
            {
                "bootstrap.servers": topic.servers,
                "group.id": f"{topic.late}.repair",
                "enable.auto.commit": False,
                "enable.partition.eof": False,
                **dict(topic.options),
            }
        )
        self._next: list[TopicPartition] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def read(self) -> dict[int, list[LogEntry]]:
        """Return all late entries that were not sent again, by the partition of their rooms. Raise `HeadcountError`."""
        try:
            return self._read()
        except KafkaException as error:
            reason = error.args[0].str() if error.args else str(error)
            raise HeadcountError(
                f"{self._topic.servers}: the Kafka brokers do not answer: {reason}"
            ) from error

    def _read(self) -> dict[int, list[LogEntry]]:
        found: defaultdict[int, list[LogEntry]] = defaultdict(list)
        known = self._consumer.list_topics(timeout=_TIMEOUT_S).topics
        if self._topic.late not in known:
            return {}
        parts = [TopicPartition(self._topic.late, number) for number in known[self._topic.late].partitions]
        committed = self._committed(parts)
        for part in committed:
            if part.offset < 0:
                part.offset = OFFSET_BEGINNING
        self._consumer.assign(committed)
        self._next = []
        for part in committed:
            first, end = self._consumer.get_watermark_offsets(part, timeout=_TIMEOUT_S)
            if end > max(first, part.offset):
                self._next.append(TopicPartition(part.topic, part.partition, end))
        waiting = {part.partition: part.offset for part in self._next}
        partitions = len(known[self._topic.topic].partitions)
        while waiting:
            message = self._consumer.poll(_TIMEOUT_S)
            if message is None:
                raise HeadcountError(f"{self._topic.servers}: the Kafka brokers do not answer")
            if message.error() is not None:
                raise KafkaException(message.error())
            number, offset = message.partition(), message.offset()
            if number not in waiting or offset is None or offset >= waiting[number]:
                continue
            self._add(found, message, partitions)
            if offset + 1 == waiting[number]:
                del waiting[number]
        return dict(found)

    def _committed(self, parts: list[TopicPartition]) -> list[TopicPartition]:
        """Return where the last repair ended. A broker that has just begun to coordinate the group needs a moment."""
        until = monotonic() + _TIMEOUT_S
        while True:
            try:
                return self._consumer.committed(parts, timeout=_TIMEOUT_S)
            except KafkaException as error:
                if error.args[0].code() not in _NOT_YET or monotonic() > until:
                    raise
                sleep(_POLL_S)

    def _add(self, found: dict[int, list[LogEntry]], message: Message, partitions: int) -> None:
        key, value, (_, received) = message.key(), message.value(), message.timestamp()
        try:
            entry = decode_record(key, value, received, WIDEST_LIMITS)
        except BadInput as error:
            raise BadInput(str(error), where=f"{self._topic.late}, offset {message.offset()}") from error
        if isinstance(entry, LogEntry):
            found[partition_of(record_key(entry.domain, entry.room), partitions)].append(entry)

    def ends(self, numbers: Sequence[int] | Mapping[int, object]) -> dict[int, int]:
        """Return the offset after the last record of some partitions of the main topic."""
        return {
            number: self._consumer.get_watermark_offsets(
                TopicPartition(self._topic.topic, number), timeout=_TIMEOUT_S
            )[1]
            for number in numbers
        }

    def commit(self) -> None:
        """Record that what was read is sent again."""
        self._consumer.commit(offsets=self._next, asynchronous=False)
