"""Export of a person: everything that is stored about them, as tables in JSON and CSV.

Data of other people is not exported: a snapshot or a correction is reduced to the person, and of a request that
could not be parsed only the number is listed.

Responsible for filling the tables and for their files. Must not know how rows are found: `store.data_subjects` does.
"""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, Final
from urllib.parse import urlsplit
from zipfile import ZIP_DEFLATED, ZipFile

import msgspec
from msgspec import Raw

from headcount.engine.redaction import personal_texts
from headcount.errors import CannotWrite
from headcount.kernel.attributes import Attributes
from headcount.kernel.events import Event, Ms
from headcount.maintenance.person_tables import (
    TABLES,
    ExportedAccess,
    ExportedCorrection,
    ExportedDeadLetter,
    ExportedDelivery,
    ExportedEntry,
    ExportedExclusion,
    ExportedMeeting,
    ExportedMessage,
    ExportedParticipant,
    ExportedShare,
    ExportedStay,
    Row,
    columns,
    descriptions,
)
from headcount.store.access_log import AccessFilter, Subject, SubjectType
from headcount.store.credentials import AccessToken, SubjectKind
from headcount.store.data_subjects import (
    DataSubject,
    DataSubjects,
    PersonalTexts,
    Selector,
    SelectorKind,
    with_events,
)
from headcount.store.history import StoredHistory
from headcount.store.open import Store
from headcount.store.outbox import Message, MessageType
from headcount.store.provenance import Sender, SenderKind
from headcount.store.pseudonyms import pseudonyms_of
from headcount.store.records import KINDS, SNAPSHOT, Correction, Origin, StayRow
from headcount.store.webhooks import Endpoint, MessageDeliveries
from headcount.terminal import escape_formula
from headcount.timestamps import format_timestamp

JSON_FILE: Final = "data.json"
README_FILE: Final = "README.txt"
_MESSAGES: Final = (MessageType.PARTICIPANT_JOINED, MessageType.PARTICIPANT_LEFT)
_MESSAGES_PER_PAGE: Final = 500
_ACCESSES: Final = 500
_DEAD_LETTERS: Final = 20
"""Bodies in memory at once: each may be large."""
_BYTE_ORDER_MARK: Final = "\N{ZERO WIDTH NO-BREAK SPACE}"

_encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class PersonTable:
    """A table of the export. Its rows are read when they are iterated."""

    name: str
    type: type[Row]
    rows: Iterable[Row]


