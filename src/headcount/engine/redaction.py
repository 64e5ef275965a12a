"""Redaction: entries, stays and marks without a person's data.

The pseudonym of a participant replaces the `participant_id` wherever it stands in the room. Derivation does not depend on
what a participant is called, so meetings, counts and ids stay as they are.

Responsible for what is removed and what stays. Must not know who is erased, and why, nor how rows are stored.
"""

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from headcount.kernel.attributes import Attributes, canonical, merge, values_of
from headcount.kernel.events import Kind, Ms
from headcount.kernel.journal import Mark
from headcount.kernel.rules import NEVER
from headcount.store.dedup import inferred_key
from headcount.store.erasure_slices import Happened, Rewrite, RoomSlice, SliceEntry
from headcount.store.pseudonyms import Pseudonymizer, commitment
from headcount.store.records import (
    DAY_MS,
    KIND_CODES,
    KINDS,
    SNAPSHOT,
    BatchChanges,
    MarkChange,
    Origin,
    StayRow,
    listed_in,
)

_PERSONAL_ATTRIBUTES: Final = ("email", "external_id")
"""Attributes with values that are searched for in texts. Others, such as a device, are not only those of one person."""
_END: Final = KIND_CODES[Kind.END]
_JOIN: Final = KIND_CODES[Kind.JOIN]
_OUTSIDE: Final = 0
_INSIDE: Final = 1
_MAY_HAVE_LEFT: Final = 2
"""After an inferred leave, a reported one may still come, and overrides it."""


class Redacted(NamedTuple):
    """How a participant of a room is redacted.

    `covers` returns whether what has a user id, or none, is meant. Attributes with `retained` keys stay. `is_counted`: usage is
    counted by an attribute that is removed.
    """

    pseudonym: str
    covers: Callable[[str | None], bool]
    user_pseudonym: str | None
    until: Ms
    retained: Collection[str]
    is_counted: bool = False

    def attributes(self, attributes: Attributes | None) -> Attributes | None:
        """Return the attributes that stay."""
        return None if attributes is None else canonical(
            {key: value for key, value in values_of(attributes).items() if key in self.retained}
        )  # fmt: skip

    def user(self, user_id: str | None) -> str | None:
        """Return what replaces a user id that is meant."""
        return None if user_id is None else self.user_pseudonym


class Visit:
    """Whether a participant is still in the visit that was not over at the moment up to which everything is erased.

    An event after that moment is meant if it belongs to this visit. A reported leave, an end, and a reported join after an
    inferred leave are its end (R3a). After an inferred leave, an inferred join continues it unless the room was empty since:
    `empty` are moments at which nobody was in the room.
    """

    def __init__(self, until: Ms, empty: Sequence[Ms] = (), *, may_have_left: bool = False) -> None:
        """With `may_have_left`, an inferred leave before the first moment of `empty` is not confirmed yet."""
        self._until = until
        self._empty = empty
        self._state = self._before = _MAY_HAVE_LEFT if may_have_left else _OUTSIDE
        self._kinds: set[int] = set()
        self._session: str | None = None
        self._last: Ms = -NEVER
        self._closed: Ms | None = None

    @property
    def is_open(self) -> bool:
        """Whether a later event may belong to the visit."""
        return self._state != _OUTSIDE and self._closed is None

    @property
    def closed(self) -> Ms | None:
        """The moment from which no event belongs to the visit, or None while one may."""
        if self._closed is not None:
            return self._closed
        return None if self.is_open else max(self._until, self._last) + 1

    @property
    def last(self) -> Ms:
        """The moment of the last event that is meant, or of the end of the room after it."""
        return self._last

    def is_listed_at(self, at: Ms) -> bool:
        """Return whether a snapshot at this moment means this visit if it lists the participant."""
        return at <= self._until or (self.is_open and (self._state == _INSIDE or not self._was_empty(at)))

    def includes(self, event: Happened) -> bool:
        """Return whether the next event, in the order of time, is meant. An end is never meant itself."""
        if event.kind == _END:
            if self._state == _INSIDE and (
                event.session is None or self._session is None or event.session == self._session
            ):
                self._enter(event.at)
                self._state = _OUTSIDE
            return False
        is_same_instant = event.at == self._last and self._before == _INSIDE
        if event.first_at > self._until and not (is_same_instant or self._continues(event)):
            if self._closed is None:
                self._closed = event.at
            return False
        self._enter(event.at)
        self._kinds.add(event.kind)
        if len(self._kinds) > 1:  # a leave and a join at one instant change nothing (R2)
            self._state = self._before
        elif event.kind == _JOIN:
            self._state, self._session = _INSIDE, event.session
        else:
            self._state = _OUTSIDE if event.inferred is None else _MAY_HAVE_LEFT
        return True

    def _enter(self, at: Ms) -> None:
        """Begin an instant, unless it is the last one."""
        if at != self._last:
            self._last, self._before = at, self._state
            self._kinds.clear()

    def _continues(self, event: Happened) -> bool:
        if not self.is_open or self._state == _INSIDE:
            return self.is_open
        if event.kind == _JOIN:
            return event.inferred is not None and not self._was_empty(event.at)
        return True

    def _was_empty(self, at: Ms) -> bool:
        index = bisect_right(self._empty, self._last)
        return index < len(self._empty) and self._empty[index] < at


