"""Redaction: entries of meetings without names and ids, for shared links.

Responsible for giving a person the same 'Person 1' on all pages of a share, for as long as the share exists. Pages build
everything from redacted entries, so that nothing has to be removed later. Must not know how entries are shown.
"""

from collections.abc import Callable, Iterable
from functools import partial

from headcount.dashboard.renderer import TEXTS
from headcount.kernel.meetings import Entry
from headcount.store.credentials import AccessToken, AccessTokens

Redact = Callable[[Iterable[Entry]], list[Entry]]


def redaction_of(passes: AccessTokens, share: AccessToken) -> Redact:
    """Return what a share does to entries before they are shown. It reads the store, and may write to it."""
    return partial(redact, passes, share) if share.masked else list


def redact(passes: AccessTokens, share: AccessToken, entries: Iterable[Entry]) -> list[Entry]:
    """Return the entries with a number instead of a name, in the order of joins; so are new numbers assigned."""
    by_join = sorted(entries, key=lambda entry: (entry.join, entry.participant_id))
    numbers = passes.participant_numbers(share, [_person_key(entry) for entry in by_join])
    return [_anonymous(entry, TEXTS("shared.person", n=numbers[_person_key(entry)])) for entry in by_join]


def _anonymous(entry: Entry, name: str) -> Entry:
    return entry._replace(participant_id=name, user_id=None, user_name=name)


def _person_key(entry: Entry) -> str:
    """The identity of a person, as in `reporting.attendance`."""
    return f"u\0{entry.user_id}" if entry.user_id else f"p\0{entry.participant_id}"
