"""Secrets in files: `NAME_FILE` names a file with the value of the variable NAME, as containers are given secrets.

Responsible for reading one value. Must not know what it is for.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from headcount.errors import BadInput

_FILE: Final = "_FILE"


def read_variable(variables: Mapping[str, str], name: str) -> tuple[str, str] | None:
    """Return the value of a variable, or of the file that NAME_FILE names, and which of both it was; None if neither is set.

    Raise `BadInput` if both are set, or if the file is empty or cannot be read.
    """
    by_file = f"{name}{_FILE}"
    if by_file not in variables:
        return (variables[name], name) if name in variables else None
    if name in variables:
        raise BadInput(f"is set in addition to {name}: remove one of them", where=by_file)
    path = variables[by_file]
    try:
        text = Path(path).read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        cause = error.strerror or str(error) if isinstance(error, OSError) else "it is not UTF-8"
        raise BadInput(
            f"{path or 'an empty path'} cannot be read: {cause.lower()}. Mount the file, and let the user of the server read it",
            where=by_file,
        ) from error
    if not text:
        raise BadInput(f"{path} is empty: write the value into it", where=by_file)
    return text, by_file
