"""Expiry: the steps in which retention deletes what has reached the end of its time.

A sweep visits all rooms, and a step deletes a bounded number of rows of one of them, in a transaction of its own. It begins
again after some time, and at once when rules or holds have changed. A step that is repeated after a crash does no harm.

Responsible for what expires when. Must not know SQL or how rows are deleted.
"""

from collections.abc import Sequence
from functools import partial
from typing import Final, NamedTuple

import structlog

from headcount.engine.engine import Engine
from headcount.engine.expired_names import ExpiredNames
from headcount.kernel.events import Ms
from headcount.kernel.rules import NEVER
from headcount.store.database import StoreError
from headcount.store.expiry import Expiry, Span, spans_up_to
from headcount.store.records import DAY_MS, RoomKey
from headcount.store.retention import (
    Cutoffs,
    LegalHold,
    Retention,
    RetentionRule,
    RoomRetention,
    most_specific,
)

SWEEP_MS: Final[Ms] = 3_600_000
"""The time from one sweep to the next."""
_LOOK_MS: Final[Ms] = 5_000
"""The time after which rules and holds are read again."""
_ROOMS: Final = 50
"""Rooms of which one step reads whether something expires."""
_ROWS: Final = 500
_FIRST: Final[RoomKey] = ("", "")
_NO_MESSAGE: Final = (-NEVER, 0)

log = structlog.get_logger("headcount.retention")


class _Targets(NamedTuple):
    """Up to when the events and meetings of a room expire; None if nothing does."""

    events: Ms | None
    meetings: Ms | None


