"""Archive: the entries of a topic as Parquet files, by partition and day of receipt. It is the long-term log of a cluster.

The files are files of events like any others: `headcount sessionize` reads them, and repeated rows count once. Snapshots are
in files of their own, with a name that begins with an underscore. The name of a file follows from the first
offset in it, so a batch that is written again replaces its files.

Responsible for the files, in a directory or an object store. Must not know who writes or reads them.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from operator import attrgetter
from typing import Any, Final, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyarrow import fs

from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.store.records import DAY_MS, KIND_CODES, KINDS, SNAPSHOT, LogEntry, RoomKey

_TIMES: Final = ("at", "joined_at", "received")
_TIME: Final = pa.timestamp("ms", tz="UTC")
_TYPES: Final = {
    "offset": pa.int64(),
    **dict.fromkeys(_TIMES, _TIME),
    "origin": pa.int8(),
    "key": pa.binary(16),
    "digest": pa.binary(),
}
_SCHEMA: Final = pa.schema(
    [(name, _TYPES.get(name, pa.string())) for name in ("offset", *LogEntry._fields) if name != "snapshot"]
)
_SNAPSHOTS: Final = _SCHEMA.append(pa.field("snapshot", pa.string()))
_ROW_GROUP: Final = 20_000
_SMALL_BYTES: Final = 8_000_000
_MERGED_BYTES: Final = 32_000_000
"""Files of less than `_SMALL_BYTES` are merged into files of about `_MERGED_BYTES`."""
_WORD: Final = pa.dictionary(pa.int32(), pa.string())
_UNIQUE: Final = {"participant_id", "event_id"}
"""Texts that seldom repeat."""
_BATCH_ROWS: Final = 1 << 20
_STATE: Final = "_archive.json"
_LAST_S: Final = 253_402_300_799
"""The last second that has a date."""
_FILE: Final = "__filename"
"""Arrow's name of the path of the file that a row is from."""


class ArchivedEntry(NamedTuple):
    """An entry of the log, and its offset in its topic: that of the events, or that of what shards infer."""

    entry: LogEntry
    offset: int
    is_inferred: bool

    @property
    def order(self) -> tuple[Ms, bool, int]:
        """The place of the entry among those of its partition."""
        return self.entry.received, self.is_inferred, self.offset


class ArchiveState(msgspec.Struct, frozen=True):
    """How far an archive has come. `events` and `inferred` are the next offset of each partition that is not archived."""

    partitions: int
    events: dict[int, int]
    inferred: dict[int, int]


class Compacted(NamedTuple):
    """How many files there were and are."""

    before: int
    after: int


