"""Access log of requests and commands: which route is which action, and when its entry is written.

Every route is in one of the tables below. A route that is in none is recorded as `other` if its request has an actor, and a
test fails. Responsible for these tables. Must not know how a request is answered, nor who may send it.
"""

import getpass
from collections.abc import Awaitable, Mapping, MutableMapping
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs

import structlog

from headcount.kernel.events import Ms
from headcount.store.access_log import (
    READS,
    AccessEntry,
    AccessRecord,
    Action,
    Actor,
    ActorType,
    Subject,
    SubjectType,
    stored_text,
)
from headcount.store.database import StoreError, StoreTimeout, in_thread
from headcount.store.open import Store
from headcount.telemetry.access_recorder import ACTION, ACTOR, SUBJECT, AccessRecorder

log = structlog.get_logger("headcount")


class Rule(NamedTuple):
    """The action of a route, and the places of its subject: parameters of the path or of the query, the first that is given."""

    action: Action
    in_path: tuple[SubjectType, str] | None = None
    in_query: tuple[tuple[SubjectType, str], ...] = ()


_LIST: Final = Rule(Action.MEETING_LIST, in_query=((SubjectType.USER, "user_id"), (SubjectType.ROOM, "room")))
_MEETING: Final = Rule(Action.MEETING_READ, (SubjectType.MEETING, "id"))
_IN_ROOM: Final = ((SubjectType.ROOM, "room"),)
_ROOM: Final = (SubjectType.ROOM, "room")
_WEBHOOK: Final = (SubjectType.WEBHOOK, "uuid")

API: Final[Mapping[str, Rule | None]] = {
    "GET /meetings": _LIST,
    "GET /meetings/{id}": _MEETING,
    "GET /meetings/{id}/participants": _MEETING,
    "GET /meetings/{id}/explain": _MEETING,
    "GET /meetings/{id}/attendance": _MEETING,
    "POST /meetings/{id}/attendance": _MEETING,
    "GET /meetings/{id}/together": _MEETING,
    "GET /users/{user}/meetings": Rule(Action.PERSON_READ, (SubjectType.USER, "user")),
    "GET /usage": Rule(Action.USAGE_READ, in_query=_IN_ROOM),
    "GET /concurrency": Rule(Action.USAGE_READ, in_query=_IN_ROOM),
    "GET /presence": Rule(Action.PRESENCE_READ),
    "GET /rooms/{room}/presence": Rule(Action.PRESENCE_READ, _ROOM),
    "GET /rooms": Rule(Action.ROOM_LIST),
    "GET /rooms/{room}": Rule(Action.ROOM_READ, _ROOM),
    "GET /stream": Rule(Action.STREAM_OPEN, in_query=_IN_ROOM),
    "GET /webhooks": Rule(Action.WEBHOOK_READ),
    "POST /webhooks": Rule(Action.WEBHOOK_CREATE),
    "GET /webhooks/{uuid}": Rule(Action.WEBHOOK_READ, _WEBHOOK),
    "POST /webhooks/{uuid}": Rule(Action.WEBHOOK_UPDATE, _WEBHOOK),
    "PATCH /webhooks/{uuid}": Rule(Action.WEBHOOK_UPDATE, _WEBHOOK),
    "DELETE /webhooks/{uuid}": Rule(Action.WEBHOOK_DELETE, _WEBHOOK),
    "GET /webhooks/{uuid}/secrets": Rule(Action.WEBHOOK_READ, _WEBHOOK),
    "PUT /webhooks/{uuid}/secrets": Rule(Action.WEBHOOK_UPDATE, _WEBHOOK),
    "GET /webhooks/{uuid}/deliveries": Rule(Action.WEBHOOK_READ, _WEBHOOK),
    "POST /webhooks/{uuid}/resend": Rule(Action.WEBHOOK_SEND, _WEBHOOK),
    "POST /webhooks/{uuid}/test": Rule(Action.WEBHOOK_SEND, _WEBHOOK),
    "POST /privacy/export": Rule(Action.PRIVACY_EXPORT),
    "POST /privacy/erasures": Rule(Action.PRIVACY_ERASE),
    "GET /privacy/erasures": Rule(Action.PRIVACY_READ),
    "GET /privacy/erasures/{number}": Rule(Action.PRIVACY_READ),
    "GET /privacy/retention": Rule(Action.PRIVACY_READ),
    "PUT /privacy/retention": Rule(Action.RETENTION_UPDATE),
    "DELETE /privacy/retention": Rule(Action.RETENTION_UPDATE),
    "GET /privacy/retention/preview": Rule(Action.PRIVACY_READ),
    "GET /privacy/holds": Rule(Action.PRIVACY_READ),
    "POST /privacy/holds": Rule(Action.HOLD_CREATE),
    "DELETE /privacy/holds/{number}": Rule(Action.HOLD_DELETE),
    "GET /privacy/minimal": Rule(Action.PRIVACY_READ),
    "PUT /privacy/minimal": Rule(Action.RETENTION_UPDATE),
    "GET /access-log": Rule(Action.ACCESS_LOG_READ),
    "GET /health/rooms": None,
    "GET /health/completeness": None,
    "GET /key": None,
    "POST /events": None,
    "POST /rooms/{room}/snapshot": None,
    "POST /ingest/{kind}/{token}": None,
}
"""The operations of the REST API by method and path, without the prefix. Those with None read no meetings and no people."""

