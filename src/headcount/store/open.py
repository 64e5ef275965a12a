"""Opening a store: from the text of a setting to a store that is ready for use.

Responsible for choosing the database and for migrations at the start. Must not know who uses the store.
"""

from dataclasses import dataclass

from headcount.errors import MissingExtra
from headcount.store.access_log import AccessLog
from headcount.store.credentials import AccessTokens, Keys
from headcount.store.data_minimal import DataMinimal
from headcount.store.database import Database, Encryption, StoreError, file_of, mask_password
from headcount.store.erasure_list import ErasureList, find_list
from headcount.store.erasures import Erasures
from headcount.store.history import History, StoredHistory
from headcount.store.log import Log
from headcount.store.meetings import Meetings
from headcount.store.migrations import migrate, migrations, pending
from headcount.store.outbox import Messages, PendingNotifications
from headcount.store.presence import Presence
from headcount.store.projections import Projections
from headcount.store.retention import Retention
from headcount.store.sources import Sources
from headcount.store.sqlite import SqliteDatabase, require_own_files
from headcount.store.stored_secrets import require_readable
from headcount.store.usage.queries import Usage
from headcount.store.usage.rollup import UsageRollup
from headcount.store.webhooks import Deliveries, Endpoints


@dataclass(frozen=True, slots=True)
class Store:
    """The parts of a store on one database."""

    database: Database
    log: Log
    history: History
    projections: Projections
    meetings: Meetings
    usage: Usage
    usage_rollup: UsageRollup
    keys: Keys
    sources: Sources
    messages: Messages
    notifications: PendingNotifications
    presence: Presence
    endpoints: Endpoints
    deliveries: Deliveries
    access_tokens: AccessTokens
    access_log: AccessLog
    minimal: DataMinimal
    retention: Retention
    erasures: Erasures
    erasure_list: ErasureList | None

    def close(self) -> None:
        self.database.close()


def open_store(
    url: str, *, durability: str = "full", read_only: bool = False, keyring: Encryption | None = None,
    erasure_list: str = "",
) -> Store:  # fmt: skip
    """Open the store at `url`: a file name, `sqlite:///FILE` or `postgresql://…`. Apply pending migrations.

    `erasure_list` is the file with the list of erasures; by default it is beside the file of the store.

    Raise `StoreError` if it cannot be opened, is not a store of this release, or is encrypted with other keys.
    """
    database = connect(url, durability=durability, read_only=read_only, keyring=keyring)
    try:
        if read_only:
            _require_current(database)
        else:
            migrate(database)
        require_readable(database)
    except BaseException:
        database.close()
        raise
    return store_on(database, find_list(erasure_list, url))


def _require_current(database: Database) -> None:
    if pending(database):
        raise StoreError(
            "the database is of an earlier release: run 'headcount migrate' first", where=database.url
        )


def has_store(url: str) -> bool:
    """Return whether the database at `url` exists and has a store, also of an earlier release."""
    path = file_of(url)
    if path is not None and not path.exists():
        require_own_files(path)
        return False
    database = connect(url, read_only=True)
    try:
        return len(pending(database)) < len(migrations())
    finally:
        database.close()


def store_on(database: Database, erasure_list: ErasureList | None = None) -> Store:
    """Return the store in a migrated database."""
    minimal = DataMinimal(database)
    return Store(
        database,
        Log(database, minimal),
        StoredHistory(database),
        Projections(database),
        Meetings(database),
        Usage(database),
        UsageRollup(database),
        Keys(database),
        Sources(database, minimal),
        Messages(database),
        PendingNotifications(database),
        Presence(database),
        Endpoints(database),
        Deliveries(database),
        AccessTokens(database),
        AccessLog(database),
        minimal,
        Retention(database),
        Erasures(database),
        erasure_list,
    )


def connect(
    url: str, *, durability: str = "full", read_only: bool = False, keyring: Encryption | None = None
) -> Database:
    """Return the database at `url` without migrations."""
    if url.startswith(("postgresql://", "postgres://")):
        try:
            from headcount.store.postgres import PostgresDatabase  # noqa: PLC0415 - an optional dependency
        except ModuleNotFoundError as missing:
            raise MissingExtra("postgres", missing.name or "") from missing
        return PostgresDatabase(url, durability=durability, keyring=keyring)
    path = file_of(url)
    if path is None:
        raise StoreError(
            "is no database: expected a path, sqlite:///FILE or postgresql://…", where=mask_password(url)
        )
    if read_only and not path.exists():
        require_own_files(path)
        raise StoreError("there is no database; 'headcount serve' creates one", where=str(path))
    return SqliteDatabase(path, durability=durability, read_only=read_only, keyring=keyring)
