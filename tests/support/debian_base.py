"""Root file systems of Debian with Python, made by mmdebstrap from Debian's packages, once per clone."""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from support import ROOT

FOLDER = ROOT / "build/debian"
PACKAGES = ("python3", "python3-venv", "ca-certificates")
SUITES = ("bookworm", "trixie")  # Python 3.11 and 3.13
LIMIT_S = 600


def base_tar(suite):
    """Return the path of a tar of the suite's root file system. The first caller makes it, others wait for it."""
    if suite not in SUITES:
        raise ValueError(f"{suite} is not one of {', '.join(SUITES)}")
    if shutil.which("mmdebstrap") is None:
        reason = "mmdebstrap is not installed: tests/install_containers.sh installs it"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    FOLDER.mkdir(parents=True, exist_ok=True)
    tar = FOLDER / f"{suite}.tar"
    with (FOLDER / f"{suite}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not tar.exists():
            _make(suite, tar)
    return tar


def _make(suite: str, tar: Path) -> None:
    unfinished = FOLDER / f"{suite}.unfinished.tar"
    command = [
        "mmdebstrap",
        "--variant=minbase",
        f"--include={','.join(PACKAGES)}",
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        suite,
        unfinished,
    ]
    made = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    if made.returncode:
        pytest.fail(f"mmdebstrap could not make {suite}:\n{made.stderr[-2000:]}")
    unfinished.rename(tar)
