"""Waiting for what must come true soon, and saying what did not."""

import time

PATIENCE_S = 60


def wait_for(what, seconds=PATIENCE_S, told="what was waited for did not come"):
    """What `what` gives, as soon as it is something. `told` may be a function: it is asked at the end."""
    until = time.monotonic() + seconds
    while not (found := what()):
        if time.monotonic() > until:
            raise AssertionError(told() if callable(told) else told)
        time.sleep(0.01)
    return found
