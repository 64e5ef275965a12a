"""The machine's clock as a process sees it, moved by libfaketime. Monotonic clocks are not affected."""

import os
from pathlib import Path

import pytest


def library():
    """Return the path of libfaketime. Without it the test fails in CI, and is skipped elsewhere."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        reason = "libfaketime is not installed: tests/install_servers.sh installs it"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    return found[0]


class FalseClock:
    """A clock that is off by so many seconds. `set` moves it under processes that run with `environment`."""

    def __init__(self, folder):
        self._file = Path(folder) / "clock"
        self.environment = {
            "LD_PRELOAD": str(library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        self.set(0)

    def set(self, seconds):
        written = self._file.with_suffix(".new")
        written.write_text(f"{seconds:+d}\n")
        written.replace(self._file)