def in_order(event: Happened | SliceEntry) -> tuple[Ms, bool]:
    """Return the key by which events are sorted: an end comes before the joins of its instant (R1)."""
    return event.at, event.kind != _END


def redact_slice(
    part: RoomSlice, people: Mapping[str, Redacted], pseudonyms: Pseudonymizer, cursor: int
) -> tuple[Rewrite, dict[str, Visit], dict[str, set[str]]]:
    """Return what replaces the rows of a slice, the visits at its end, and the texts that were removed, by pseudonym."""
    rewrite = Rewrite(BatchChanges(cursor))
    unconfirmed = {people[who].pseudonym for who in part.unconfirmed & people.keys()}
    empty = [part.after, *part.empty]
    visits = {
        one.pseudonym: Visit(one.until, empty, may_have_left=one.pseudonym in unconfirmed)
        for one in people.values()
    }
    texts: dict[str, set[str]] = {one.pseudonym: set() for one in people.values()}
    causes: dict[Ms, list[bytes]] = {}
    for entry in part.entries:
        if entry.kind == SNAPSHOT:
            causes.setdefault(entry.at, []).append(entry.key)
    others: set[str] = set()
    new_entries: dict[str, list[SliceEntry]] = {}
    for entry in sorted(part.entries, key=in_order):
        if entry.kind == _END:
            for visit in visits.values():
                visit.includes(entry.happened)
            continue
        if entry.kind == SNAPSHOT:
            new = _redacted_snapshot(entry, people, visits, texts)
        else:
            who = entry.participant_id or ""
            one = people.get(who)
            if one is None or not visits[one.pseudonym].includes(entry.happened):
                continue
            new = redact_entry(entry, one, pseudonyms, part.room, causes.get(entry.at, ()))
            if one.covers(entry.user_id):
                texts[one.pseudonym] |= personal_texts(entry.user_id, entry.user_name, entry.attributes)
            elif entry.user_id is not None:
                others.add(who)
            new_entries.setdefault(who, []).append(new)
        if new != entry:
            rewrite.entries.append((entry, new))
    _rewrite_stays(rewrite, part, people, visits, others, new_entries)
    _rewrite_marks(rewrite, part, people, new_entries)
    for row in part.excluded:
        one = people.get(row.participant_id)
        if one is not None and row.at <= one.until:
            new_row = row._replace(participant_id=one.pseudonym)
            if one.covers(row.user_id):
                texts[one.pseudonym] |= personal_texts(row.user_id, row.user_name, None)
                new_row = new_row._replace(user_id=one.user(row.user_id), user_name=None)
            if new_row != row:
                rewrite.excluded.append((row, new_row))
    return rewrite, visits, texts


def redact_entry(
    entry: SliceEntry, one: Redacted, pseudonyms: Pseudonymizer, room: str, causes: Iterable[bytes]
) -> SliceEntry:
    """Return an entry of a participant who is redacted. `causes` are the keys of the snapshots at its time."""
    who = entry.participant_id or ""
    new = entry._replace(participant_id=one.pseudonym)
    if entry.origin == Origin.INFERRED and entry.inferred is not None and who != one.pseudonym:
        new = new._replace(key=_inferred_key(entry, who, one.pseudonym, pseudonyms, room, causes))
    if not one.covers(entry.user_id):
        return new
    attributes = one.attributes(entry.attributes)
    user_id = entry.user_id if entry.user_id == one.user_pseudonym else one.user(entry.user_id)
    new = new._replace(user_id=user_id, user_name=None, attributes=attributes, event_id=None)
    return entry if new == entry else _committed(
        new, entry, (who, entry.user_id, entry.user_name, entry.attributes, entry.event_id)
    )  # fmt: skip


