"""Policy of erasures: who of those named in an entry is meant by a request.

Requests have hashes of what selects a person, so the ids of each entry are hashed and looked up.

Responsible for this decision, and for what is in memory about erased participants. Must not know how anybody is erased.
"""

from collections.abc import Iterator
from functools import partial

from headcount.kernel.attributes import canonical, texts_of
from headcount.kernel.events import Ms
from headcount.store.data_subjects import SelectorKind
from headcount.store.erasures import ErasedParticipant, Erasure
from headcount.store.pseudonyms import hash_selector
from headcount.store.records import SNAPSHOT, StoredEntry, listed_in


class ErasurePolicy:
    """The requests of one domain. `own_key` is the key of the store's hashes; other lists have theirs.

    `erased` are the participants of rooms, by room and pseudonym.
    """

    def __init__(self, domain: str, own_key: str) -> None:
        self._domain = domain
        self._own_key = own_key
        self._by_kind: dict[SelectorKind, dict[str, list[Erasure]]] = {kind: {} for kind in SelectorKind}
        self._attributes: set[str] = set()
        self._keys: set[str] = set()
        self.erased: dict[tuple[str, str], ErasedParticipant] = {}

    def add(self, erasure: Erasure) -> None:
        """Add a request."""
        self._by_kind[erasure.kind].setdefault(erasure.digest, []).append(erasure)
        self._keys.add(erasure.list_key or self._own_key)
        if erasure.attribute:
            self._attributes.add(erasure.attribute)

    def meant(self, who: str, user_id: str | None, attributes: str | None, at: Ms) -> Erasure | None:
        """Return the request that means somebody at a moment, if one does."""
        candidates: list[Erasure] = []
        users, participants, values = self._by_kind.values()
        for key in self._keys:
            digest = partial(hash_selector, key, self._domain)
            if user_id is not None and users:
                candidates += users.get(digest(SelectorKind.USER_ID, "", user_id), ())
            if participants:
                candidates += participants.get(digest(SelectorKind.PARTICIPANT_ID, "", who), ())
            if attributes is not None and self._attributes:
                for name, value in texts_of(attributes).items():
                    if name in self._attributes:
                        candidates += values.get(digest(SelectorKind.ATTRIBUTE, name, value), ())
        return next((one for one in candidates if at <= one.until), None)

    def covers(self, one: ErasedParticipant, user_id: str | None) -> bool:
        """Return whether what has a user id, or none, is about an erased participant."""
        if not one.users or user_id is None or user_id == one.user_pseudonym:
            return True
        users = one.users.split(",")
        return any(
            hash_selector(key, self._domain, SelectorKind.USER_ID, "", user_id) in users for key in self._keys
        )


def participants_of(entry: StoredEntry) -> Iterator[tuple[str, str | None, str | None]]:
    """Yield participant id, user id and attributes of everybody named in an entry."""
    if entry.kind == SNAPSHOT:
        for one in listed_in(entry.snapshot):
            yield one["participant_id"], one.get("user_id"), canonical(one.get("attributes") or {})
    elif entry.participant_id is not None:
        yield entry.participant_id, entry.user_id, entry.attributes
