"""Random lives of rooms as log entries: what sources report and what they lose, in the order of receipt."""

from operator import attrgetter
from random import Random

import msgspec

from headcount.engine.inference import SnapshotParticipant
from headcount.kernel.attributes import canonical
from headcount.kernel.events import Event, Kind
from headcount.store.dedup import entry_of, snapshot_entry
from headcount.store.records import Origin
from support.stored import DOMAIN

MINUTE = 60_000
HOUR = 60 * MINUTE
PEOPLE = "abcde"
ROLES = (
    None,
    None,
    {"role": "host"},
    {"role": "guest", "customer": "acme"},
    {"customer": "Zürich", "vip": True},
)
LENGTHS = (5_000, 9_999, 40_000, 700_000, 1_500_000)
DELAYS = (0, 0, 0, 0, 2_000, 90_000, 1_200_000)
"""How late an entry is received, in ms."""


class RoomLife:
    """One room from `since` to `until`. `truth` are all stays; `entries` is what of them is received."""

    def __init__(self, room, since, until, chance, *, delays, origin):
        self.room, self.since, self.until, self.chance = room, since, until, chance
        self.delays, self.origin = delays, origin
        self.entries = []

    def received(self, at):
        return at + self.chance.choice(self.delays)

    def add(self, kind, at, who=None, **more):
        if at < self.until:
            event = Event(kind, self.room, at, who, **more)
            self.entries.append(entry_of(event, DOMAIN, self.received(at), self.origin))

    def known(self, who):
        names = {"user_id": who.upper(), "user_name": f"Name of {who}"} if self.chance.random() < 0.7 else {}
        attributes = self.chance.choice(ROLES)
        return names | ({} if attributes is None else {"attributes": canonical(attributes)})

    def stays(self):
        """Draw the stays: the same participant is in the room once at a time."""
        at, found, free = self.since + self.chance.randrange(10 * MINUTE), [], dict.fromkeys(PEOPLE, 0)
        while at < self.until:
            who, leave = self.chance.choice(PEOPLE), at + self.chance.choice(LENGTHS)
            if free[who] < at:
                found.append((who, at, leave))
                free[who] = leave
            at += self.chance.choice((0, 3_000, MINUTE, 15 * MINUTE))
        return found


def tidy_life(room, since, until, chance, *, delays=DELAYS, origin=Origin.LIVE):
    """Return what is received of a room whose source loses nothing, and knows no join when it reports a leave."""
    life = RoomLife(room, since, until, chance, delays=delays, origin=origin)
    for who, join, leave in life.stays():
        life.add(Kind.JOIN, join, who, **life.known(who))
        life.add(Kind.LEAVE, leave, who)
    return life.entries


def wild_life(room, since, until, chance, *, is_truthful=True):
    """Return what is received of a room whose source loses leaves, ends rooms, and lists who is present.

    A list that is not truthful lacks somebody now and then.
    """
    life = RoomLife(room, since, until, chance, delays=DELAYS, origin=Origin.LIVE)
    stays = life.stays()
    for who, join, leave in stays:
        life.add(Kind.JOIN, join, who, **life.known(who))
        if chance.random() < 0.8:
            life.add(Kind.LEAVE, leave, who, joined_at=join if chance.random() < 0.2 else None)
    for at in range(since + 7 * MINUTE, until, 20 * MINUTE):
        present = [who for who, join, leave in stays if join <= at < leave]
        if not is_truthful and present and chance.random() < 0.3:
            present.remove(chance.choice(present))
        listed = msgspec.json.encode([SnapshotParticipant(who) for who in present]).decode()
        life.entries.append(snapshot_entry(DOMAIN, at, room, at, listed))
    for _, join, leave in chance.sample(stays, len(stays) // 10):
        if all(leave <= other_join or other_leave <= leave for _, other_join, other_leave in stays):
            life.add(Kind.END, max(leave, join + 1))
    return life.entries


def lives(seed, rooms, since, until, **options):
    """Return the entries of some rooms in the order of receipt, some of them twice; every fifth room is imported."""
    chance = Random(seed)
    entries = []
    for number in range(rooms):
        name = f"room-{number}"
        if number % 5 == 4:
            entries += tidy_life(name, since, until, chance, origin=Origin.IMPORTED)
        else:
            entries += wild_life(name, since, until, chance, **options)
    entries.sort(key=attrgetter("received"))
    entries += chance.sample(entries[: len(entries) * 9 // 10], len(entries) // 20)
    return sorted(entries, key=attrgetter("received"))
