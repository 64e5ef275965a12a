"""Rebuilding: everything worked out again from the log, to be put in place or to be compared."""

import tempfile
from pathlib import Path

from headcount.clock import Clock
from headcount.engine.engine import Engine
from headcount.engine.rules_guard import decode_rules, encode_rules, require_same_rules
from headcount.kernel.events import Ms
from headcount.kernel.rules import Rules
from headcount.settings import Settings
from headcount.store.leadership import leadership
from headcount.store.open import Store, open_store
from headcount.store.replacement import copy_log, first_difference, replace_tables

_BATCH = 20_000


def rebuild_tables(settings: Settings, *, check: bool) -> str | None:
    """Work out all tables anew; with `check` only compare, and tell the first difference.

    Raises `StoreError` if a service runs on the store, `BadInput` if its rules are others.
    """
    store = open_store(settings["database"], synchronous=settings["synchronous"])
    return _work_out(store, settings.rules(), settings.max_stay(), check=check)


def check_or_rebuild(url: str, settings: Settings) -> str | None:
    """Make sure that the tables follow from the log: rebuild them if they differ, and return the first difference.

    The rules are those by which the tables were worked out, if there are any yet.
    """
    store = open_store(url)
    known = store.projections.rules()
    store.close()
    rules = settings.rules() if known is None else decode_rules(known)
    difference = _work_out(open_store(url), rules, settings.max_stay(), check=True)
    if difference is not None:
        _work_out(open_store(url), rules, settings.max_stay(), check=False)
    return difference


def _work_out(store: Store, rules: Rules, max_stay: Ms | None, *, check: bool) -> str | None:
    """Work out the tables of a store anew, and close it."""
    lead = leadership(store.database)
    epoch = lead.try_lead()
    _, received = store.log.end()
    clock = Clock(received)
    # If the log is far ahead of the machine's clock, the clock was wrong: a rebuild puts that right.
    now = clock.now() if check else clock.outside()
    try:
        if check:
            require_same_rules(store, rules)
            engine = Engine(store, rules, epoch or 0, max_stay=max_stay, batch=_BATCH, stopwatch=None)
            while engine.step(now):
                pass
            store.usage_rollup.finish()
            for row in store.projections.deferred_rooms():
                if row.reason is not None:
                    return f"room '{row.room}' of domain '{row.domain}' is quarantined: {row.reason}"
        with tempfile.TemporaryDirectory(prefix="headcount-") as folder:
            anew = open_store(str(Path(folder) / "anew.db"), synchronous="off")
            copy_log(store.database, anew.database)
            engine = Engine(anew, rules, 0, max_stay=max_stay, batch=_BATCH, tells=False, stopwatch=None)
            while engine.step(now):
                pass
            anew.usage_rollup.finish()
            if check:
                return first_difference(store.database, anew.database)
            replace_tables(anew.database, store.database)
            anew.close()
        store.projections.set_rules(encode_rules(rules))
    finally:
        lead.give_up()
        store.close()
    return None
