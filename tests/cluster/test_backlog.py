"""A backlog: entries that were received in time and are read late are not late."""

from headcount.cluster.shard import round_time
from headcount.kernel.events import Event, Kind
from headcount.kernel.rules import Rules
from headcount.store.open import open_store
from support.engines import NEW_YEAR, kernel
from support.shards import ShardedEngine
from support.stored import entry_of

HOUR = 3_600_000


def test_an_hour_of_unread_entries_gives_the_same_and_corrects_nothing(folder):
    """Every round reads five entries of an hour that is over. Ann is alone for ten minutes, and Bob's return is unread."""
    events = []
    for number in range(12):
        at = NEW_YEAR + number * 290_000
        events += [
            Event(Kind.JOIN, "r", at, f"p{number}"),
            Event(Kind.LEAVE, "r", at + 280_000, f"p{number}"),
        ]
    events.append(Event(Kind.JOIN, "r", NEW_YEAR, "ann"))
    events.sort(key=lambda event: event.at)
    now = NEW_YEAR + 5 * HOUR
    store = open_store(str(folder / "backlog.db"), durability="off")
    shards = ShardedEngine(store, Rules(), shards=1)
    for start in range(0, len(events), 5):
        part = events[start : start + 5]
        shards.unread[0] += [entry_of(event, event.at + 50) for event in part]
        shards.round(0, round_time(part[-1].at + 50, now))
    shards.show(now)
    assert shards.meetings() == kernel(events, as_of=now)
    assert len(shards.meetings()) == 2
    with store.database.reading() as connection:
        assert connection.query("select * from corrections", {}) == []
    assert "meeting.updated" not in {message.type for message in store.messages.after(0)}
    store.close()


def test_the_time_of_a_shard_that_has_read_everything_is_the_time_of_the_batch():
    assert round_time(NEW_YEAR, NEW_YEAR + 1_500) == NEW_YEAR + 1_500
    assert round_time(NEW_YEAR, NEW_YEAR + HOUR) == NEW_YEAR