_LIVE: Final = Rule(Action.PRESENCE_READ)
_MEETINGS: Final = ((SubjectType.USER, "user"), (SubjectType.ROOM, "room"))
_ROOM_PAGE: Final = ((SubjectType.ROOM, "name"),)
_PERSON_PAGE: Final = ((SubjectType.USER, "id"),)
_EXPORTED_MEETING: Final = Rule(Action.EXPORT, (SubjectType.MEETING, "id"))
_SEARCH: Final = Rule(Action.PERSON_SEARCH)
_ENDPOINT: Final = Rule(Action.WEBHOOK_UPDATE, _WEBHOOK)
_SHARED: Final = Rule(Action.SHARE_OPEN)

PAGES: Final[Mapping[str, Rule | None]] = {
    "GET ": _LIVE,
    "GET /live.json": _LIVE,
    "GET /live/rooms": _LIVE,
    "GET /live/first-event": None,
    "GET /live/ingest-key": _LIVE,
    "POST /live/ingest-key": Rule(Action.KEY_CREATE),
    "GET /updates": None,
    "GET /meetings": Rule(Action.MEETING_LIST, in_query=_MEETINGS),
    "GET /meetings.json": Rule(Action.MEETING_LIST, in_query=_MEETINGS),
    "GET /meetings.csv": Rule(Action.EXPORT, in_query=_MEETINGS),
    "GET /meetings.xlsx": Rule(Action.EXPORT, in_query=_MEETINGS),
    "GET /meetings/{id}": _MEETING,
    "GET /meetings/{id}.json": _MEETING,
    "GET /meetings/{id}.csv": _EXPORTED_MEETING,
    "GET /meetings/{id}.xlsx": _EXPORTED_MEETING,
    "GET /meetings/{id}.ics": _EXPORTED_MEETING,
    "GET /meetings/{id}/at": _MEETING,
    "GET /meetings/{id}/rows": _MEETING,
    "GET /meetings/{id}/timeline": _MEETING,
    "GET /meetings/{id}/print": _MEETING,
    "GET /meetings/{id}/attendance": _MEETING,
    "POST /meetings/{id}/attendance": _MEETING,
    "GET /room": Rule(Action.ROOM_READ, in_query=_ROOM_PAGE),
    "GET /room.json": Rule(Action.ROOM_READ, in_query=_ROOM_PAGE),
    "GET /room.ics": Rule(Action.EXPORT, in_query=_ROOM_PAGE),
    "GET /person": Rule(Action.PERSON_READ, in_query=_PERSON_PAGE),
    "GET /person.json": Rule(Action.PERSON_READ, in_query=_PERSON_PAGE),
    "GET /person.csv": Rule(Action.EXPORT, in_query=_PERSON_PAGE),
    "GET /person.xlsx": Rule(Action.EXPORT, in_query=_PERSON_PAGE),
    "GET /person.ics": Rule(Action.EXPORT, in_query=_PERSON_PAGE),
    "GET /search": _SEARCH,
    "GET /search/people": _SEARCH,
    "GET /search/suggestions": _SEARCH,
    "GET /usage": Rule(Action.USAGE_READ, in_query=_IN_ROOM),
    "GET /usage/rooms": Rule(Action.USAGE_READ, in_query=_IN_ROOM),
    "GET /usage.json": Rule(Action.USAGE_READ, in_query=_IN_ROOM),
    "GET /usage.csv": Rule(Action.EXPORT, in_query=_IN_ROOM),
    "GET /usage.xlsx": Rule(Action.EXPORT, in_query=_IN_ROOM),
    "GET /privacy": Rule(Action.PRIVACY_READ),
    "GET /privacy.zip": Rule(Action.PRIVACY_EXPORT),
    "GET /privacy/erasures": Rule(Action.PRIVACY_READ),
    "POST /privacy/erasures": Rule(Action.PRIVACY_ERASE),
    "GET /access-log": Rule(Action.ACCESS_LOG_READ),
    "GET /access-log.csv": Rule(Action.ACCESS_LOG_READ),
    "GET /health": None,
    "GET /health.json": None,
    "GET /health/engine": None,
    "GET /health/dead-letters": None,
    "POST /health/dead-letters": None,
    "GET /shares": None,
    "POST /shares": Rule(Action.SHARE_CREATE),
    "POST /shares/revoke": Rule(Action.SHARE_REVOKE),
    "GET /settings": None,
    "GET /settings.json": None,
    "GET /settings/keys": None,
    "POST /settings/keys": Rule(Action.KEY_CREATE),
    "POST /settings/keys/revoke": Rule(Action.KEY_REVOKE),
    "GET /settings/links": None,
    "POST /settings/links": Rule(Action.SIGN_IN_LINK_CREATE),
    "POST /settings/sign-ins/revoke": Rule(Action.SESSION_REVOKE),
    "GET /settings/theme": None,
    "POST /settings/theme": None,
    "POST /settings/time-zone": None,
    "GET /settings/webhooks": None,
    "POST /settings/webhooks": Rule(Action.WEBHOOK_CREATE),
    "GET /settings/webhooks/{uuid}": Rule(Action.WEBHOOK_READ, _WEBHOOK),
    "POST /settings/webhooks/{uuid}": _ENDPOINT,
    "GET /settings/webhooks/{uuid}/test": Rule(Action.WEBHOOK_READ, _WEBHOOK),
    "POST /settings/webhooks/{uuid}/test": Rule(Action.WEBHOOK_SEND, _WEBHOOK),
    "POST /settings/webhooks/{uuid}/enable": _ENDPOINT,
    "POST /settings/webhooks/{uuid}/resend": Rule(Action.WEBHOOK_SEND, _WEBHOOK),
    "POST /settings/webhooks/{uuid}/secrets": _ENDPOINT,
    "POST /settings/webhooks/{uuid}/secrets/remove": _ENDPOINT,
    "POST /settings/webhooks/{uuid}/delete": Rule(Action.WEBHOOK_DELETE, _WEBHOOK),
    "GET /sign-in": None,
    "POST /sign-in": Rule(Action.SIGN_IN),
    "GET /sign-out": None,
    "POST /sign-out": Rule(Action.SIGN_OUT),
    "GET /shared/{token}": _SHARED,
    "GET /shared/{token}/meetings/{id}": _SHARED,
    "GET /shared/{token}/attendance": _SHARED,
    "POST /shared/{token}/attendance": _SHARED,
    "GET /shared/{token}/meetings/{id}/attendance": _SHARED,
    "POST /shared/{token}/meetings/{id}/attendance": _SHARED,
    "GET /assets/{name}": None,
    "GET /{rest}": None,
    "POST /{rest}": None,
}
"""The pages of the dashboard by method and path, in the same form."""

