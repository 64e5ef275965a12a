"""Prose lint: words and forms that the product does not use, in everything that a user reads.

`python tests/support/prose.py [PATH ...]` lists the problems of files; without paths, of all of them.
"""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
ALLOWED = tomllib.loads((ROOT / "tests/prose_allowed.toml").read_text())["allowed"]
MAX_WORDS = 30
MAX_SEMICOLONS = 1

BANNED = {
    r"tell(s|ing)?|told": "show, print, report, send",
    r"hears?|heard|hearing": "receive",
    r"says?|said|saying": "report, state, show, contain",
    r"mend(s|ed|ing)?": "fix, repair",
    r"anew": "again",
    r"befell|befalls?|fares?|fared": "happened to",
    r"whoever|whosoever|whom": "anyone who, a subject",
    r"what becomes of": "what happens to",
    r"so long|so many|so much": "for, up to, the number of",
    r"now and again": "occasionally",
    r"front door": "API",
    r"(?<!dead )(?<!dead-)letters": "dead letters",
    r"gone": "deleted, expired, has left",
    r"taken": "accepted, stored",
    r"kept": "stored, retained",
    r"worked in|works? (it|them) in|working in": "processed",
    r"made[- ]up": "generated",
    r"by (itself|themselves)": "automatically",
    r"at most at once": "peak",
    r"person time": "participant-minutes",
    r"ghosts?": "possibly stale",
    r"bystanders?": "excluded participants",
    r"revive[sd]?|reviving": "re-enable",
    r"parked": "failed",
    r"settl(es|ed|ing)": "finalized, late grace period",
    r"void": "too short",
    r"guess(es|ed|ing)?": "inferred",
    r"in doubt": "unconfirmed",
    r"overturn(s|ed)?": "overridden",
    r"superseded?": "replaced",
    r"take along": "export",
    r"walk[- ]?ins?": "unexpected",
    r"no[- ]shows?": "absent",
    r"just now": "right now",
    r"nought|hence|thus|thereby|wherein|whereof|thereof|whence|alas": "a plain word",
    r"keep house": "periodic maintenance",
    r"left out": "skipped, excluded",
    r"we|our|ours|us|ourselves": "Headcount, you",
}
_BANNED = [
    (re.compile(rf"(?<![\w-])(?:{words})(?![\w-])", re.IGNORECASE), use) for words, use in BANNED.items()
]
_CODE = re.compile(r"^ *(```|~~~).*?^ *\1", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`[^`]*`|\]\([^)]*\)|https?://\S+|<[^>]+>|\{[^}]*\}")
_FORMAT = re.compile(r"%\(\w+\)s|\{[^{}]*\}|'[^' ]+'")


class Problem(NamedTuple):
    """A place and what to write there."""

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}"


def texts_of(path: Path) -> Iterator[tuple[int, str, bool]]:
    """Yield line, text, and whether the length of its sentences counts."""
    source = path.read_text("utf-8")
    if path.suffix == ".md":
        yield from _markdown(source)
    elif path.suffix == ".toml":
        yield from (
            (number, line.partition("=")[2], True) for number, line in enumerate(source.splitlines(), 1)
        )
    elif path.suffix == ".html":
        yield from (
            (number, re.sub(r"\{[{%#].*?[}%#]\}|<[^>]*>", " ", line), False)
            for number, line in enumerate(source.splitlines(), 1)
        )
    elif path.suffix == ".py":
        yield from (
            (node.lineno, node.value, False)
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and " " in node.value
            and not re.match(r"\s*(select|insert|update|delete|create|with|where|and) ", node.value)
        )


def _markdown(source: str) -> Iterator[tuple[int, str, bool]]:
    """Yield paragraphs without code. Tables and headings count for words only."""
    blank = _CODE.sub(lambda match: "\n" * match[0].count("\n"), source)
    start, paragraph = 1, ""
    for number, line in enumerate([*blank.split("\n"), ""], 1):
        starts = re.match(r"\s*([-*+]|\d+\.|>|#+|\|)\s", line) or line.startswith("|")
        if (not line.strip() or starts) and paragraph:
            yield start, paragraph, not paragraph.lstrip().startswith(("|", "#"))
            paragraph = ""
        if line.strip():
            start = start if paragraph else number
            paragraph = f"{paragraph}\n{line}" if paragraph else line


def problems_of(path: Path) -> Iterator[Problem]:
    """Yield the problems of a file."""
    name = str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name
    for start, text, is_prose in texts_of(path):
        bare = (
            _INLINE.sub(lambda match: "x" + "\n" * match[0].count("\n"), text)
            if path.suffix == ".md"
            else _FORMAT.sub("x", text)
        )
        for phrase in ALLOWED:
            bare = re.sub(re.escape(phrase).replace(r"\ ", r"\s+"), "x", bare, flags=re.IGNORECASE)
        for pattern, use in _BANNED:
            for match in pattern.finditer(bare):
                line = start + bare.count("\n", 0, match.start())
                if match[0] in ("US", "WE"):
                    continue
                yield Problem(name, line, f"'{match[0]}': write {use}")
        if is_prose:
            for sentence in re.split(r"(?<=[.!?:])[\s*_)\"]+(?=[A-Z`x*\[])", bare):
                number = len(re.findall(r"[\w`'-]*\w[\w`'-]*", sentence))
                if number > MAX_WORDS:
                    yield Problem(
                        name, start, f"sentence of {number} words: {' '.join(sentence.split())[:60]}…"
                    )
                if sentence.count(";") > MAX_SEMICOLONS:
                    yield Problem(name, start, f"chain of semicolons: {' '.join(sentence.split())[:60]}…")


def all_files() -> list[Path]:
    """Return every file that the lint covers."""
    return sorted(
        path
        for pattern in (
            "*.md",
            "docs/**/*.md",
            "src/headcount/**/*.py",
            "src/headcount/dashboard/texts/**/*.toml",
            "src/headcount/**/*.html",
        )
        for path in ROOT.glob(pattern)
    )


def main() -> None:
    """Print the problems of the files or folders that are named, and exit with 1 if there are any."""
    chosen = [Path(name).resolve() for name in sys.argv[1:]] or [ROOT]
    found = [
        problem
        for path in all_files()
        if any(path == one or one in path.parents for one in chosen)
        for problem in problems_of(path)
    ]
    sys.stdout.writelines(f"{problem}\n" for problem in found)
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
