"""Feed: what pages want to know of the service that cannot be read in the store. The service fills it in."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from headcount.kernel.events import Ms
from headcount.store.sources import SourceStat


class Worked(NamedTuple):
    """What the engine of this process has seen since it started."""

    entries: int
    rounds: int
    commit_s: float
    late: int
    corrections: int
    repeated: int
    orphans: int


class Counts(NamedTuple):
    """How this process fares. `worked` is None where another process runs the engine.

    `behind` is how many entries the engine has not come to, and `behind_s` how long the oldest of them has waited.
    `failures` are rounds that the store refused, `ahead` is how far our time is ahead of the machine's clock.
    """

    alive: bool
    behind: int
    behind_s: float
    worked: Worked | None
    failures: int
    duplicates: int
    appends: int
    append_s: float
    ahead: Ms


class Recently(NamedTuple):
    """What came from a source to this process: events within the last hour, and how old the newest was when it came."""

    events: int
    lag: Ms


class Retried(Protocol):
    """What came of reading deliveries again that could not be read."""

    @property
    def read(self) -> int: ...
    @property
    def accepted(self) -> int: ...
    @property
    def left(self) -> int: ...


class Feed(Protocol):
    """What the service knows by itself. `counts` and `retry` read the store, and are to be called in a thread."""

    def counts(self) -> Counts: ...
    def fresh(self) -> list[SourceStat]: ...
    def recently(self) -> Mapping[str, Recently]: ...
    def retry(self, domain: str) -> Retried: ...