def _committed(new: SliceEntry, old: SliceEntry, fields: Iterable[Any]) -> SliceEntry:
    """Return an entry with a commitment to what it had, and without what would reveal it."""
    made = old.commitment
    if made is None and old.salt is not None:
        made = commitment(old.salt, fields)
    return new._replace(digest=None, salt=None, commitment=made)


def _inferred_key(
    entry: SliceEntry, who: str, pseudonym: str, pseudonyms: Pseudonymizer, room: str, causes: Iterable[bytes]
) -> bytes:
    """Return the key that the same inference about the pseudonym would have."""
    kind = KINDS[entry.kind]
    for cause in (b"", *causes):
        key = inferred_key(entry.inferred or "", cause, entry.at, room, kind, who)
        if pseudonyms.entry_key(key, entry.at) == entry.key:
            key = inferred_key(entry.inferred or "", cause, entry.at, room, kind, pseudonym)
            return pseudonyms.entry_key(key, entry.at)
    return entry.key


def _redacted_snapshot(
    entry: SliceEntry,
    people: Mapping[str, Redacted],
    visits: Mapping[str, Visit],
    texts: Mapping[str, set[str]],
) -> SliceEntry:
    listed = listed_in(entry.snapshot)
    changed = False
    for number, known in enumerate(listed):
        who = known["participant_id"]
        one = people.get(who)
        if one is None or not visits[one.pseudonym].is_listed_at(entry.at):
            continue
        new = {**known, "participant_id": one.pseudonym}
        user_id = known.get("user_id")
        if one.covers(user_id):
            attributes = canonical(known.get("attributes") or {})
            texts[one.pseudonym].update(personal_texts(user_id, known.get("user_name"), attributes))
            retained = one.attributes(attributes)
            new |= {"user_id": one.user(user_id), "user_name": None}
            new |= {"attributes": None if retained is None else values_of(retained)}
        new = {key: value for key, value in new.items() if value is not None}
        if new != {key: value for key, value in known.items() if value is not None}:
            listed[number] = new
            changed = True
    if not changed:
        return entry
    new_entry = entry._replace(snapshot=msgspec.json.encode(listed).decode())
    return _committed(new_entry, entry, (entry.snapshot,))


def _rewrite_stays(
    rewrite: Rewrite,
    part: RoomSlice,
    people: Mapping[str, Redacted],
    visits: Mapping[str, Visit],
    others: Collection[str],
    new_entries: Mapping[str, list[SliceEntry]],
) -> None:
    batch, key = rewrite.batch, (part.domain, part.room)
    changed: list[StayRow] = []
    for stay in part.stays:
        one = people.get(stay.participant_id)
        if one is None or not _is_meant(stay.join, one, visits[one.pseudonym]):
            continue
        names = _names(
            stay, one, new_entries.get(stay.participant_id, ()), mixed=stay.participant_id in others
        )
        new = stay._replace(participant_id=one.pseudonym, **names)
        if new != stay:
            batch.stays[*key, stay.join, stay.participant_id] = None
            batch.stays[*key, stay.join, one.pseudonym] = new
            if new.attributes != stay.attributes:
                changed.append(stay)
    for pending in part.pending_stays:
        one = people.get(pending.participant_id)
        if one is None or not _is_meant(pending.join, one, visits[one.pseudonym]):
            continue
        names = _names(
            StayRow(*key, pending.join, pending.participant_id, None, None, *pending[4:]), one,
            new_entries.get(pending.participant_id, ()), mixed=pending.participant_id in others,
        )  # fmt: skip
        new_pending = pending._replace(participant_id=one.pseudonym, **names)
        if new_pending != pending:
            batch.pending_stays[*key, pending.join, pending.participant_id] = None
            batch.pending_stays[*key, pending.join, one.pseudonym] = new_pending
    for name, join, who in part.carried:
        one = people.get(who)
        if one is not None and who != one.pseudonym and _is_meant(join, one, visits[one.pseudonym]):
            batch.carried[part.domain, name] = (join, one.pseudonym)
    if changed:
        first = min(stay.join for stay in changed)
        batch.reindexed[key] = (first, max(NEVER if stay.leave is None else stay.leave for stay in changed))
        if any(people[stay.participant_id].is_counted for stay in changed):
            latest = [stay.join + DAY_MS if stay.leave is None else stay.leave for stay in part.stays]
            batch.pending_rollups[key] = (first, max(latest))


