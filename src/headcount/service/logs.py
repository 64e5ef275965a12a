"""Logs of a cluster: the topic that receives events, and the archive where they are read again.

Responsible for the packages that each needs. Must not know who appends or reads.
"""

from collections.abc import Callable

from headcount.errors import MissingExtra
from headcount.settings import TopicUrl
from headcount.store.cell import CellRule
from headcount.store.database import Database
from headcount.store.history import History, StoredHistory
from headcount.store.log import Log


def kafka_log(database: Database, topic: TopicUrl, timeout_s: float, cell: Callable[[], CellRule]) -> Log:
    """Return the log that appends to a topic, for the domains of a cell. Raise `MissingExtra`."""
    try:
        from headcount.ingest.kafka_log import KafkaLog  # noqa: PLC0415 - an optional dependency
    except ModuleNotFoundError as error:
        raise MissingExtra("kafka", error.name or "") from error
    return KafkaLog(database, topic, timeout_s, cell)


def cluster_history(database: Database, archive: str) -> History:
    """Return the history of a cluster: the archive, if there is one, and what the table has. Raise `MissingExtra`."""
    table = StoredHistory(database, is_delayed=True)
    if not archive:
        return table
    try:
        from headcount.ingest.archive_history import ArchiveHistory  # noqa: PLC0415 - an optional dependency
    except ModuleNotFoundError as error:
        raise MissingExtra("batch", error.name or "") from error
    return ArchiveHistory(archive, table)
