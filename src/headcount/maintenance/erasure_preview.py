"""Requests for erasures: how much each would change, and which legal holds prevent it.

Responsible for the numbers, and for refusing a request. Must not know how data are rewritten: the engine does that.
"""

from typing import Final, NamedTuple

from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.maintenance.erase import require_own_log
from headcount.maintenance.person_export import PersonExport
from headcount.store.data_subjects import Selector, SelectorKind
from headcount.store.erasures import Erasure, Mode, require_selector
from headcount.store.open import Store
from headcount.store.retention import HoldKind, LegalHold

_COUNTED: Final = {
    "entries": "log_entries",
    "stays": "stays",
    "messages": "messages",
    "corrections": "corrections",
    "delivery_attempts": "deliveries",
    "dead_letters": "dead_letters",
    "excluded_participants": "excluded_participants",
}
"""The tables of an export by the names that an erasure counts under."""


class ErasurePreview(NamedTuple):
    """How many rows an erasure would change, by name, and the legal holds that prevent it."""

    counts: dict[str, int]
    holds: list[LegalHold]


def preview_erasure(store: Store, domain: str, selector: Selector, now: Ms) -> ErasurePreview:
    """Return what an erasure would change now. Raise `BadInput` for a pseudonym, which cannot be erased."""
    require_selector(selector)
    export = PersonExport(store, domain, selector, now)
    participants = export.subject.participants
    rows = {
        table.name: sum(1 for _ in table.rows) for table in export.tables() if table.name in _COUNTED.values()
    }
    counts = {"rooms": len(participants), "participants": sum(map(len, participants.values()))}
    return ErasurePreview(
        counts | {name: rows[table] for name, table in _COUNTED.items()}, _holds(store, export)
    )


def request_erasure(
    store: Store, domain: str, selector: Selector, mode: Mode, now: Ms, requested_by: str
) -> Erasure:
    """Request the erasure of all events up to now. Raise `BadInput` if the person cannot be erased."""
    require_selector(selector)
    require_own_log(store)
    if store.retention.holds(domain, released=False):
        holds = _holds(store, PersonExport(store, domain, selector, now))
        if holds:
            reasons = ", ".join(f"{hold.number} ({hold.reason})" for hold in holds)
            raise BadInput(
                f"legal holds protect data of this person: {reasons}."
                " Release them first, with 'headcount privacy hold release NUMBER'"
            )
    return store.erasures.request(domain, selector, mode, now, now, requested_by)


def _holds(store: Store, export: PersonExport) -> list[LegalHold]:
    holds = store.retention.holds(export.subject.domain, released=False)
    kinds = {hold.kind for hold in holds}
    attended = export.attended_meetings() if HoldKind.MEETING in kinds else set[str]()
    is_user = export.selector.kind is SelectorKind.USER_ID
    protected = {
        HoldKind.MEETING: attended,
        HoldKind.ROOM: set(export.subject.participants),
        HoldKind.USER: {export.selector.value} if is_user else set[str](),
    }
    return [hold for hold in holds if hold.subject in protected[hold.kind]]