def _is_meant(join: Ms, one: Redacted, visit: Visit) -> bool:
    return join <= one.until or (visit.closed is not None and join < visit.closed) or visit.is_open


def _names(stay: StayRow, one: Redacted, entries: Iterable[SliceEntry], *, mixed: bool) -> dict[str, Any]:
    """Return what a stay is known by afterwards. If its participant was several users, it follows from the entries (R1)."""
    if not mixed:
        if not one.covers(stay.user_id):
            return {}
        user_id = stay.user_id if stay.user_id == one.user_pseudonym else one.user(stay.user_id)
        return {"user_id": user_id, "user_name": None, "attributes": one.attributes(stay.attributes)}
    within: dict[Ms, list[SliceEntry]] = {}
    for entry in entries:
        for at in {entry.first_at, entry.at}:
            if stay.join <= at and (stay.leave is None or at <= stay.leave):
                within.setdefault(at, []).append(entry)
    user_id = user_name = attributes = None
    for at in sorted(within):
        group = within[at]
        user_id = user_id or min((e.user_id for e in group if e.user_id is not None), default=None)
        user_name = user_name or min((e.user_name for e in group if e.user_name is not None), default=None)
        attributes = merge(attributes, [e.attributes for e in group])
    return {"user_id": user_id, "user_name": user_name, "attributes": attributes}


def _rewrite_marks(
    rewrite: Rewrite, part: RoomSlice, people: Mapping[str, Redacted], entries: Mapping[str, list[SliceEntry]]
) -> None:
    rejoins: dict[str, list[Ms]] = {}
    for who, own in entries.items():
        if who != people[who].pseudonym:
            joins = [entry.first_at for entry in own if entry.inferred is None and _has_join(entry)]
            rejoins.setdefault(people[who].pseudonym, []).extend(joins)
    for mark in part.marks:
        leaves = [
            tuple(_redacted_pack(pack, people, part.until) for pack in leave) for leave in mark.unconfirmed
        ]
        unconfirmed = sorted(
            (leave for leave in leaves if not _is_confirmed(leave, mark.at, rejoins)),
            key=lambda leave: leave[0][0],
        )
        if tuple(unconfirmed) != mark.unconfirmed:
            new = Mark(mark.at, tuple(unconfirmed))
            rewrite.batch.marks.append(MarkChange(part.domain, part.room, mark.at, mark.at, (new,)))


def _has_join(entry: SliceEntry) -> bool:
    return entry.kind == _JOIN or entry.joined_at is not None


def _is_confirmed(leave: Sequence[Sequence[Any]], at: Ms, rejoins: Mapping[str, Iterable[Ms]]) -> bool:
    """Return whether a reported join confirms an inferred leave (R3a), now that both have one name."""
    who, left = leave[0][0], leave[0][7]
    return any(left < join <= at for join in rejoins.get(who, ()))


def _redacted_pack(pack: tuple[Any, ...], people: Mapping[str, Redacted], until: Ms) -> tuple[Any, ...]:
    """Return a stay of an unconfirmed leave, as a mark has it (see `OpenStay.pack`)."""
    who, join, user_id, user_name, session, reported, attributes, *rest = pack
    one = people.get(who)
    if one is None or join > until or join > one.until:
        return pack
    if one.covers(user_id):
        user_id, user_name, attributes = one.user(user_id), None, one.attributes(attributes)
    return (one.pseudonym, join, user_id, user_name, session, reported, attributes, *rest)


def personal_texts(user_id: str | None, user_name: str | None, attributes: Attributes | None) -> set[str]:
    """Return the texts by which other tables may mention a person."""
    known = {user_id, user_name}
    if attributes is not None:
        known |= {str(value) for key, value in values_of(attributes).items() if key in _PERSONAL_ATTRIBUTES}
    return {text for text in known if text}
