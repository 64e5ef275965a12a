"""The store and its engine as one more way to find meetings, to be held against the others."""

from dataclasses import replace
from hashlib import blake2b
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from headcount.engine.engine import REORDER_WINDOW_MS, Engine
from headcount.kernel.meetings import Meeting, Stay
from headcount.kernel.rules import Rules
from headcount.store import dedup
from headcount.store.meeting_lists import MeetingFilter, Page
from headcount.store.open import open_store
from headcount.store.records import UNKNOWN_PROVENANCE
from support.engines import NEW_YEAR

DOMAIN = "default"
IN_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
_NUMBERS = count()


def stored(events, *, as_of, rules=None, domain=DOMAIN):
    """Events in the order given through a store and its engine: some of them, a look, and the rest."""
    with TemporaryDirectory(dir=IN_MEMORY) as folder:
        service = StoredEngine(Path(folder), rules, subscribed=False)
        half = len(events) // 2
        service.append(*events[:half])
        service.show(as_of)
        service.start()
        service.append(*events[half:])
        service.show(as_of)
        found = service.meetings()
        service.close()
        return found


def entry_of(event, received=0, *, domain=DOMAIN, origin=0, provenance=UNKNOWN_PROVENANCE):
    """The entry of an event; the same event has the same key."""
    key = blake2b(repr(event).encode(), digest_size=16).digest()
    return dedup.entry_of(event, domain, received, origin, key, provenance)


class StoredEngine:
    """A store in a file and an engine on it, which may be stopped and started anywhere. Somebody may follow its joins and leaves."""

    def __init__(self, folder, rules=None, *, subscribed=True, **options):
        self.path = folder / f"{next(_NUMBERS)}.db"
        self.rules = rules or Rules()
        self.options = options
        self.store = open_store(str(self.path), durability="off")
        if subscribed:
            self.store.messages.stream_opened(DOMAIN, 0)
        self.start()

    def start(self):
        self.engine = Engine(self.store, self.rules, self.store.projections.take_over(), **self.options)

    def append(self, *events, received=0, origin=0, provenance=UNKNOWN_PROVENANCE):
        entries = [entry_of(event, received, origin=origin, provenance=provenance) for event in events]
        return self.append_entries(entries)

    def append_entries(self, entries):
        return self.store.log.append([entries])[0]

    def inferred_facts(self):
        """What was inferred, each key once: entries of the log."""
        columns = "domain, room, kind, at_ms, participant_id, inferred"
        with self.store.database.reading() as connection:
            return sorted(connection.query(f"select {columns} from entries where origin = 2", {}))

    def show(self, moment):
        """Work until what is shown is what was true at `moment`."""
        while self.engine.step(moment + self.options.get("reorder_window", REORDER_WINDOW_MS)):
            pass

    def meetings(self):
        return meetings_in(self.store)

    def presence(self):
        return presence_in(self.store)

    def close(self):
        self.store.close()
        for file in self.path.parent.glob(f"{self.path.name}*"):
            file.unlink()


def meetings_in(store):
    """What the tables hold, in the kernel's words, by room and start."""
    rows = store.meetings.page(DOMAIN, MeetingFilter(), Page(limit=10_000), 0)
    entries = store.meetings.entries(rows)
    found = [
        Meeting(m.id, m.domain, m.room, m.start, m.end, m.max_participants, tuple(entries[m.id]))
        for m in rows
    ]
    return sorted(found, key=lambda meeting: (meeting.room, meeting.start))


def presence_in(store):
    """Who is shown to be in rooms, as stays, by room and join."""
    people, _ = store.meetings.presence(DOMAIN, with_attributes=True)
    return [Stay(who, join, None, None, *names) for _, join, who, *names in people]


def shifted(event):
    joined_at = None if event.joined_at is None else event.joined_at + NEW_YEAR
    return replace(event, at=event.at + NEW_YEAR, joined_at=joined_at)