class PersonExport:
    """The export of one person. `counts` are the rows of each table that were written to files."""

    def __init__(self, store: Store, domain: str, selector: Selector, now: Ms) -> None:
        self._store = store
        self._now = now
        self._subjects = DataSubjects(store.database)
        self.selector = selector
        self.counts: Counter[str] = Counter(dict.fromkeys(TABLES, 0))
        self.subject = self._subjects.find(domain, selector)
        if self._archived:
            self.subject = with_events(self.subject, self._archived_events())

    @property
    def _archived(self) -> bool:
        """Whether the log is in the archive of a cluster, too."""
        return not isinstance(self._store.history, StoredHistory)

    def _archived_events(self) -> Iterator[Event]:
        """Yield all events of the domain, those of the table included."""
        return chain.from_iterable(self._store.history.in_domain(self.subject.domain))

    @property
    def is_empty(self) -> bool:
        """Whether nothing is about the person."""
        return not self.subject.participants and not any(
            True for rows in (self._exclusions(), self._dead_letters()) for _ in rows
        )

    def tables(self) -> Iterator[PersonTable]:
        """Yield the tables. Each is read from the store while its rows are iterated."""
        rows: dict[str, Callable[[], Iterable[Row]]] = {
            "participants": self._participants,
            "log_entries": self._entries,
            "stays": self._stays,
            "meetings": self._meetings,
            "corrections": lambda: map(_correction, self._subjects.corrections(self.subject)),
            "excluded_participants": self._exclusions,
            "messages": lambda: map(_message, self._messages()),
            "deliveries": self._deliveries,
            "dead_letters": self._dead_letters,
            "shared_links": self._shares,
            "accesses": self._accesses,
        }
        for name, kind in TABLES.items():
            yield PersonTable(name, kind, rows[name]())

    def head(self) -> dict[str, Any]:
        """Return what the export is about."""
        kind, value, key = self.selector
        selected = {key: value} if kind is SelectorKind.ATTRIBUTE else value
        return {
            "domain": self.subject.domain,
            "selector": {kind.value: selected},
            "exported_at": format_timestamp(self._now),
        }

    def attended_meetings(self) -> set[str]:
        """Return the ids of the meetings that the person attended."""
        return {row.id for row in self._subjects.meetings(self.subject)}

    def _participants(self) -> Iterator[Row]:
        for room, ids in self.subject.participants.items():
            for participant_id in sorted(ids):
                yield ExportedParticipant(room, participant_id)

    def _entries(self) -> Iterator[Row]:
        if self._archived:
            for event in self._archived_events():
                if self.subject.has(event.room, event.participant_id, event.user_id):
                    yield _archived_entry(event)
            return
        senders = self._store.sources.senders(self.subject.domain)
        for entry in self._subjects.entries(self.subject):
            yield ExportedEntry(
                entry.room,
                "snapshot" if entry.kind == SNAPSHOT else KINDS[entry.kind].value,
                format_timestamp(entry.at),
                format_timestamp(entry.received),
                entry.participant_id,
                entry.user_id,
                entry.user_name,
                _raw(entry.attributes),
                _raw(entry.snapshot),
                entry.source_session,
                _time(entry.joined_at),
                entry.inferred,
                entry.event_id,
                Origin(entry.origin).name.lower(),
                _sender_text(senders.find(entry.sender)),
                None if entry.digest is None else bytes(entry.digest).hex(),
            )

    def _stays(self) -> Iterator[Row]:
        for stay in self._subjects.stays(self.subject):
            yield _stay(stay, counts=True)
        for stay in self._subjects.pending_stays(self.subject):
            yield _stay(stay, counts=False)

    def _meetings(self) -> Iterator[Row]:
        for row in self._subjects.meetings(self.subject):
            yield ExportedMeeting(
                row.id, row.room, format_timestamp(row.start), _time(row.end), _seconds(row.start, row.end)
            )

    def _exclusions(self) -> Iterator[Row]:
        for row in self._subjects.excluded_participants(self.subject):
            yield ExportedExclusion(
                row.room,
                format_timestamp(row.at),
                KINDS[row.kind].value,
                row.role,
                row.participant_id,
                row.user_id or None,
                row.user_name or None,
            )

    def _messages(self) -> Iterator[Message]:
        position = 0
        while page := self._store.messages.after(position, domain=self.subject.domain, types=_MESSAGES):
            position = page[-1].position
            for message in page:
                payload = msgspec.json.decode(message.payload)
                if self.subject.has(message.room, payload["participant_id"], payload["user_id"]):
                    yield message

    def _deliveries(self) -> Iterator[Row]:
        endpoints = self._store.endpoints.all(self.subject.domain)
        messages = self._messages() if endpoints else iter(())
        while page := [message.position for message in islice(messages, _MESSAGES_PER_PAGE)]:
            for endpoint in endpoints:
                for delivery in reversed(self._store.deliveries.of_messages(endpoint.uuid, page)):
                    yield from _attempts(endpoint, delivery)

    def _dead_letters(self) -> Iterator[Row]:
        senders = self._store.sources.senders(self.subject.domain)
        sources = {token: one.name for token, one in senders.all() if one.kind is SenderKind.SOURCE}
        after, texts = 0, None
        while page := self._store.sources.dead_letters(after, _DEAD_LETTERS):
            after = page[-1].number
            texts = texts or self._texts()
            for one in page:
                name = sources.get(one.token)
                content = one.url, *one.headers.values(), one.body.decode(errors="replace"), one.reason
                if name is not None and texts.found_in(*content):
                    yield ExportedDeadLetter(one.number, name, format_timestamp(one.received))

    def _texts(self) -> PersonalTexts:
        """Return the texts by which a dead letter may mention the person."""
        texts = {self.selector.value}.union(*self.subject.participants.values())
        for entry in self._subjects.entries(self.subject):
            texts |= personal_texts(entry.user_id, entry.user_name, entry.attributes)
        return PersonalTexts(texts)

    def _shares(self) -> Iterator[Row]:
        shares = self._store.access_tokens.shares(self.subject.domain, self._now)
        if not shares:
            return
        attended = self.attended_meetings()
        for share in shares:
            if _shows(share, attended, self.subject):
                yield ExportedShare(
                    share.name,
                    share.subject_kind or "",
                    share.subject or "",
                    not share.masked,
                    format_timestamp(share.created),
                    format_timestamp(share.expires),
                )

    def _accesses(self) -> Iterator[Row]:
        for subject in self._access_subjects():
            wanted, after = AccessFilter(subject_type=subject.type, subject=subject.id), None
            while page := self._store.access_log.page(self.subject.domain, wanted, _ACCESSES, after=after):
                after = page[-1].number
                for one in page:
                    yield ExportedAccess(
                        format_timestamp(one.at),
                        one.access.action.value,
                        one.access.actor.type.value,
                        one.access.detail,
                        one.requests,
                    )

    def _access_subjects(self) -> Iterator[Subject]:
        """Yield what stands for the person in the access log, which has pseudonyms of participants."""
        domain, log, after = self.subject.domain, self._store.access_log, ""
        if self.selector.kind is SelectorKind.USER_ID:
            yield self.selector.subject
        pseudonym = pseudonyms_of(self._store.database).participant
        ids = set().union(*self.subject.participants.values(), {self.selector.value})
        names = {pseudonym(domain, "", one) for one in ids} | ids
        while page := log.subjects(domain, SubjectType.PARTICIPANT, after=after):
            after = page[-1]
            yield from (Subject(SubjectType.PARTICIPANT, one) for one in page if one in names)


