"""Access log: who read meetings and people, signed in, exported, erased, or changed keys, and when.

Responsible for the entries: writing, finding, renaming and deleting them. Must not know which request is which action.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final, NamedTuple

from headcount.kernel.events import Ms
from headcount.store.database import Connection, Database
from headcount.store.pseudonyms import Pseudonymizer, pseudonyms_of

_MAX_TEXT_BYTES: Final = 1_024
"""The limit of a name. An index of PostgreSQL has at most 2,700 bytes."""
_STEP: Final = 1_000
"""Entries that one transaction deletes or renames: others wait for it."""
_COLUMNS: Final = "number, domain, at_ms, actor_kind, actor, actor_name, action, subject_kind, subject, address, detail, requests"
_KNOWN_USERS: Final = """
with given (domain, user_id) as ({keys})
select g.domain, g.user_id
from given as g
where exists (select 1 from stays as s where s.domain = g.domain and s.user_id = g.user_id)
"""
"""Served by `stays_by_user`."""


class Action(StrEnum):
    """What was done. The part before the dot is the object, the part after it the verb."""

    SIGN_IN = "sign_in"
    SIGN_OUT = "sign_out"
    MEETING_LIST = "meeting.list"
    MEETING_READ = "meeting.read"
    PERSON_READ = "person.read"
    PERSON_SEARCH = "person.search"
    PRESENCE_READ = "presence.read"
    ROOM_LIST = "room.list"
    ROOM_READ = "room.read"
    USAGE_READ = "usage.read"
    STREAM_OPEN = "stream.open"
    EXPORT = "export"
    SHARE_OPEN = "share.open"
    SHARE_CREATE = "share.create"
    SHARE_REVOKE = "share.revoke"
    KEY_CREATE = "key.create"
    KEY_REVOKE = "key.revoke"
    SIGN_IN_LINK_CREATE = "sign_in_link.create"
    SESSION_REVOKE = "session.revoke"
    SOURCE_CREATE = "source.create"
    SOURCE_UPDATE = "source.update"
    SOURCE_DELETE = "source.delete"
    WEBHOOK_READ = "webhook.read"
    WEBHOOK_CREATE = "webhook.create"
    WEBHOOK_UPDATE = "webhook.update"
    WEBHOOK_DELETE = "webhook.delete"
    WEBHOOK_SEND = "webhook.send"
    ENCRYPTION_KEY_ROTATE = "encryption_key.rotate"
    ENCRYPTION_KEY_RESET = "encryption_key.reset"
    PRIVACY_READ = "privacy.read"
    PRIVACY_EXPORT = "privacy.export"
    PRIVACY_ERASE = "privacy.erase"
    PRIVACY_PSEUDONYMIZE = "privacy.pseudonymize"
    RETENTION_UPDATE = "retention.update"
    HOLD_CREATE = "hold.create"
    HOLD_DELETE = "hold.delete"
    ACCESS_LOG_READ = "access_log.read"
    ACCESS_LOG_DROP = "access_log.drop"
    OTHER = "other"


READS: Final = frozenset(
    {
        Action.MEETING_LIST, Action.MEETING_READ, Action.PERSON_READ, Action.PERSON_SEARCH, Action.PRESENCE_READ,
        Action.ROOM_LIST, Action.ROOM_READ, Action.USAGE_READ, Action.STREAM_OPEN, Action.SHARE_OPEN, Action.WEBHOOK_READ,
        Action.PRIVACY_READ, Action.ACCESS_LOG_READ, Action.OTHER,
    }
)  # fmt: skip
"""Actions that change nothing and export nothing. They are written within a second, and all others before their answer."""


class ActorType(StrEnum):
    """Who did it: an API key, a session of the dashboard, a visitor with a shared link, a command, or Headcount."""

    KEY = "key"
    SESSION = "session"
    SHARE = "share"
    COMMAND_LINE = "command_line"
    SYSTEM = "system"


class SubjectType(StrEnum):
    """What it was done to."""

    MEETING = "meeting"
    ROOM = "room"
    USER = "user"
    PARTICIPANT = "participant"
    ATTRIBUTE = "attribute"
    KEY = "key"
    SESSION = "session"
    SHARE = "share"
    SOURCE = "source"
    WEBHOOK = "webhook"


class Actor(NamedTuple):
    """Who did it. `id` is that of a key, or the beginning of a digest, or the name of a user of the machine."""

    type: ActorType
    id: str
    name: str = ""


class Subject(NamedTuple):
    """What it was done to."""

    type: SubjectType
    id: str


class AccessRecord(NamedTuple):
    """An access without its time. `detail` is the route or the command. It never has the values of a request."""

    domain: str
    actor: Actor
    action: Action
    subject: Subject | None = None
    address: str = ""
    detail: str = ""


class AccessEntry(NamedTuple):
    """An entry of the log: `requests` accesses that are alike, the first of them at `at`. `number` is None before it is stored."""

    number: int | None
    at: Ms
    access: AccessRecord
    requests: int = 1


@dataclass(frozen=True, slots=True)
class AccessFilter:
    """Which entries to list. A field that is None does not filter. Times are ms, and the end is exclusive."""

    since: Ms | None = None
    before: Ms | None = None
    actor: str | None = None
    action: Action | None = None
    subject_type: SubjectType | None = None
    subject: str | None = None


class AccessLog:
    """The entries of all domains."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pseudonyms: Pseudonymizer | None = None

    def add(self, entries: Sequence[AccessEntry]) -> None:
        """Add entries in one transaction.

        A pseudonym stands for a user without stays, and for any participant. A request about somebody who was erased, or who
        is in a data-minimal domain, must not store their id.
        """
        known = self._known_users(entries)
        rows = [_row(entry, self._stored_subject(entry.access, known)) for entry in entries]
        with self._database.writing() as connection:
            connection.write("insert_access", rows)

    def page(
        self, domain: str, wanted: AccessFilter, limit: int, *, after: int | None = None
    ) -> list[AccessEntry] | None:
        """Return entries of a domain, the newest first: those that follow the entry with the number `after`.

        Return None if the domain has no entry with this number. Entries about a person are found by the id and by the
        pseudonym.
        """
        names = self._names(domain, wanted)
        with self._database.reading() as connection:
            place = None
            if after is not None:
                row = connection.row("select_access_time", domain=domain, number=after)
                if row is None:
                    return None
                place = (int(row[0]), after)
            found = [
                _entry(*row)
                for name in names
                for row in select_entries(connection, domain, replace(wanted, subject=name), limit, place)
            ]
        return sorted(found, key=lambda entry: (entry.at, entry.number), reverse=True)[:limit]

    def subjects(self, domain: str, kind: SubjectType, *, after: str = "", limit: int = _STEP) -> list[str]:
        """Return the subjects of a type that follow a text, each once and in order."""
        with self._database.reading() as connection:
            rows = connection.rows(
                "select_access_subjects", domain=domain, kind=kind, after=after, limit=limit
            )
            return [subject for (subject,) in rows]

    def rename_subject(self, domain: str, kind: SubjectType, old: str, new: str) -> int:
        """Replace a subject, such as a user who was erased, in bounded transactions. Return the number of entries."""
        renamed = 0
        while True:
            with self._database.writing() as connection:
                some = connection.run(
                    "update_access_subject", domain=domain, kind=kind, old=stored_text(old), new=new, limit=_STEP
                )  # fmt: skip
            renamed += some
            if some < _STEP:
                return renamed

    def prune(self, before: Ms) -> int:
        """Delete entries that are older than a time, in bounded transactions, and return how many.

        Entries are numbered nearly in the order of their times, so this ends where there are no older ones.
        """
        with self._database.reading() as connection:
            (start,) = connection.row("select_oldest_access") or (0,)
        deleted = 0
        while True:
            with self._database.writing() as connection:
                some = connection.run("delete_old_access", start=start, until=start + _STEP, before=before)
            if not some:
                return deleted
            deleted += some
            start += _STEP

    def _names(self, domain: str, wanted: AccessFilter) -> list[str | None]:
        """Return the texts under which a subject is stored."""
        if wanted.subject is None:
            return [None]
        subject = stored_text(wanted.subject)
        kinds = (SubjectType.USER, SubjectType.PARTICIPANT)
        people = [
            self._pseudonym(domain, Subject(kind, subject))
            for kind in kinds
            if wanted.subject_type in (None, kind)
        ]
        return [*dict.fromkeys((subject, *people))]

    def _known_users(self, entries: Sequence[AccessEntry]) -> set[tuple[str, str]]:
        """Return those users that entries are about who have stays."""
        users = {
            (entry.access.domain, stored_text(entry.access.subject.id))
            for entry in entries
            if entry.access.subject is not None and entry.access.subject.type is SubjectType.USER
        }
        if not users:
            return users
        with self._database.reading() as connection:
            return {(domain, user) for domain, user in connection.lookup(_KNOWN_USERS, sorted(users))}

    def _stored_subject(self, access: AccessRecord, known: set[tuple[str, str]]) -> Subject | None:
        if access.subject is None:
            return None
        kind, name = access.subject
        subject = Subject(kind, stored_text(name))
        is_known_user = kind is SubjectType.USER and (access.domain, subject.id) in known
        if is_known_user or kind not in (SubjectType.USER, SubjectType.PARTICIPANT):
            return subject
        return Subject(kind, self._pseudonym(access.domain, subject))

    def _pseudonym(self, domain: str, subject: Subject) -> str:
        pseudonyms = self._pseudonyms = self._pseudonyms or pseudonyms_of(self._database)
        if subject.type is SubjectType.USER:
            return pseudonyms.user(domain, subject.id)
        return pseudonyms.participant(domain, "", subject.id)