class Archive:
    """An archive in a directory, or at a URL such as `s3://bucket/archive`."""

    def __init__(self, location: str) -> None:
        self.location = location
        self._files, self._root = _file_system(location)
        self._is_local = isinstance(self._files, fs.LocalFileSystem)

    def state(self) -> ArchiveState | None:
        """Return how far the archive has come, or None if there is none yet."""
        path = f"{self._root}/{_STATE}"
        if self._files.get_file_info(path).type == fs.FileType.NotFound:
            return None
        with self._files.open_input_stream(path) as file:
            return msgspec.json.decode(file.read(), type=ArchiveState)

    def require_state(self) -> ArchiveState:
        """Return how far the archive has come. Raise `BadInput` if there is no archive."""
        state = self.state()
        if state is None:
            raise BadInput(f"it is no archive: there is no {_STATE}", where=self.location)
        return state

    def has(self, offsets: Mapping[int, int]) -> bool:
        """Return whether it has the entries of each partition before an offset."""
        known = {} if (state := self.state()) is None else state.events
        return all(known.get(partition, 0) >= offset for partition, offset in offsets.items())

    def advance(self, partitions: int, events: dict[int, int], inferred: dict[int, int]) -> None:
        """Record how far the archive has come."""
        known = self.state() or ArchiveState(partitions, {}, {})
        state = ArchiveState(partitions, {**known.events, **events}, {**known.inferred, **inferred})
        self._write(f"{self._root}/{_STATE}", lambda file: file.write(msgspec.json.encode(state)))

    def write(self, partition: int, entries: Iterable[ArchivedEntry]) -> None:
        """Write entries of one partition, in the order of their offsets."""
        files: defaultdict[tuple[str, Ms], list[ArchivedEntry]] = defaultdict(list)
        for one in entries:
            name = "_snapshots" if one.entry.kind == SNAPSHOT else "inferred" if one.is_inferred else "events"
            files[name, one.entry.received // DAY_MS].append(one)
        for (name, day), of_file in files.items():
            path = (
                f"{self._root}/partition={partition}/day={_date(day)}/{name}-{of_file[0].offset:016d}.parquet"
            )
            table = _table(of_file, _SNAPSHOTS if name == "_snapshots" else _SCHEMA)
            self._write(path, partial(pq.write_table, table, compression="zstd"))

    def _write(self, path: str, write: Callable[[Any], object]) -> None:
        """Write a file that appears at once or not at all. A new object of an object store does so in any case."""
        unfinished = f"{path}.unfinished" if self._is_local else path
        if self._is_local:
            self._files.create_dir(path.rpartition("/")[0])
        with self._files.open_output_stream(unfinished) as file:
            write(file)
        if self._is_local:
            self._files.move(unfinished, path)

    def read(
        self,
        partition: int,
        rooms: Collection[RoomKey] | None = None,
        *,
        since: Ms | None = None,
        until: Ms | None = None,
        after: Ms | None = None,
    ) -> list[ArchivedEntry]:
        """Return the entries of a partition, or of some of its rooms, that were received in [since, until), in their order.

        `since` and `until` are ms and select whole days (UTC). The entries happened later than `after`, if it is given. An entry that was sent again is returned again.
        """
        if rooms is not None and not rooms:
            return []
        condition = None if rooms is None else _condition(rooms)
        if after is not None:
            is_later = pc.field("at") > time_value(after)
            condition = is_later if condition is None else condition & is_later
        wanted = None if rooms is None else set(rooms)
        found = self.entries(partition, condition, since=since, until=until)
        return sorted(
            (one for one in found if wanted is None or (one.entry.domain, one.entry.room) in wanted),
            key=attrgetter("order"),
        )

    def events(self, partition: int, columns: Sequence[str]) -> pa.RecordBatchReader:
        """Return columns of the events of a partition, as far as the archive is complete, in no order.

        Texts are dictionary-encoded. The calling thread reads.
        """
        dictionaries = {name for name in columns if _SCHEMA.field(name).type == pa.string()}
        fields = [
            field.with_type(_WORD) if field.name in dictionaries - _UNIQUE else field for field in _SCHEMA
        ]
        options = ds.ParquetReadOptions(dictionary_columns=dictionaries - _UNIQUE)
        paths = self._complete(partition)
        if not paths:
            return pa.RecordBatchReader.from_batches(
                pa.schema([field for field in fields if field.name in columns]), []
            )
        files = ds.dataset(
            paths,
            schema=pa.schema(fields),
            format=ds.ParquetFileFormat(read_options=options),
            filesystem=self._files,
        )
        return files.scanner(list(columns), batch_size=_BATCH_ROWS, use_threads=False).to_reader()

    def inferred(self, partition: int) -> Iterator[ArchivedEntry]:
        """Yield what shards have inferred in a partition, as far as the archive is complete, in no order."""
        paths = [
            path for path in self._complete(partition) if path.rpartition("/")[2].startswith("inferred-")
        ]
        return self._read_files(paths, None)

    def latest(self, partition: int) -> Ms:
        """Return when the last event of a partition was received, as far as the archive is complete; 0 if there is none."""
        paths = [path for path in self._complete(partition) if path.rpartition("/")[2].startswith("events-")]
        if not paths:
            return 0
        last = max(paths, key=lambda path: path.rpartition("/")[2])
        with self._files.open_input_file(last) as file:
            received = pq.ParquetFile(file).read(["received"])["received"]
        return int(pc.max(received).cast(pa.int64()).as_py())

    def _complete(self, partition: int) -> list[str]:
        """Return the files of events of a partition, of batches that have ended. Those of one batch are all complete or none is."""
        ends, found = self._ends(partition), []
        for path in self._paths(partition, None, None):
            kind, offset = _name_parts(path.rpartition("/")[2])
            if kind != "_snapshots" and offset < ends.get(kind, 0):
                found.append(path)
        return found

    def _ends(self, partition: int) -> dict[str, int]:
        """Return the offset up to which the files of each kind are complete."""
        state = self.require_state()
        events, inferred = state.events.get(partition, 0), state.inferred.get(partition, 0)
        return {"events": events, "_snapshots": events, "inferred": inferred}

    def entries(
        self,
        partition: int,
        condition: pc.Expression | None,
        *,
        since: Ms | None = None,
        until: Ms | None = None,
    ) -> Iterator[ArchivedEntry]:
        """Yield the entries of a partition that fulfill a condition, in no order. `since` and `until` are as in `read`."""
        return self._read_files(list(self._paths(partition, since, until)), condition)

    def _read_files(self, paths: list[str], condition: pc.Expression | None) -> Iterator[ArchivedEntry]:
        if not paths:
            return
        files = ds.dataset(paths, schema=_SNAPSHOTS, format="parquet", filesystem=self._files)
        for batch in files.scanner([*_SNAPSHOTS.names, _FILE], filter=condition).to_batches():
            yield from _entries(batch)

    def compact(self, partition: int, until: Ms) -> Compacted:
        """Merge the small files of each day of a partition that is over at `until` ms, and return how many there were and are.

        A merged file has the entries of the others, by room, and then they are deleted. If that is interrupted, some entries
        are in two files, and count once. It can be done while a live query writes: the files of a batch that has not ended stay.
        """
        ends = self._ends(partition)
        folders: defaultdict[tuple[str, str], list[fs.FileInfo]] = defaultdict(list)
        for info in self._infos(partition, None, until // DAY_MS * DAY_MS):
            folder, _, name = info.path.rpartition("/")
            kind, offset = _name_parts(name)
            if offset < ends.get(kind, 0):
                folders[folder, kind].append(info)
        before = after = 0
        for (folder, kind), infos in folders.items():
            groups = list(_small_groups(infos))
            before += len(infos)
            after += len(infos) - sum(len(group) - 1 for group in groups)
            for group in groups:
                self._merge(folder, kind, group)
        return Compacted(before, after)

    def _merge(self, folder: str, kind: str, infos: Sequence[fs.FileInfo]) -> None:
        schema = _SNAPSHOTS if kind == "_snapshots" else _SCHEMA
        paths = [info.path for info in infos]
        files = ds.dataset(paths, schema=schema, format="parquet", filesystem=self._files)
        entries = files.to_table().sort_by("offset")
        offsets = entries["offset"]
        is_new = pc.not_equal(offsets[1:], offsets[:-1])
        entries = entries.filter(pa.concat_arrays([pa.array([True]), *is_new.chunks]))
        by_room = entries.sort_by([("domain", "ascending"), ("room", "ascending"), ("offset", "ascending")])
        name = f"{kind}-{offsets[0].as_py():016d}-{offsets[-1].as_py():016d}.parquet"
        write = partial(pq.write_table, by_room, compression="zstd", row_group_size=_ROW_GROUP)
        self._write(f"{folder}/{name}", write)
        for known, now in zip(infos, self._files.get_file_info(paths), strict=True):
            is_unchanged = (known.size, known.mtime) == (now.size, now.mtime)
            if is_unchanged and not known.path.endswith(name):
                self._files.delete_file(known.path)

    def _paths(self, partition: int, since: Ms | None, until: Ms | None) -> Iterator[str]:
        return (info.path for info in self._infos(partition, since, until))

    def _infos(self, partition: int, since: Ms | None, until: Ms | None) -> Iterator[fs.FileInfo]:
        first = "" if since is None else f"day={_date(since // DAY_MS)}"
        last = "day=~" if until is None else f"day={_date(-(-until // DAY_MS) - 1)}"
        selector = fs.FileSelector(
            f"{self._root}/partition={partition}", allow_not_found=True, recursive=True
        )
        for info in sorted(self._files.get_file_info(selector), key=attrgetter("path")):
            day, _, name = info.path.rpartition("/")
            if name.endswith(".parquet") and first <= day.rpartition("/")[2] <= last:
                yield info


def _file_system(location: str) -> tuple[fs.FileSystem, str]:
    if "://" not in location:
        return fs.LocalFileSystem(), location.rstrip("/")
    try:
        files, root = fs.FileSystem.from_uri(location)
    except (pa.ArrowInvalid, OSError) as error:
        raise BadInput(f"the archive cannot be reached: {error}", where=location) from error
    return files, root.rstrip("/")


def _date(day: int) -> str:
    return datetime.fromtimestamp(min(day * DAY_MS // 1_000, _LAST_S), UTC).date().isoformat()


def time_value(at: Ms) -> pa.Scalar:
    """Return a time as conditions compare it with those of entries."""
    return pa.scalar(at, pa.int64()).cast(_TIME)


def _name_parts(name: str) -> tuple[str, int]:
    """Return the kind of the entries in a file, and the first offset."""
    kind, _, offsets = name.removesuffix(".parquet").partition("-")
    return kind, int(offsets.partition("-")[0])


def _small_groups(infos: Iterable[fs.FileInfo]) -> Iterator[list[fs.FileInfo]]:
    """Yield the files to merge with each other."""
    group: list[fs.FileInfo] = []
    for info in infos:
        if info.size >= _SMALL_BYTES:
            continue
        group.append(info)
        if sum(one.size for one in group) >= _MERGED_BYTES:
            yield group
            group = []
    if len(group) > 1:
        yield group


def _condition(rooms: Collection[RoomKey]) -> pc.Expression:
    domains, names = (pa.array(sorted(set(values)), pa.string()) for values in zip(*rooms, strict=True))
    return pc.field("domain").isin(domains) & pc.field("room").isin(names)


def _table(entries: Sequence[ArchivedEntry], schema: pa.Schema) -> pa.Table:
    columns = dict(zip(LogEntry._fields, zip(*(one.entry for one in entries), strict=True), strict=True))
    columns["kind"] = tuple(KINDS[kind].value if kind in KINDS else "snapshot" for kind in columns["kind"])
    columns["offset"] = tuple(one.offset for one in entries)
    return pa.Table.from_arrays(
        [pa.array(columns[field.name], field.type) for field in schema], schema=schema
    )


def _entries(batch: pa.RecordBatch) -> Iterator[ArchivedEntry]:
    columns = []
    for name in (*LogEntry._fields, "offset", _FILE):
        values = batch.column(name)
        columns.append((values.cast(pa.int64()) if name in _TIMES else values).to_pylist())
    for *values, offset, path in zip(*columns, strict=True):
        entry = LogEntry(*values)
        kind = KIND_CODES.get(str(entry.kind), SNAPSHOT)
        yield ArchivedEntry(entry._replace(kind=kind), offset, "/inferred-" in path)
