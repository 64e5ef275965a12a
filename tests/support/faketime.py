"""The machine's clock as a process sees it, moved by libfaketime. What measures spans is left alone."""

import os
from pathlib import Path

import pytest


def library():
    """libfaketime. A missing one fails in CI, and elsewhere says what to install."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        told = "libfaketime is not installed: tests/install_servers.sh installs it"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(told)
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
        anew = self._file.with_suffix(".anew")
        anew.write_text(f"{seconds:+d}\n")
        anew.replace(self._file)
