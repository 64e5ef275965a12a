"""Random lives of rooms in a store of either database, in which everything happens that changes meetings."""

from random import Random

from headcount.engine.engine import Engine
from headcount.engine.erasure import new_eraser
from headcount.engine.expired_names import ExpiredNames
from headcount.engine.expiry import Expirer
from headcount.kernel.rules import Rules
from headcount.store.data_subjects import Selector, SelectorKind
from headcount.store.erasures import Mode
from headcount.store.expiry import Expiry
from headcount.store.retention import new_rule
from support.lives import HOUR, MINUTE, lives
from support.stored import DOMAIN

DAY = 24 * HOUR


class ChangingLife:
    """Rooms from `since` on. Their entries are received in rounds; in between, the engine restarts, people are erased, names expire,
    and meetings are deleted. After some rounds, time passes without entries."""

    def __init__(self, store, seed, since, *, rooms=5, hours=8, expires=True):
        self.store, self.chance, self.since = store, Random(seed), since
        self.until = since + hours * HOUR
        self.expires = expires
        self.entries = lives(seed, rooms, since, self.until, is_truthful=bool(seed % 2))
        self.restart()

    def restart(self):
        self.engine = Engine(
            self.store, Rules(), self.store.projections.take_over(), stale_after=45 * MINUTE,
            eraser=new_eraser(self.store.database), stopwatch=None,
        )  # fmt: skip

    def rounds(self):
        """Yield the time after each round; the last one is a day later."""
        start = 0
        while start < len(self.entries):
            end = start + self.chance.choice((1, 5, 30, 100))
            now = self.entries[start:end][-1].received
            self.store.log.append([self.entries[start:end]])
            start = end
            self.disturb(now)
            self.work(now, self.chance.choice((4, 6, 1_000)))
            yield now
            if self.chance.random() < 0.4:
                now += self.chance.choice((5_000, 40_000, 12 * MINUTE))
                self.work(now, 1_000)
                yield now
        if self.expires:
            self.store.retention.set_rule(new_rule(DOMAIN, "room-0", 1, 2, 2, 0))
        for day in (1, 3, 6):
            self.work(self.until + day * DAY, 100_000)
            self.store.usage_rollup.finish()
            self.expire(self.until + day * DAY)
            yield self.until + day * DAY

    def work(self, now, steps):
        for _ in range(steps):
            if not self.engine.step(now):
                return

    def disturb(self, now):
        """Do one of the things that happen to a store beside its entries, or none."""
        match self.chance.randrange(12):
            case 0 | 1:
                self.restart()
            case 2:
                person = Selector(SelectorKind.USER_ID, self.chance.choice("ABCDE"))
                mode = self.chance.choice(list(Mode))
                self.store.erasures.request(DOMAIN, person, mode, now - HOUR, now, "test")
            case 3 | 4 | 5:
                self.store.usage_rollup.step(self.chance.choice((1, 500)))

    def expire(self, now):
        database = self.store.database
        sweep = Expirer(self.engine, self.store.retention, Expiry(database), ExpiredNames(database))
        while sweep.step(now):
            pass
