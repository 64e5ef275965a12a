"""Cell: the domains that a cluster's database is for.

A cell is a topic, its live query and its database. If there are several, each has a rule that names its domains. It is in
the database, where everything that adds to a domain finds it.

Responsible for the rule and for refusing other domains. Must not know who adds to a domain.
"""

from functools import lru_cache
from typing import NamedTuple

from headcount.errors import BadInput
from headcount.store.database import Connection, StoreBusy
from headcount.store.patterns import matches


class WrongCell(StoreBusy):
    """A domain of another cell. What was sent to it is sent again until it reaches its own."""


class CellRule(NamedTuple):
    """Which domains a cell has: those that match a pattern, and no pattern after `!`. Without patterns, it has all.

    In a pattern, `*` is any text.
    """

    patterns: tuple[str, ...] = ()

    @classmethod
    def decode(cls, text: str) -> "CellRule":
        """Return the rule of a text with commas. Raise `BadInput` if it has only patterns after `!`."""
        rule = cls(tuple(pattern for part in text.split(",") if (pattern := part.strip())))
        if rule.patterns and all(pattern.startswith("!") for pattern in rule.patterns):
            raise BadInput(f"which domains does the cell have besides {text}? For all others, write *,{text}")
        return rule

    def encode(self) -> str:
        """Return the rule as a text."""
        return ",".join(self.patterns)

    def has(self, domain: str) -> bool:
        """Return whether the cell has a domain."""
        return _has(self, domain)

    def problem(self, domain: str) -> str | None:
        """Return why a domain is refused, or None."""
        if self.has(domain):
            return None
        return f"the domain '{domain}' is not in this cell, which has the domains {self.encode()}"


@lru_cache(maxsize=10_000)
def _has(rule: CellRule, domain: str) -> bool:
    excluded = [pattern[1:] for pattern in rule.patterns if pattern.startswith("!")]
    included = [pattern for pattern in rule.patterns if not pattern.startswith("!")]
    return not rule.patterns or (_matches(included, domain) and not _matches(excluded, domain))


def _matches(patterns: list[str], domain: str) -> bool:
    return any(matches(pattern, domain) for pattern in patterns)


def read_cell(connection: Connection) -> CellRule:
    """Return the rule of the cell; without a cluster, it has all domains."""
    row = connection.row("select_cell_domains")
    return CellRule() if row is None else CellRule.decode(row[0])


def require_cell(connection: Connection, domain: str) -> None:
    """Raise `BadInput` if a domain is one of another cell."""
    problem = read_cell(connection).problem(domain)
    if problem is not None:
        raise BadInput(f"{problem}: use the database of its own cell")
