"""Names: what no text that names something may hold.

U+0000 stands between the parts of what a meeting's id is made of (R16). If a name held it, two
rooms could come to one id; so it is refused at every door, and nothing inside looks for it again.
"""

NUL = "\0"


class InvalidName(ValueError):
    """A domain or a room cannot be called that. The message says why, and what to do."""


def divided(what: str) -> str:
    """The sentence about a text that holds U+0000; `what` says which text it is."""
    return f"{what} holds the character U+0000: remove it"


def require_names(domain: str, room: str) -> None:
    """Raises `InvalidName` if the two cannot stand in one id."""
    if NUL in domain:
        raise InvalidName(divided("domain"))
    if NUL in room:
        raise InvalidName(divided("room"))
