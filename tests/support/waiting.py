"""Waiting for a condition instead of a time, so that no test depends on how fast the machine is."""

import time

PATIENCE_S = 120
"""Far longer than anything takes: it only decides how soon a test that fails ends."""


def wait_until(condition, patience_s=PATIENCE_S, message="the condition did not become true"):
    """Return what `condition` returns, as soon as that is true. `message` may be a function, called at the end."""
    until = time.monotonic() + patience_s
    while not (found := condition()):
        if time.monotonic() > until:
            raise AssertionError(message() if callable(message) else message)
        time.sleep(0.01)
    return found
