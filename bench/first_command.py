"""What a newcomer waits for: the first command, the next ones, the import, compiling, and `make run`.

    python bench/first_command.py [--runs 5] [--without-compiling] [--run]

A copy of the package that was never imported stands for a new installation. Nothing of it is compiled, neither to bytecode nor
to machine code; its dependencies are as pip leaves them. `--run` also clones the repository and runs `make run` until it prints a link.
Both ways of `sessionize` must give the same meetings; otherwise the exit code is 1.
"""

import argparse
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from figures import record

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "docs/examples/monday.csv"
FIND_MEETINGS = """
import json, sys
from headcount.batch.io import small_files
if sys.argv[2] == "compiled":
    small_files.SMALL_BYTES = small_files.SMALL_EVENTS = -1
import headcount
sessions = headcount.sessionize(sys.argv[1])
print(json.dumps(sessions.to_daily(include_attributes=True)))
"""
IMPORT = "import time; began = time.process_time(); import headcount; print(time.process_time() - began)"
LINK = re.compile(rb"https?://\S+")
RUN_PATIENCE_S = 600


class Installation:
    """A copy of the package, as new or as the last run left it."""

    def __init__(self, folder: Path) -> None:
        self._package = folder / "src"
        self._environment = {
            name: value
            for name, value in os.environ.items()
            if name not in ("XDG_CACHE_HOME", "NUMBA_CACHE_DIR")
        } | {"PYTHONPATH": str(self._package), "HOME": str(folder / "home")}
        self.renew()

    def renew(self) -> None:
        """Forget everything that was compiled."""
        shutil.rmtree(self._package, ignore_errors=True)
        shutil.copytree(ROOT / "src", self._package, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.rmtree(self._environment["HOME"], ignore_errors=True)

    def cpu_s(self, *arguments: str, **environment: str) -> tuple[float, str]:
        """Run Python with these arguments; return its CPU time, and what it prints."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [sys.executable, "-P", *arguments],
            env=self._environment | environment,
            capture_output=True,
            text=True,
            check=True,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime), done.stdout


def least(seconds: Sequence[float]) -> float:
    """Return the least of several runs: other programs only add to it."""
    return min(seconds)


def measure_start(new: Installation, runs: int) -> dict[str, float]:
    """Return the CPU time of the first command and of the next ones, and the duration of the import."""
    command = ("-m", "headcount", "sessionize", str(EXAMPLE))
    first, uncompiled = [], []
    for _ in range(runs):
        new.renew()
        first.append(new.cpu_s(*command)[0])
        with tempfile.TemporaryDirectory() as empty:
            uncompiled.append(new.cpu_s(*command, PYTHONPYCACHEPREFIX=empty)[0])
    return {
        "Python alone": least([new.cpu_s("-c", "pass")[0] for _ in range(runs)]),
        "first command": least(first),
        "first command, the standard library not compiled either": least(uncompiled),
        "next command": least([new.cpu_s(*command)[0] for _ in range(runs)]),
        "import headcount": least([float(new.cpu_s("-c", IMPORT)[1]) for _ in range(runs)]),
    }


def compare(new: Installation) -> float:
    """Return the CPU time of compiling. Exit if both ways of `sessionize` differ."""
    new.renew()
    compiling, found = new.cpu_s("-c", FIND_MEETINGS, str(EXAMPLE), "compiled")
    loading, again = new.cpu_s("-c", FIND_MEETINGS, str(EXAMPLE), "compiled")
    _, interpreted = new.cpu_s("-c", FIND_MEETINGS, str(EXAMPLE), "interpreted")
    if not json.loads(found) == json.loads(again) == json.loads(interpreted):
        sys.exit("the two ways of sessionize differ")
    return compiling - loading


def measure_run(folder: Path) -> tuple[float, float]:
    """Return the time of `make run` in a fresh clone to the printed link, and the size of the environment in MB."""
    clone = folder / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    environment = os.environ | {"HEADCOUNT_PORT": "0"}
    for name in ("VIRTUAL_ENV", "MAKEFLAGS", "MAKELEVEL"):
        environment.pop(name, None)
    began = time.monotonic()
    # A link is printed to a terminal only.
    server = subprocess.Popen(
        ["script", "-qfc", "make run", "/dev/null"],
        cwd=clone,
        env=environment,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        printed = b""
        while LINK.search(printed) is None:
            some = os.read(server.stdout.fileno(), 4_096)
            if not some or time.monotonic() - began > RUN_PATIENCE_S:
                sys.exit(f"make run printed no link:\n{printed.decode(errors='replace')}")
            printed += some
        seconds = time.monotonic() - began
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()
    size = subprocess.run(["du", "-sm", ".venv"], cwd=clone, capture_output=True, text=True, check=True)
    return seconds, float(size.stdout.split()[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--without-compiling", action="store_true")
    parser.add_argument("--run", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        new = Installation(Path(folder))
        compiling = None if asked.without_compiling else compare(new)
        found = measure_start(new, asked.runs)
        for name, seconds in found.items():
            print(f"{name:<60} {1_000 * seconds:>7,.0f} ms")
        record("first_command", found["first command"])
        record("warm_command", found["next command"])
        record("import_ms", 1_000 * found["import headcount"])
        if compiling is not None:
            print(f"{'compiling once':<60} {compiling:>7.1f} CPU-s")
            record("compile", compiling)
        if asked.run:
            seconds, megabytes = measure_run(Path(folder))
            print(f"{'make run, to the link':<60} {seconds:>7.0f} s, {megabytes:,.0f} MB of packages")
            record("run_s", seconds)
            record("run_mb", megabytes)


if __name__ == "__main__":
    main()