def as_json(export: PersonExport) -> Iterator[bytes]:
    """Yield the export as one JSON object with an array for each table."""
    return _json_of(export.head(), export.tables())


def _json_of(head: dict[str, Any], tables: Iterable[PersonTable]) -> Iterator[bytes]:
    yield _encode(head)[:-1]
    for table in tables:
        yield f',"{table.name}":['.encode()
        for number, row in enumerate(table.rows):
            yield b"," + _encode(row) if number else _encode(row)
        yield b"]"
    yield b"}\n"


def write_zip(export: PersonExport, file: IO[bytes]) -> None:
    """Write the export to a file as a ZIP archive."""
    with TemporaryDirectory(prefix="headcount-") as folder, ZipFile(file, "w", ZIP_DEFLATED) as archive:
        for path in write_files(export, Path(folder)):
            archive.write(path, path.name)


def write_person(export: PersonExport, out: Path) -> list[Path]:
    """Write the export to a ZIP archive, or to a directory if the name does not end in `.zip`. Raise `CannotWrite`."""
    is_zip = out.suffix.lower() == ".zip"
    target = out.parent if is_zip else out
    try:
        target.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".headcount-", dir=target) as folder:
            if is_zip:
                temporary = Path(folder) / out.name
                with temporary.open("wb") as file:
                    write_zip(export, file)
                return [temporary.replace(out)]
            return [path.replace(out / path.name) for path in write_files(export, Path(folder))]
    except OSError as error:
        raise CannotWrite(str(out), error.strerror or str(error)) from error


def write_files(export: PersonExport, folder: Path) -> list[Path]:
    """Write the files of the export to a directory, and return them."""
    tables = (
        replace(table, rows=_written(table, folder / f"{table.name}.csv", export.counts))
        for table in export.tables()
    )
    with (folder / JSON_FILE).open("wb") as file:
        file.writelines(_json_of(export.head(), tables))
    (folder / README_FILE).write_text(_readme(export), "utf-8")
    return [folder / name for name in (README_FILE, JSON_FILE, *(f"{name}.csv" for name in TABLES))]