def stored_text(text: str) -> str:
    """Return a text as the log stores it: without U+0000 and lone surrogates, and not longer than a name may be."""
    if text.isascii() and len(text) <= _MAX_TEXT_BYTES and "\0" not in text:
        return text
    encoded = text.replace("\0", "").encode("utf-8", "replace")
    return encoded[:_MAX_TEXT_BYTES].decode("utf-8", "ignore")


def select_entries(
    connection: Connection, domain: str, wanted: AccessFilter, limit: int, place: tuple[Ms, int] | None
) -> list[tuple[Any, ...]]:
    """Return the rows of a page. The statement is built here, because a condition that does not apply must be absent.

    The index of the rarest condition serves it. The others are expressions, so that they select no index.
    """
    values: dict[str, Any] = {"domain": domain, "limit": limit}
    equal = {"subject": wanted.subject, "actor": wanted.actor, "action": wanted.action}
    given = {
        column: stored_text(value) for column, value in {**equal, "subject_kind": wanted.subject_type}.items() if value
    }  # fmt: skip
    first = next((column for column in equal if column in given), None)
    if first == "action" and wanted.action in READS:
        first = None  # there are so many reads that the index by time finds them
    conditions = [
        f"{column} = :{column}" if column == first else f"{column} || '' = :{column}" for column in given
    ]
    if first == "action":
        conditions.append("is_read = 0")
    bounds = {"at_ms >= :since": ("since", wanted.since), "at_ms < :before": ("before", wanted.before)}
    for condition, (name, bound) in bounds.items():
        if bound is not None:
            conditions.append(condition)
            values[name] = bound
    if place is not None:
        conditions.append("(at_ms, number) < (:place_at, :place_number)")
        values["place_at"], values["place_number"] = place
    where = "".join(f" and {condition}" for condition in conditions)
    return connection.query(
        f"select {_COLUMNS} from access_log where domain = :domain{where} order by at_ms desc, number desc limit :limit",  # noqa: S608 - our own
        values | given,
    )


def _row(entry: AccessEntry, subject: Subject | None) -> tuple[Any, ...]:
    access = entry.access
    return (
        access.domain, entry.at, access.actor.type, access.actor.id, access.actor.name, access.action,
        None if subject is None else subject.type, None if subject is None else subject.id,
        access.address, access.detail, entry.requests,
        int(access.action in READS),
    )  # fmt: skip


def _entry(
    number: int, domain: str, at: Ms, actor_kind: str, actor: str, actor_name: str, action: str,
    subject_kind: str | None, subject: str | None, address: str, detail: str, requests: int,
) -> AccessEntry:  # fmt: skip
    about = None if subject_kind is None or subject is None else Subject(SubjectType(subject_kind), subject)
    who = Actor(ActorType(actor_kind), actor, actor_name)
    return AccessEntry(
        number, at, AccessRecord(domain, who, Action(action), about, address, detail), requests
    )
