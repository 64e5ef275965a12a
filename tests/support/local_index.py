"""The wheel of Headcount, and a folder that stands for a package index: nothing is fetched from elsewhere."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support import ROOT

WHEELS = ROOT / "build/wheelhouse"
TOOLS = ROOT / "build/installers/bin"
PYTHONS = {
    minor: ROOT / f"build/pythons/{minor}/bin/python{minor}"
    for minor in ("3.11", "3.12", "3.13")
    if minor != "3.11" or sys.version_info[:2] == (3, 11)
}
"""The interpreters of the tests by version. The oldest is that of the tests."""
BUILT_FROM = (
    "src",
    ".gitignore",
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "constraints.txt",
    "pyproject.toml",
)
PATIENCE_S = 300


def require_installers():
    """Without the tools of `tests/install_pythons.sh`, a test fails in CI, and is skipped elsewhere."""
    if not (WHEELS / ".complete").exists() or not all(python.exists() for python in PYTHONS.values()):
        reason = "pip, uv, pipx or Python 3.13 is missing: tests/install_pythons.sh installs them"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


def copy_of_sources(folder):
    """Copy what a wheel is built from into a folder, and return it."""
    for name in BUILT_FROM:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    return folder


def build(tree, target, *kinds, epoch=None):
    """Build the wheel, or other kinds, of a source tree into the folder `target`, and return the files."""
    flags = [part for kind in kinds or ("wheel",) for part in ("-t", kind)]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    if epoch is not None:
        environment["SOURCE_DATE_EPOCH"] = str(epoch)
    run(sys.executable, "-m", "hatchling", "build", *flags, "-d", target, cwd=tree, environment=environment)
    return sorted(Path(target).glob("headcount-*"))


def index_with(folder, *wheels):
    """Return a folder with these wheels, and with all that Headcount needs."""
    shutil.copytree(WHEELS, folder, copy_function=os.link)
    for wheel in wheels:
        shutil.copy(wheel, folder)
    return folder


def run(*command, cwd=None, environment=None):
    """Run a command to its end, and return its output. A failure shows all that it printed."""
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True,
        timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


class Installed:
    """An installed command, as a server that `Running` can start: a process of its own, with nothing of this tree."""

    def __init__(self, command, folder, environment):
        self.command = list(command)
        self._folder = folder
        self._environment = environment

    def run(self, arguments, *, environment=None, stdin, stdout, stderr, constants=None):
        assert not constants
        return subprocess.Popen(
            [*self.command, *arguments], cwd=self._folder, stdin=stdin, stdout=stdout, stderr=stderr,
            env={**self._environment, **(environment or {})},
        )  # fmt: skip

    def output(self, *arguments):
        """Run the command with these arguments to its end, and return what it printed."""
        return run(*self.command, *arguments, cwd=self._folder, environment=self._environment)
