"""Redaction: entries of meetings for shared links, without what the link must not show.

A link that hides names shows neither ids nor attributes, and a person is the same 'Person 1' on all of its pages, for as
long as the link exists. A link that shows names shows of the attributes the role and the kind only: others identify a
person or a customer. Pages build everything from redacted entries, so that nothing has to be removed later.

Responsible for what remains of an entry. Must not know how entries are shown.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from headcount.dashboard.renderer import TEXTS
from headcount.kernel.attributes import Attributes, canonical, values_of
from headcount.kernel.meetings import Entry
from headcount.store.credentials import AccessToken, AccessTokens

_PUBLIC: Final = frozenset({"role", "kind"})

Redact = Callable[[Iterable[Entry]], list[Entry]]


def redaction_of(passes: AccessTokens, share: AccessToken) -> Redact:
    """Return what a share does to entries before they are shown. It reads the store, and may write to it."""
    return partial(redact, passes, share) if share.masked else with_public_attributes


def redact(passes: AccessTokens, share: AccessToken, entries: Iterable[Entry]) -> list[Entry]:
    """Return the entries with a number instead of a name, in the order of joins; so are new numbers assigned."""
    by_join = sorted(entries, key=lambda entry: (entry.join, entry.participant_id))
    numbers = passes.participant_numbers(share, [_person_key(entry) for entry in by_join])
    return [_anonymous(entry, TEXTS("shared.person", n=numbers[_person_key(entry)])) for entry in by_join]


def _anonymous(entry: Entry, name: str) -> Entry:
    return entry._replace(participant_id=name, user_id=None, user_name=name, attributes=None)


def with_public_attributes(entries: Iterable[Entry]) -> list[Entry]:
    """Return the entries with the attributes that a shared link may show."""
    return [
        entry if entry.attributes is None else entry._replace(attributes=_public_attributes(entry.attributes))
        for entry in entries
    ]


def _public_attributes(attributes: Attributes) -> Attributes | None:
    return canonical({key: value for key, value in values_of(attributes).items() if key in _PUBLIC})


def _person_key(entry: Entry) -> str:
    """The identity of a person, as in `reporting.attendance`."""
    return f"u\0{entry.user_id}" if entry.user_id else f"p\0{entry.participant_id}"
