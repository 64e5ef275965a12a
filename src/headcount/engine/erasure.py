"""Erasure: the engine's part in erasing people.

A request is carried out in steps between batches: the participants of the person are searched, the slices of their rooms are
rewritten, one in each transaction, and at last all other texts that mention them. Everything is resumed after a restart.

Events of erased people that arrive later are redacted when the engine reads them. If they are found under participants that
were not known, the request continues.

Responsible for the order of these steps. Must not know what is removed from a row (`redaction.py`), nor SQL.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Final

import msgspec
import structlog

from headcount.engine.batch_parts import is_contained
from headcount.engine.erasure_policy import ErasurePolicy, participants_of
from headcount.engine.expired_names import ExpiredNames
from headcount.engine.redaction import Redacted, Visit, in_order, redact_slice
from headcount.kernel.events import Kind, Ms
from headcount.kernel.rules import NEVER
from headcount.store.data_subjects import DataSubjects, Selector, SelectorKind
from headcount.store.database import Database
from headcount.store.erasure_list import ErasureList
from headcount.store.erasure_slices import Happened, Rewrite, RoomSlice, SliceEntry, Slices
from headcount.store.erasure_texts import Mentions, scrub
from headcount.store.erasures import ErasedParticipant, Erasure, Erasures, Mode, State, new_participant
from headcount.store.log import Log
from headcount.store.pseudonyms import hash_selector, pseudonyms_of
from headcount.store.records import KIND_CODES, SNAPSHOT, Origin, RoomKey, StoredEntry
from headcount.store.usage.queries import usage_attributes

_ROOMS: Final = 10
"""Rooms of which one transaction rewrites a slice."""
_PARTICIPANTS: Final = 1_000
"""Participants of one room that a slice looks for."""
_REWRITTEN: Final = 150
"""About as many entries are rewritten in one transaction, so that nobody waits for it."""
_ENTRIES_PER_STEP: Final = 5_000
_JOIN: Final = KIND_CODES[Kind.JOIN]
_RETRY_MS: Final[Ms] = 60_000

log = structlog.get_logger("headcount.engine")


def _nothing(erasure: Erasure) -> None:
    """Ignore that a request is done."""


class Eraser:
    """Carries out the erasures of a store. `evict` removes a room from memory; `epoch` is that of the engine.

    With a list, requests that the store has lost are read from it, and new ones are written to it.
    """

    def __init__(
        self,
        database: Database,
        epoch: int,
        evict: Callable[[RoomKey], None],
        erased: ErasureList | None = None,
        on_done: Callable[[Erasure], None] = _nothing,
    ) -> None:
        self._erasures = Erasures(database)
        self._slices = Slices(database)
        self._subjects = DataSubjects(database)
        self._expired_names = ExpiredNames(database)
        self._database = database
        self._epoch = epoch
        self._evict = evict
        self._list = erased
        self._on_done = on_done
        self._pseudonyms = pseudonyms_of(database)
        self._paused_until: Ms = -NEVER
        self._version: tuple[int, ...] = ()
        self._is_listed = True
        self._policies: dict[str, ErasurePolicy] = {}
        self._requests: dict[int, Erasure] = {}
        self._search: tuple[int, Iterator[object]] | None = None
        self._scrub: tuple[int, Iterator[Mapping[str, int]]] | None = None
        if erased is not None:
            self._erasures.add(erased.missing(self._erasures.all(), self._pseudonyms.selector_key))

    @property
    def is_idle(self) -> bool:
        """Whether no request is to be carried out."""
        return all(one.state is State.DONE for one in self._requests.values())

    def refresh(self) -> None:
        """Read the requests again if there are others."""
        version = self._erasures.version()
        if version == self._version:
            return
        self._version = version
        self._requests = {one.number: one for one in self._erasures.all()}
        self._is_listed = self._list is None
        known, self._policies = self._policies, {}
        for one in self._requests.values():
            if one.domain not in self._policies:
                self._policies[one.domain] = ErasurePolicy(one.domain, self._pseudonyms.selector_key)
            self._policies[one.domain].add(one)
        for domain, policy in self._policies.items():
            if domain in known:
                policy.erased = known[domain].erased
            else:
                self._note(self._erasures.participants(domain))

    def _note(self, participants: Iterable[ErasedParticipant]) -> None:
        """Note in memory how far participants are erased. Only this process writes that."""
        for one in participants:
            self._policies[one.domain].erased[one.room, one.pseudonym] = one

    # Events that arrive later.

    def redacted(self, entries: Sequence[StoredEntry], cursor: int) -> Sequence[StoredEntry]:
        """Return new entries of the log without those data that are erased or have expired. They are replaced in the log, too.

        If that fails for a reason other than the store, they are processed as they are: others must not wait for it.
        """
        try:
            return self._redacted(self._expired_names.redacted(entries), cursor)
        except Exception as error:
            if not is_contained(error):
                raise
            log.exception("new events of erased people could not be redacted")
            return entries

    def _redacted(self, entries: Sequence[StoredEntry], cursor: int) -> Sequence[StoredEntry]:
        if not any(entry.domain in self._policies for entry in entries):
            return entries
        if self._rewrite_before(entries, cursor):
            entries = Log(self._database).after(cursor, len(entries))
        changed: dict[int, StoredEntry] = {}
        rows: list[tuple[SliceEntry, SliceEntry | None]] = []
        found: dict[tuple[str, str, str], ErasedParticipant] = {}
        changes: dict[tuple[str, str, str], ErasedParticipant] = {}
        pending: dict[tuple[str, str, str], list[Happened]] = {}
        for entry in entries:
            policy = self._policies.get(entry.domain)
            # What was inferred has the name by which the room knows somebody.
            if policy is None or entry.origin == Origin.INFERRED:
                continue
            people: dict[str, Redacted] = {}
            for who, user_id, attributes in participants_of(entry):
                pseudonym = self._pseudonyms.participant(entry.domain, entry.room, who)
                key = (entry.domain, entry.room, pseudonym)
                known = changes.get(key) or policy.erased.get((entry.room, pseudonym)) or found.get(key)
                meant = policy.meant(who, user_id, attributes, entry.at)
                if meant is not None and (known is None or not policy.covers(known, user_id)):
                    found[key] = self._new(meant, entry.room, who)
                elif who != pseudonym and known is not None and entry.at <= known.erased:
                    if entry.at <= known.until or self._is_in_visit(known, entry, pending, changes):
                        people[who] = self._how(known, self._counted())._replace(until=NEVER)
            if people:
                own = self._slices.entry(entry.position)
                part = RoomSlice.of_entry(entry.domain, entry.room, own)
                rewrite, _, _ = redact_slice(part, people, self._pseudonyms, 0)
                rows += rewrite.entries
                for _, new in rewrite.entries:
                    assert new is not None
                    changed[entry.position] = new.replaced(entry)
        if rows or found or changes:
            self._note(self._slices.redact(rows, list(found.values()), list(changes.values())))
            self._continue(found.values())
        return [changed.get(entry.position, entry) for entry in entries] if changed else entries

    def _rewrite_before(self, entries: Sequence[StoredEntry], cursor: int) -> bool:
        """Rewrite participants at once before the rooms see new entries about them. Return whether there were any.

        While a participant is rewritten in part, the rows have two names, and an entry may concern both. A late join
        may show that the erased visit went on after the erasure: then events that seemed to be later visits belong to it.
        """
        found = False
        for entry in entries:
            policy = self._policies.get(entry.domain)
            for who, _, _ in participants_of(entry) if policy is not None and policy.erased else ():
                pseudonym = self._pseudonyms.participant(entry.domain, entry.room, who)
                known = policy.erased.get((entry.room, pseudonym)) if policy is not None else None
                if known is None:
                    continue
                if known.state > 0:
                    if entry.kind != _JOIN or entry.at > known.until or not self._extends(known, who, entry):
                        continue
                    start = self._slices.mark_before(entry.domain, entry.room, entry.at)
                    again = known._replace(participant_id=who, progress=start, texts=None)
                    (known,) = self._erasures.add_participants([again])
                    self._continue([known])
                while known.state == 0:
                    rewrite = self._slice([known], cursor)
                    self._write([rewrite])
                    (known,) = rewrite.progress
                self._evict((entry.domain, entry.room))
                found = True
        return found

    def _extends(self, known: ErasedParticipant, who: str, entry: StoredEntry) -> bool:
        """Return whether a late join continues the erased visit to an event that seemed to be of a later one."""
        visit = Visit(known.until)
        visit.includes(_happened(entry))
        place = (entry.domain, entry.room, entry.at)
        for participant, event in self._slices.next_entries(*place, (known.pseudonym, who)):
            if visit.includes(event) and event.at > known.until and participant == who != known.pseudonym:
                return True
            if not visit.is_open:
                return False
        return False

    def _continue(self, found: Iterable[ErasedParticipant]) -> None:
        """Carry out again the requests to which newly found participants belong."""
        for number in {one.erasure for one in found}:
            erasure = self._requests[number]
            if erasure.state is State.DONE:
                self._set(replace(erasure, state=State.RUNNING))
            self._scrub = None
        self.refresh()

    def _is_in_visit(
        self,
        known: ErasedParticipant,
        entry: StoredEntry,
        pending: dict[tuple[str, str, str], list[Happened]],
        changes: dict[tuple[str, str, str], ErasedParticipant],
    ) -> bool:
        """Return whether an event after the moment of the erasure belongs to the visit that was not over then.

        If it does, everything up to it is meant from now on. `pending` are the earlier ones of this batch, which are not
        written yet, and `changes` what is new about participants.
        """
        if known.closed is not None and entry.at >= known.closed:
            return False
        key = (known.domain, known.room, known.pseudonym)
        start = self._slices.mark_before(known.domain, known.room, known.until)
        happened, empty = self._slices.visit(*key, start, entry.at)
        happened += [one for one in pending.get(key, ()) if start < one.at <= entry.at]
        unconfirmed = self._slices.unconfirmed_at(known.domain, known.room, start)
        visit = Visit(known.until, [start, *empty], may_have_left=known.pseudonym in unconfirmed)
        for one in sorted(happened, key=in_order):
            visit.includes(one)
        if entry.kind == SNAPSHOT:
            return visit.is_listed_at(entry.at)
        event = _happened(entry)
        if visit.includes(event):
            pending.setdefault(key, []).append(event)
            changes[key] = known._replace(until=max(known.until, entry.at))
            return True
        if visit.closed is not None:
            changes[key] = known._replace(closed=visit.closed)
        return False

    # Steps.

    def step(self, cursor: int, now: Ms) -> bool:
        """Do one bounded step of a request, which is in the list before. Return whether there is more to do."""
        if (self.is_idle and self._is_listed) or now < self._paused_until:
            return False
        try:
            self._write_list()
            if not self.is_idle:
                self._step(cursor, now)
        except Exception as error:
            if not is_contained(error):
                raise
            log.exception("an erasure failed; it will be retried")
            self._search = self._scrub = None
            self._paused_until = now + _RETRY_MS
            return False
        return True

    def _write_list(self) -> None:
        if self._list is not None and not self._is_listed:
            self._list.add(self._requests.values(), self._pseudonyms.selector_key)
        self._is_listed = True

    def _step(self, cursor: int, now: Ms) -> None:
        pending = next((one for one in self._requests.values() if one.state is State.PENDING), None)
        if pending is not None:
            self._search_further(pending)
            return
        unfinished = self._erasures.unfinished(_ROOMS, _PARTICIPANTS)
        if unfinished:
            self._rewrite(unfinished, cursor)
            return
        running = next(one for one in self._requests.values() if one.state is State.RUNNING)
        self._scrub_further(running, now)

    def _search_further(self, erasure: Erasure) -> None:
        """Read one page in search of the participants of a request."""
        if self._search is None or self._search[0] != erasure.number:
            pages = self._pages(erasure)
            self._search = (erasure.number, pages)
        if next(self._search[1], self) is self:
            self._search = None
            self._set(replace(erasure, state=State.RUNNING))

    def _pages(self, erasure: Erasure) -> Iterator[object]:
        """Search the participants of a request, and add them in pages."""
        if erasure.subject is not None:
            for selector in self._selectors(erasure.domain, erasure.subject):
                for page in self._subjects.search(erasure.domain, selector):
                    self._add(erasure, page)
                    yield page
        else:
            yield from self._pages_by_hash(erasure)

    def _add(self, erasure: Erasure, people: Iterable[tuple[str, str]]) -> None:
        """Add participants, by room and id, to a request."""
        self._note(self._erasures.add_participants([self._new(erasure, *one) for one in sorted(people)]))

    def _selectors(self, domain: str, selector: Selector) -> list[Selector]:
        """Return what selects a person: a user may have been pseudonymized before."""
        if selector.kind is not SelectorKind.USER_ID:
            return [selector]
        return [selector, selector._replace(value=self._pseudonyms.user(domain, selector.value))]

    def _pages_by_hash(self, erasure: Erasure) -> Iterator[object]:
        """Search the log and the stays for a person with a known hash only."""
        policy = ErasurePolicy(erasure.domain, self._pseudonyms.selector_key)
        policy.add(erasure)
        for page in chain(self._entries(), self._subjects.stay_people(erasure.domain)):
            people = {
                (room, who)
                for domain, room, at, who, user_id, attributes in page
                if domain == erasure.domain and policy.meant(who, user_id, attributes, at) is not None
            }
            self._add(erasure, people)
            yield page

    def _entries(self) -> Iterator[list[tuple[str, str, Ms, str, str | None, str | None]]]:
        position, entries = 0, Log(self._database)
        while page := entries.after(position, _ENTRIES_PER_STEP):
            position = page[-1].position
            yield [
                (entry.domain, entry.room, entry.at, *one) for entry in page for one in participants_of(entry)
            ]

    def _rewrite(self, unfinished: Sequence[Sequence[ErasedParticipant]], cursor: int) -> None:
        """Rewrite a slice of each room, as many rooms as are changed in a short transaction."""
        rewrites: list[Rewrite] = []
        for of_room in unfinished:
            rewrites.append(self._slice(of_room, cursor))
            if sum(len(one.entries) for one in rewrites) >= _REWRITTEN:
                break
        self._write(rewrites)
        for rewrite in rewrites:
            self._evict((rewrite.progress[0].domain, rewrite.progress[0].room))

    def _write(self, rewrites: Sequence[Rewrite]) -> None:
        """Write slices, and in the same transaction what their requests have changed."""
        changed: dict[int, Erasure] = {}
        for one in rewrites:
            number = one.progress[0].erasure
            stays = sum(row is None for row in one.batch.stays.values())
            counts = {"entries": len(one.entries), "stays": stays}
            changed[number] = changed.get(number, self._requests[number]).counting(counts)
        self._slices.write(rewrites, list(changed.values()), self._epoch)
        self._requests |= changed
        for one in rewrites:
            self._note(one.progress)

    def _slice(self, unfinished: Sequence[ErasedParticipant], cursor: int) -> Rewrite:
        """Return what replaces the next slice of a room."""
        first = unfinished[0]
        domain, room, after = first.domain, first.room, first.progress
        counted = self._counted()
        people: dict[str, Redacted] = {}
        for one in unfinished:  # a part may be done, so that the pseudonym stands there
            people[one.participant_id or one.pseudonym] = people[one.pseudonym] = self._how(one, counted)
        end = self._slices.end(domain, room, after)
        part = self._slices.read(domain, room, after, end, list(people))
        own = [entry for entry in part.entries if entry.participant_id in people]
        if len(own) > _REWRITTEN:
            mark = self._slices.mark_from(domain, room, own[_REWRITTEN].at)
            if mark is not None and mark < end:
                end = mark
                part = self._slices.read(domain, room, after, end, list(people))
        rewrite, visits, texts = redact_slice(part, people, self._pseudonyms, cursor)
        is_last = end == NEVER
        for one in unfinished:
            visit = visits[one.pseudonym]
            closed = visit.closed if is_last else None
            found = texts[one.pseudonym] | {one.participant_id or one.pseudonym}
            rewrite.progress.append(
                one._replace(
                    state=int(is_last),
                    erased=max(one.erased, end),
                    progress=end,
                    until=max(one.until, visit.last),
                    closed=closed,
                    texts=_joined(one.texts, found),
                )
            )
        rewrite.batch.checkpoints[domain, room] = None
        return rewrite

    def _counted(self) -> frozenset[str]:
        """Return the attributes by which usage is counted: they stay."""
        with self._database.reading() as connection:
            return frozenset(usage_attributes(connection))

    def _scrub_further(self, erasure: Erasure, now: Ms) -> None:
        """Rewrite one page of other texts. At the end, the request is done."""
        if self._scrub is None or self._scrub[0] != erasure.number:
            participants = self._erasures.participants_of(erasure.number)
            mentions = Mentions.of(erasure, participants, self._pseudonyms)
            counts = {"participants": len(participants), "rooms": len({one.room for one in participants})}
            self._count(erasure.number, counts)
            self._scrub = (erasure.number, scrub(self._database, mentions))
        counted = next(self._scrub[1], None)
        if counted is not None:
            self._count(erasure.number, counted)
            return
        self._scrub = None
        erasure = self._requests[erasure.number]
        done = replace(erasure, state=State.DONE, finished=now, selector=None)
        self._erasures.finish(done)
        self._requests[done.number] = done
        self._database.forget_deleted()
        self._on_done(done)

    # Details.

    def _new(self, erasure: Erasure, room: str, participant_id: str) -> ErasedParticipant:
        domain = erasure.domain
        pseudonym = self._pseudonyms.participant(domain, room, participant_id)
        users, user = "", None
        if erasure.kind is SelectorKind.USER_ID:
            users = erasure.digest
            if erasure.selector is not None:
                user = self._pseudonyms.user(domain, erasure.selector)
                users += "," + self._hash(domain, SelectorKind.USER_ID, user)
        user = user if erasure.mode is Mode.PSEUDONYMIZE else None
        return new_participant(erasure, room, pseudonym, participant_id, users, user)

    def _hash(self, domain: str, kind: SelectorKind, value: str) -> str:
        return hash_selector(self._pseudonyms.selector_key, domain, kind, "", value)

    def _how(self, one: ErasedParticipant, counted: frozenset[str]) -> Redacted:
        erasure = self._requests[one.erasure]
        return Redacted(
            one.pseudonym, partial(self._policies[one.domain].covers, one), one.user_pseudonym, one.until, counted - {erasure.attribute},
            erasure.attribute in counted,
        )  # fmt: skip

    def _count(self, number: int, counts: Mapping[str, int]) -> None:
        """Add to what a request has changed."""
        self._set(self._requests[number].counting(counts))

    def _set(self, erasure: Erasure) -> None:
        self._requests[erasure.number] = erasure
        self._erasures.update(erasure)


def new_eraser(
    database: Database, erased: ErasureList | None = None, on_done: Callable[[Erasure], None] = _nothing
) -> Callable[..., Eraser]:
    """Return a function that makes the eraser of an engine. `on_done` is called with each request that is done."""
    return lambda epoch, evict: Eraser(database, epoch, evict, erased, on_done)


def _happened(entry: StoredEntry) -> Happened:
    return Happened.of(entry.kind, entry.at, entry.joined_at, entry.source_session, entry.inferred)


def _joined(known: str | None, found: Iterable[str]) -> str:
    """Return more texts beside those that are known, as JSON."""
    texts = set(msgspec.json.decode(known, type=list[str]) if known else ()) | set(found)
    return msgspec.json.encode(sorted(texts)).decode()
