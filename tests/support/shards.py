"""The shards of a cluster without Kafka and Spark: their state in memory, their results in the tables of a store."""

from tempfile import TemporaryDirectory

from headcount.cluster.load import LoadSettings, load_partition
from headcount.cluster.recovery import pasts_before, recovered
from headcount.cluster.shard import Shard, ShardSettings
from headcount.cluster.shard_state import Head, begin, decode_past, encode_past
from headcount.ingest.topic_records import partition_of, record_key
from headcount.kernel.rules import Rules
from headcount.store.archive import Archive, ArchivedEntry
from headcount.store.open import open_store
from headcount.store.shard_sink import ShardProgress, ShardSink
from support.stored import DOMAIN, entry_of, meetings_in, presence_in


class MemoryChunks:
    """What a state store saves of one shard. `crash` forgets the changes since the last `save`."""

    def __init__(self):
        self.saved = {}
        self.head = b""
        self.crash()

    def crash(self):
        self._now = dict(self.saved)

    def save(self, head):
        self.head = head.encode()
        self.saved = dict(self._now)

    def get(self, number):
        return self._now[number]

    def put(self, number, value):
        assert number not in self._now, "a chunk is written once"
        self._now[number] = value

    def remove(self, number):
        del self._now[number]


class ShardedEngine:
    """Shards that take turns, and the store into which they write. `start` forgets all that is only in memory.

    With an archive, their states can be lost, and what came too late can be repaired.
    """

    def __init__(self, store, rules=None, *, shards=2, subscribed=True, archive=None, **settings):
        self.store = store
        self.archive = archive and Archive(str(archive))
        self.offsets = [0] * shards
        self.settings = ShardSettings(rules or Rules(), **settings)
        self.sink = ShardSink(store.database)
        self.sink.prepare(shards)
        self.epoch = store.projections.take_over()
        self.states = [MemoryChunks() for _ in range(shards)]
        self.unread = [[] for _ in range(shards)]
        self.pasts = [[] for _ in range(shards)]
        self.memory = {}
        self.late = []
        self.inferred = {}
        if subscribed:
            store.messages.stream_opened(DOMAIN, 0)

    def start(self):
        self.memory.clear()

    def append(self, *events, received=0, origin=0):
        self.append_entries([entry_of(event, received, origin=origin) for event in events])

    def append_entries(self, entries):
        added = [[] for _ in self.states]
        for entry in entries:
            number = self._shard_of(entry)
            self.unread[number].append(entry)
            added[number].append(ArchivedEntry(entry, self.offsets[number], is_inferred=False))
            self.offsets[number] += 1
        if self.archive is not None:
            for number, of_shard in enumerate(added):
                self.archive.write(number, of_shard)

    def _shard_of(self, entry):
        return partition_of(record_key(entry.domain, entry.room), len(self.states))

    def lose(self, number):
        """Lose the state of a shard, which continues from the tables and the archive."""
        chunks = MemoryChunks()
        reached = self.sink.shards()[number]
        store = recovered(
            self.store.database, self.archive, number, len(self.states), reached, self.settings.retention
        )
        chunks.save(begin(reached, chunks, store))
        self.states[number] = chunks
        self.memory.pop(number, None)

    def backfill(self, store):
        """Load the archive, in which everything is, into the tables of another store, and continue from there.

        Return how many pasts were over.
        """
        size = len(self.states)
        self.archive.advance(size, dict(enumerate(self.offsets)), {})
        self.store, self.sink = store, ShardSink(store.database)
        self.epoch = self.sink.begin_load(size, replace=False)
        load = LoadSettings(self.archive.location, self.epoch, self.settings)
        done = [load_partition(load, self.sink, number) for number in range(size)]
        reached = {one.partition: ShardProgress(0, one.next_offset, one.time) for one in done}
        self.sink.end_load(reached, self.epoch)
        self.unread, self.late = [[] for _ in range(size)], []
        for number in range(size):
            self.lose(number)
        with store.database.reading() as connection:
            before = max(one.time for one in done) - self.settings.retention
            return connection.query("select count(*) from marks where at_ms < :before", {"before": before})[
                0
            ][0]

    def repair(self, moment):
        """Let the shards remember the pasts to which late entries belong, and process these."""
        late, self.late = self.late, []
        for number in {self._shard_of(entry) for entry in late}:
            of_shard = [entry for entry in late if self._shard_of(entry) == number]
            reached = self.sink.shards()[number]
            pasts = pasts_before(self.store.database, self.archive, number, of_shard, reached)
            self.pasts[number] = [decode_past(encode_past(past)) for past in pasts]
            self.append_entries(of_shard)
        self.show(moment)

    def show(self, moment):
        """Work until what is shown is what was true at `moment`."""
        for number in range(len(self.states)):
            self.round(number, moment + self.settings.reorder_window)

    def round(self, number, now):
        """Let one shard work, save its state, and write its results; return how many batches that were."""
        state = self.states[number]
        state.crash()
        head = Head.decode(state.head) if state.head else Head()
        shard = self.memory.pop(number, None)
        if shard is None or shard.version != head.version:
            shard = Shard(self.settings, head, state)
        before = head.version
        batches = shard.work(
            head, state, self.unread[number], now,
            next_offset=self.offsets[number], pasts=self.pasts[number],
        )  # fmt: skip
        self.before("the results")
        if head.version != before:
            self.sink.write(number, head.progress, batches, self.epoch)
        self.before("the state")
        state.save(head)
        self.unread[number], self.pasts[number] = [], []
        self.late += shard.take_late()
        self.inferred |= {entry.key: fact(entry) for batch in batches for entry in batch.inferred}
        self.memory[number] = shard
        return len(batches)

    def forgotten(self):
        """In how many rooms a past is forgotten."""
        stores = [shard.store for shard in self.memory.values()]
        return sum(len(store.forgotten(store.keys())) for store in stores)

    def before(self, step):
        """Called before each step of a round that can be lost."""

    def inferred_facts(self):
        """What was inferred, each key once: the entries that go to the topic."""
        return sorted(self.inferred.values())

    def meetings(self):
        return meetings_in(self.store)

    def presence(self):
        return presence_in(self.store)


def fact(entry):
    return (entry.domain, entry.room, entry.kind, entry.at, entry.participant_id, entry.inferred)


class StoredShards(ShardedEngine):
    """The same, with a store of its own in a folder."""

    def __init__(self, folder, rules=None, **settings):
        self.path = folder / "shards.db"
        super().__init__(open_store(str(self.path), durability="off"), rules, **settings)

    def close(self):
        self.store.close()
        for file in self.path.parent.glob(f"{self.path.name}*"):
            file.unlink()


class RecoveredShards(StoredShards):
    """The same, with an archive. `start` loses all states."""

    def __init__(self, folder, *arguments, **settings):
        self.files = TemporaryDirectory(dir=folder)
        super().__init__(folder, *arguments, archive=self.files.name, **settings)

    def start(self):
        for number in range(len(self.states)):
            self.lose(number)

    def close(self):
        super().close()
        self.files.cleanup()