class Expirer:
    """Deletes what has expired, for one engine."""

    def __init__(self, engine: Engine, retention: Retention, expiry: Expiry, names: ExpiredNames) -> None:
        self._engine = engine
        self._names = names
        self._retention = retention
        self._expiry = expiry
        self._rules: Sequence[RetentionRule] = ()
        self._holds: Sequence[LegalHold] = ()
        self._next_look: Ms = -NEVER
        self._next_sweep: Ms = -NEVER
        self._rooms: list[RoomKey] = []
        self._domains: list[str] = []
        """Domains of which other texts are still to be deleted in this sweep."""
        self._message: tuple[Ms, int] = _NO_MESSAGE
        self._has_deleted = False
        self._last: RoomKey | None = None
        """The last room that was read in this sweep, or None between two."""

    def step(self, now: Ms) -> bool:
        """Delete some of what has expired at `now`. Return whether there may be more to do at once.

        Raise `LeadershipLost` if another engine is the leader now.
        """
        self._look(now)
        if self._last is None:
            if now < self._next_sweep or not self._rules:
                return False
            self._last, self._next_sweep = _FIRST, now + SWEEP_MS
            self._domains = sorted({rule.domain for rule in self._rules if rule.names_days is not None})
        if self._domains:
            self._expire_texts(self._domains[-1], now)
            return True
        for _ in range(_ROOMS):
            if not self._rooms:
                self._rooms = self._expiry.rooms_after(self._last, _ROWS)[::-1]
            if not self._rooms:
                self._last = None
                if self._has_deleted:
                    self._expiry.forget_deleted()
                    self._has_deleted = False
                return False
            key = self._rooms[-1]
            if self._expire_contained(key, now):
                self._has_deleted = True
                return True
            self._last = self._rooms.pop()
        return True

    def _expire_contained(self, key: RoomKey, now: Ms) -> bool:
        """Do what `_expire` does. A room that fails is skipped until the next sweep."""
        try:
            return self._expire(key, now)
        except StoreError:
            raise
        except Exception:
            log.exception("retention of a room failed; it will be retried", domain=key[0], room=key[1])
            return False

    def _look(self, now: Ms) -> None:
        """Read the rules and holds. If they have changed, begin a sweep."""
        if now < self._next_look and self._next_look - now <= _LOOK_MS:
            return
        self._next_look = now + _LOOK_MS
        rules, holds = self._retention.rules(), self._retention.active_holds()
        if (rules, holds) != (self._rules, self._holds):
            self._rules, self._holds = rules, holds
            self._rooms, self._last, self._next_sweep = [], None, now
            self._domains, self._message = [], _NO_MESSAGE

    def _expire(self, key: RoomKey, now: Ms) -> bool:
        """Delete some of what has expired in a room. Return whether there is more, or whether something was deleted."""
        rule = most_specific((rule for rule in self._rules if rule.domain == key[0]), key[1])
        if rule is None:
            return False
        held = self._expiry.held(key, self._holds)
        if held is None:
            return False
        progress = self._expiry.progress(key)
        if self._remove_names(key, rule.cutoffs(now).names, progress.names_until, held):
            return True
        targets = self._targets(key, rule.cutoffs(now), progress)
        if not self._expiry.has_expired(key, *targets, self._engine.cursor):
            return False
        return self._freeze(key, targets, progress) or self._delete(key, targets, progress, held)

    def _expire_texts(self, domain: str, now: Ms) -> None:
        """Delete messages of a domain, and at the end dead letters. They name people, and cannot be changed.

        Nobody knows the room of a dead letter. So it is deleted after the longest time of all rules, if one is for all rooms.
        """
        rules = [rule for rule in self._rules if rule.domain == domain]
        days = [rule.names_days for rule in rules if rule.names_days is not None]
        leader = {"cursor": self._engine.cursor, "epoch": self._engine.epoch}
        following = self._expiry.delete_messages(
            domain,
            self._message,
            now - min(days) * DAY_MS,
            partial(self._message_expires, domain, now),
            _ROWS,
            **leader,
        )
        if following is not None:
            self._message = following
            return
        self._message = _NO_MESSAGE
        self._domains.pop()
        if len(days) == len(rules) and any(rule.pattern == "*" for rule in rules):
            self._expiry.delete_dead_letters(domain, now - max(days) * DAY_MS, **leader)

    def _message_expires(self, domain: str, now: Ms, room: str, at: Ms) -> bool:
        rule = most_specific((rule for rule in self._rules if rule.domain == domain), room)
        cutoff = None if rule is None else rule.cutoffs(now).names
        if cutoff is None or at > cutoff:
            return False
        has_holds = any(hold.domain == domain for hold in self._holds)
        return not has_holds or self._expiry.held((domain, room), self._holds) == []

    def _remove_names(self, key: RoomKey, cutoff: Ms | None, done: Ms | None, held: Sequence[Span]) -> bool:
        """Remove names from one slice of a room. Return whether there may be more."""
        done = -NEVER if done is None else done
        until = None if cutoff is None else self._expiry.end_of_named_past(key, done, cutoff)
        if until is None or self._expiry.is_busy(key, until):
            return False
        if not self._expiry.has_named(key, done, until, self._engine.cursor):
            return False
        leader = {"cursor": self._engine.cursor, "epoch": self._engine.epoch}
        for first, last in spans_up_to(until, held):
            if done < last:
                end = self._names.remove(key, max(first, done), last, **leader)
                self._engine.evict(key)
                self._expiry.finish_names(key, end, **leader)
                return True
        self._expiry.finish_names(key, until, **leader)
        return False

    def _targets(self, key: RoomKey, cutoffs: Cutoffs, progress: RoomRetention) -> _Targets:
        """Return up to when events and meetings expire. Nothing that is given becomes open again."""
        events = None if cutoffs.events is None else self._expiry.end_of_past(key, cutoffs.events)
        meetings = (
            None
            if cutoffs.meetings is None
            else self._expiry.end_of_quarters(key, cutoffs.meetings, self._engine.cursor)
        )
        latest = max([at for at in (events, meetings) if at is not None], default=None)
        if latest is not None and self._expiry.is_busy(key, latest):
            return _Targets(progress.events_until, progress.meetings_until)
        return _Targets(_later(events, progress.events_until), _later(meetings, progress.meetings_until))

    def _freeze(self, key: RoomKey, targets: _Targets, progress: RoomRetention) -> bool:
        """Freeze a room up to its targets. Return whether that changed something."""
        frozen = _later(_later(targets.events, targets.meetings), progress.frozen)
        usage_until = _later(targets.meetings, progress.usage_until)
        if frozen is None or (frozen, usage_until) == (progress.frozen, progress.usage_until):
            return False
        self._expiry.freeze(key, frozen, usage_until, cursor=self._engine.cursor, epoch=self._engine.epoch)
        self._engine.evict(key)
        return True

    def _delete(self, key: RoomKey, targets: _Targets, progress: RoomRetention, held: Sequence[Span]) -> bool:
        """Delete events and meetings up to the targets. Return whether there is more."""
        if targets == (progress.events_until, progress.meetings_until):
            return False
        leader = {"cursor": self._engine.cursor, "epoch": self._engine.epoch}
        for span in spans_up_to(targets.events, held):
            if self._expiry.delete_events(key, span, _ROWS, **leader):
                return True
        for span in spans_up_to(targets.meetings, held):
            if self._expiry.delete_meetings(key, span, _ROWS, **leader):
                return True
        self._expiry.finish(key, targets.events, targets.meetings, **leader)
        log.debug("retention deleted the past of a room", domain=key[0], room=key[1])
        return False


def _later(one: Ms | None, other: Ms | None) -> Ms | None:
    return max([at for at in (one, other) if at is not None], default=None)
