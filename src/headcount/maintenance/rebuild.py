"""Rebuild of all tables from the log.

Responsible for computing the tables in a temporary store, and for replacing or comparing those of a store. Must not know what
the tables contain.
"""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from headcount.clock import Clock
from headcount.engine.engine import Engine
from headcount.engine.erasure import new_eraser
from headcount.engine.rules_guard import decode_rules, encode_rules, require_same_rules
from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.kernel.rules import Rules
from headcount.settings import Settings
from headcount.store.leadership import leadership
from headcount.store.open import Store, open_store
from headcount.store.replacement import copy_given, copy_log, first_difference, replace_tables
from headcount.store.shard_sink import ShardSink

_BATCH_SIZE: Final = 20_000

NewClock = Callable[[Ms], Clock]
"""A function that returns a clock whose time does not start before the given one."""


def rebuild_tables(settings: Settings, new_clock: NewClock, *, check: bool) -> str | None:
    """Rebuild all tables; with `check`, only compare them and return the first difference.

    Raise `StoreError` if a service runs on the store, `BadInput` if the store has other rules.
    """
    store = open_store(
        settings["database"], durability=settings["durability"], keyring=settings.keyring(),
        erasure_list=settings["erasure_list"],
    )  # fmt: skip
    return _rebuild(store, settings.rules(), settings.stale_after(), new_clock, check=check)


def check_or_rebuild(url: str, settings: Settings, new_clock: NewClock) -> str | None:
    """Rebuild the tables of a store if they do not follow from its log, and return the first difference.

    The rules are those of the tables, if there are any yet.
    """
    keyring = settings.keyring()

    def copy() -> Store:  # without a list of erasures: one beside a copy would stay behind
        return replace(open_store(url, keyring=keyring), erasure_list=None)

    store = copy()
    known = store.projections.rules()
    store.close()
    rules = settings.rules() if known is None else decode_rules(known)
    difference = _rebuild(copy(), rules, settings.stale_after(), new_clock, check=True)
    if difference is not None:
        _rebuild(copy(), rules, settings.stale_after(), new_clock, check=False)
    return difference


def _rebuild(
    store: Store, rules: Rules, stale_after: Ms | None, new_clock: NewClock, *, check: bool
) -> str | None:
    """Rebuild or check the tables of a store, and close it."""
    if ShardSink(store.database).progress() is not None:
        store.close()
        raise BadInput(
            "the log of this database is the topic of a cluster, so its tables do not follow from its entries:"
            " 'headcount cluster backfill' derives them from the archive"
        )
    lead = leadership(store.database)
    epoch = lead.try_lead()
    _, received = store.log.end()
    clock = new_clock(received)
    # If the log is far ahead of the machine's clock, the clock was wrong: a rebuild corrects that.
    now = clock.now() if check else clock.wall_time()
    try:
        if check:
            require_same_rules(store, rules)
            engine = Engine(
                store, rules, epoch or 0, stale_after=stale_after, batch_size=_BATCH_SIZE, stopwatch=None,
                eraser=new_eraser(store.database, store.erasure_list),
            )  # fmt: skip
            while engine.step(now):
                pass
            store.usage_rollup.finish()
            for row in store.projections.deferred_rooms():
                if row.reason is not None:
                    return f"room '{row.room}' of domain '{row.domain}' is quarantined: {row.reason}"
        with tempfile.TemporaryDirectory(prefix="headcount-") as folder:
            rebuilt = open_store(
                str(Path(folder) / "rebuilt.db"), durability="off", keyring=store.database.keyring
            )
            copy_log(store.database, rebuilt.database)
            copy_given(store.database, rebuilt.database)
            rebuilt.usage_rollup.set_attributes(store.usage_rollup.attributes())
            engine = Engine(
                rebuilt,
                rules,
                0,
                stale_after=stale_after,
                batch_size=_BATCH_SIZE,
                publishes=False,
                stopwatch=None,
            )
            while engine.step(now):
                pass
            rebuilt.usage_rollup.finish()
            if check:
                return first_difference(store.database, rebuilt.database)
            replace_tables(rebuilt.database, store.database)
            rebuilt.close()
        store.projections.set_rules(encode_rules(rules))
    finally:
        lead.give_up()
        store.close()
    return None