def _written(table: PersonTable, path: Path, counts: Counter[str]) -> Iterator[Row]:
    """Yield the rows of a table. Each is written to its CSV file and counted."""
    names = columns(table.type)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(_BYTE_ORDER_MARK)
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(names)
        for row in table.rows:
            writer.writerow([_cell(getattr(row, name)) for name in names])
            counts[table.name] += 1
            yield row


def _cell(value: Any) -> object:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return escape_formula(value)
        case Raw():
            text = bytes(value).decode()
            return "" if text == "null" else text
    return value


def _readme(export: PersonExport) -> str:
    head = export.head()
    lines = [
        f"Personal data that Headcount stores about {export.selector.description}",
        "",
        f"Domain:      {head['domain']}",
        f"Exported at: {head['exported_at']}",
        "",
        f"{JSON_FILE} has all tables. Each table is also a CSV file of its name.",
        "Times are RFC 3339 in UTC. In CSV files, a text that a spreadsheet would run as a formula begins with an apostrophe.",
        "Data of other people is excluded.",
    ]
    for name, table in TABLES.items():
        about = " ".join((table.__doc__ or "").split())
        lines += [
            "",
            f"{name}.csv ({export.counts[name]:,} {'row' if export.counts[name] == 1 else 'rows'})",
            f"  {about}",
        ]
        lines += [f"  {column}: {text.replace('`', '')}" for column, text in descriptions(table).items()]
    return "\n".join(lines) + "\n"


def _attempts(endpoint: Endpoint, delivery: MessageDeliveries) -> Iterator[Row]:
    place = delivery.id, endpoint.uuid, urlsplit(endpoint.url).hostname or ""
    if not delivery.attempts:
        yield ExportedDelivery(*place, None, delivered=False, status=None, response=None, error=None)
    for one in reversed(delivery.attempts):
        yield ExportedDelivery(
            *place, format_timestamp(one.at), bool(one.delivered), one.status, one.response, one.error
        )


def _archived_entry(event: Event) -> Row:
    return ExportedEntry(
        event.room,
        event.kind.value,
        format_timestamp(event.at),
        None,
        event.participant_id,
        event.user_id,
        event.user_name,
        _raw(event.attributes),
        _raw(None),
        event.source_session,
        _time(event.joined_at),
        None if event.inferred is None else event.inferred.value,
        event.id,
        None,
        None,
        None,
    )


def _correction(row: Correction) -> Row:
    return ExportedCorrection(
        row.room,
        format_timestamp(row.corrected),
        row.reason,
        row.late / 1_000,
        Raw(row.before_and_after.encode()),
    )


def _message(message: Message) -> Row:
    return ExportedMessage(
        message.id,
        message.type,
        message.room,
        format_timestamp(message.at),
        format_timestamp(message.created),
        Raw(message.payload.encode()),
    )


def _stay(stay: StayRow, *, counts: bool) -> Row:
    return ExportedStay(
        stay.room,
        format_timestamp(stay.join),
        _time(stay.leave),
        _seconds(stay.join, stay.leave),
        stay.left_by,
        stay.participant_id,
        stay.user_id or None,
        stay.user_name or None,
        _raw(stay.attributes),
        counts,
    )


def _shows(share: AccessToken, attended: set[str], subject: DataSubject) -> bool:
    if share.subject_kind is SubjectKind.MEETING:
        return share.subject in attended
    return share.subject in subject.participants


def _sender_text(sender: Sender | None) -> str | None:
    return None if sender is None else f"{sender.kind} {sender.name}"


def _raw(text: Attributes | str | None) -> Raw:
    return Raw(b"null" if text is None else text.encode())


def _time(at: Ms | None) -> str | None:
    return None if at is None else format_timestamp(at)


def _seconds(start: Ms, end: Ms | None) -> float | None:
    return None if end is None else (end - start) / 1_000
