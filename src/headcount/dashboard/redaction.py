"""Masking: entries of meetings as they are shown to whom names are none of their business.

Whatever a page makes of entries it makes of masked ones, so that nothing has to be left out later. Somebody is
the same 'Person 1' in all that a share shows, today and tomorrow; no id of theirs is left.
"""

from collections.abc import Callable, Iterable
from functools import partial

from headcount.dashboard.renderer import TEXTS
from headcount.kernel.meetings import Entry
from headcount.store.credentials import AccessToken, AccessTokens

Mask = Callable[[Iterable[Entry]], list[Entry]]


def mask_of(passes: AccessTokens, share: AccessToken) -> Mask:
    """What a share does to entries before they are shown. It reads the store, and may write to it."""
    return partial(masked, passes, share) if share.masked else as_they_are


def as_they_are(entries: Iterable[Entry]) -> list[Entry]:
    return list(entries)


def masked(passes: AccessTokens, share: AccessToken, entries: Iterable[Entry]) -> list[Entry]:
    """The entries with a number for a name; who came first gets the first that is free."""
    given = sorted(entries, key=lambda entry: (entry.join, entry.participant_id))
    numbers = passes.numbers(share, [_who(entry) for entry in given])
    return [_hidden(entry, TEXTS("shared.person", n=numbers[_who(entry)])) for entry in given]


def _hidden(entry: Entry, name: str) -> Entry:
    return entry._replace(participant_id=name, user_id=None, user_name=name)


def _who(entry: Entry) -> str:
    """Somebody, as `attending` tells people apart."""
    return f"u\0{entry.user_id}" if entry.user_id else f"p\0{entry.participant_id}"
