"""Names of domains and rooms: the character that they must not contain.

Responsible for rejecting U+0000, which separates the parts of the text that a meeting's id is made of (R16).
With it in a name, two rooms could have one id. Must not know where names come from.
"""

NUL = "\0"


class InvalidName(ValueError):
    """A domain or room name that cannot be used. The message gives the reason and the fix."""


def nul_message(field: str) -> str:
    """Return the error message for a text that contains U+0000; `field` names the text."""
    return f"{field} contains the character U+0000: remove it"


def require_names(domain: str, room: str) -> None:
    """Raise `InvalidName` if domain or room contains U+0000."""
    if NUL in domain:
        raise InvalidName(nul_message("domain"))
    if NUL in room:
        raise InvalidName(nul_message("room"))