OPEN: Final = ("/", "/healthz", "/readyz", "/metrics", "/version", "/openapi.json", "/docs", "/llms.txt")
"""Routes that need no key and show no meetings."""
_OTHER: Final = Rule(Action.OTHER)


class RequestAccess:
    """Records requests when their answers start. `prefix` is that of the REST API."""

    def __init__(self, recorder: AccessRecorder, prefix: str, timeout_s: float) -> None:
        self._recorder = recorder
        self._timeout_s = timeout_s
        tables = ((prefix, API), ("/dashboard", PAGES))
        self._rules = {
            (method, f"{base}{path}"): rule
            for base, table in tables
            for (method, _, path), rule in ((name.partition(" "), rule) for name, rule in table.items())
        } | {("GET", path): None for path in OPEN}
        self._known: dict[tuple[str, str], tuple[Rule | None, str]] = {}

    def on_answer(self, scope: MutableMapping[str, Any], status: int) -> Awaitable[None] | None:
        """Record a request that succeeds. Return what must be awaited before the answer, if anything must."""
        if status >= 400 or ACTOR not in scope:
            return None
        rule, detail = self._rule(scope["method"], scope.get("headcount.route", ""))
        if rule is None:
            return None
        domain, actor = scope[ACTOR]
        client = scope["client"]
        action = scope.get(ACTION, rule.action)
        access = AccessRecord(
            domain, actor, action, _subject(scope, rule), client[0] if client else "", detail
        )  # fmt: skip
        if action not in READS:
            return self._write(access)
        self._recorder.record(access)
        return None

    def _rule(self, method: str, route: str) -> tuple[Rule | None, str]:
        """Return the rule of a route, and its name in entries."""
        known = self._known.get((method, route))
        if known is None:
            verb = "GET" if method == "HEAD" else method
            name = route.replace(":name}", "}").replace(":path}", "}")
            known = self._known[method, route] = (self._rules.get((verb, name), _OTHER), f"{verb} {name}")
        return known

    async def _write(self, access: AccessRecord) -> None:
        try:
            await in_thread(self._timeout_s, self._recorder.write, access)
        except StoreTimeout as error:  # the thread goes on
            log.warning("an entry of the access log is written late", reason=str(error))


def record_command(
    store: Store, now: Ms, domain: str, action: Action, command: str, subject: Subject | None = None
) -> None:
    """Record what a command did, as the user of the machine who runs it. If the store does not accept it, log that."""
    access = AccessRecord(domain, Actor(ActorType.COMMAND_LINE, _user()), action, subject, "", command)
    try:
        store.access_log.add([AccessEntry(None, now, access)])
    except StoreError as error:
        log.warning("the access log does not have this command", reason=str(error))


def _user() -> str:
    try:
        return stored_text(getpass.getuser())
    except (OSError, KeyError):  # a container may have no name for its user
        return "unknown"


def _subject(scope: MutableMapping[str, Any], rule: Rule) -> Subject | None:
    if SUBJECT in scope:
        kind, name = scope[SUBJECT]
        return Subject(kind, stored_text(name))
    if rule.in_path is not None:
        kind, name = rule.in_path
        return Subject(kind, stored_text(scope["path_params"][name]))
    if rule.in_query and scope["query_string"]:
        query = parse_qs(scope["query_string"].decode("latin-1"))
        for kind, name in rule.in_query:
            if name in query:
                return Subject(kind, stored_text(query[name][0]))
    return None
