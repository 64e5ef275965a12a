"""Mutation testing: change the code in one place at a time, and see whether a test fails.

`make mutate SAMPLE=200 SEED=1` tests 200 mutants drawn by chance, `SAMPLE=0` all of them; it stops after MINUTES
and reports what it has tested. MUTATE="--module kernel/people" passes more options. Each mutant runs in
a process of its own, forked from one that has loaded third-party packages but nothing of Headcount; the
mutated module exists only in its memory. All runs use a copy of the tree in build/mutation, so the checkout
may be edited meanwhile. Results are kept there: a run that was interrupted goes on where it stopped, and a
mutant is tested again only if the code or the tests have changed.

Why not a library: mutmut changes neither properties, `__new__` nor tables that are made at import, and removes
no statements; cosmic-ray drops no arguments and no statements, and starts an interpreter for each mutant.
"""

import argparse
import gc
import importlib
import json
import os
import re
import resource
import shutil
import signal
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from hashlib import sha256
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from multiprocessing import get_context
from pathlib import Path
from random import Random
from time import monotonic
from types import CodeType, ModuleType
from typing import NamedTuple

from mutations import Mutation, mutated, mutations

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build" / os.environ.get("HEADCOUNT_MUTATION_BUILD", "mutation")
TREE = BUILD / "tree"
EQUIVALENT = Path(__file__).with_name("equivalent.toml")
SHARED_MEMORY = Path("/dev/shm")
MEMORY_BYTES = 6 << 30
TEST_S = 30
"""How long one test may take. A mutant that loops fails the test it loops in, or runs into the limit of all tests."""

# What every test process would load anyway, and what costs more to load than to run.
WARM = (
    "pytest", "hypothesis", "hypothesis.strategies", "_hypothesis_pytestplugin", "hypothesis.internal.conjecture.engine",
    "pytest_timeout", "msgspec", "pyarrow", "sqlite3", "uuid", "heapq", "structlog", "psycopg", "psycopg_pool",
    "zoneinfo", "asyncio", "importlib.resources", "concurrent.futures", "difflib", "xml.dom.minidom",
)  # fmt: skip


class Group(NamedTuple):
    """Modules that are held to one bar."""

    modules: tuple[str, ...]
    bar: float
    stages: tuple[tuple[str, ...], ...]
    """The tests that pin them, the most direct first: most mutants are found before the others are even loaded."""
    skipped: str
    """What of the tests is left out: engines that do not run the mutated code, and the compiled ones, which load Numba."""
    bounds: dict[str, str]
    """Environment variables that keep the tests short."""


GROUPS = {
    "kernel": Group(
        ("kernel/*.py",),
        0.97,
        (
            ("kernel/test_values.py", "kernel/test_room.py", "kernel/test_people.py", "kernel/test_stay_table.py", "kernel/test_rules.py", "kernel/test_meetings.py", "kernel/test_sittings.py", "kernel/test_refold.py", "kernel/test_checkpoints.py"),
            ("rules/test_scenarios.py::test_the_scenario_yields_the_expected_meetings", "kernel/test_presence.py", "rules/test_same_everywhere.py", "rules/test_laws.py"),
        ),
        "batch or oracle- or store- or whole_seconds or larger_than_memory or by_the_default_rules or never_change_back or 20000",
        {"HEADCOUNT_MUTATION_EXAMPLES": "40"},
    ),
    "engine": Group(
        ("engine/*.py", "store/projections.py", "store/records.py", "store/journal.py", "store/log.py", "store/outbox.py"),
        0.90,
        (
            ("engine/test_projection.py", "engine/test_notifications.py", "engine/test_inference.py", "engine/test_engine.py"),
            ("store/test_outbox.py", "store/test_journal.py", "store/test_contract.py", "engine/test_worker.py"),
            ("engine/test_containment.py", "engine/test_outbox.py", "rules/test_scenarios.py::test_the_scenario_yields_the_expected_meetings"),
            ("engine/test_same_as_batch.py", "engine/test_snapshots.py", "engine/test_crashes.py"),
        ),
        "batch- or oracle- or kernel- or live- or postgres or misses_nothing_while_many",
        {"HEADCOUNT_MUTATION_EXAMPLES": "10", "HEADCOUNT_SEEDS": "50"},
    ),
}  # fmt: skip


class Mutant(NamedTuple):
    """One mutation of one module, and the group whose tests are to find it."""

    group: str
    module: str
    mutation: Mutation

    @property
    def key(self) -> str:
        return f"{self.module} | {self.mutation.function} | {self.mutation.change}"


class Outcome(NamedTuple):
    """What became of a mutant: `killed` (by a test), `timeout` or `survived`."""

    outcome: str
    by: str
    seconds: float


def main() -> None:
    asked = _asked()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    _copy_tree()
    _warm_up()
    found = [mutant for name in asked.group or GROUPS for mutant in _mutants(name, asked.module)]
    excused, stale = _equivalent(found, whole=not asked.module and not asked.group)
    known = _Results(BUILD / "results.jsonl", _digest(), keep_killed=asked.keep_killed)
    if asked.survivors:
        before = known.survivors()
        found = [mutant for mutant in found if mutant.key in before]
    elif asked.sample:
        found = Random(asked.seed).sample(found, min(asked.sample, len(found)))
    outcomes = _outcomes(found, excused, known, asked)
    found = [mutant for mutant in found if mutant.key in excused or mutant.key in outcomes]
    shutil.rmtree(SHARED_MEMORY / f"headcount-{BUILD.name}", ignore_errors=True)
    missed = _report(found, outcomes, excused)
    for key in stale:
        _say(f"{EQUIVALENT.name} lists a mutant that no longer exists: {key}. Remove it.")
    sys.exit(1 if missed or stale else 0)


def _outcomes(
    found: list[Mutant], excused: set[str], known: "_Results", asked: argparse.Namespace
) -> dict[str, Outcome]:
    """Test those without a result that still stands, the survivors of the last run first, while there is time."""
    limits = {name: _time_limit(name) for name in sorted({mutant.group for mutant in found})}
    until = monotonic() + 60 * asked.minutes
    outcomes = {}
    before = known.survivors()
    for number, mutant in enumerate(sorted(found, key=lambda mutant: mutant.key not in before), 1):
        if mutant.key in excused:
            continue
        outcome = None if asked.survivors else known.get(mutant.key)
        if outcome is None:
            if monotonic() > until:
                continue
            outcome = _run(mutant, limits[mutant.group])
            known.put(mutant.key, outcome)
        outcomes[mutant.key] = outcome
        if outcome.outcome == "survived" or asked.verbose:
            how = f"{outcome.outcome} in {outcome.seconds:.1f}s {outcome.by}"
            _say(f"[{number}/{len(found)}] {how}: {mutant.key}")
    return outcomes


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--sample", type=int, default=200, help="Mutants to draw by chance (default: 200; 0: all)"
    )
    parser.add_argument("--seed", type=int, default=1, help="Seed of the draw (default: 1)")
    parser.add_argument(
        "--minutes", type=float, default=60, help="Limit of the run, in minutes (default: 60)"
    )
    parser.add_argument("--group", action="append", choices=GROUPS, help="Group to test (default: all)")
    parser.add_argument(
        "--module", action="append", help="Module to test, such as kernel/people (default: all)"
    )
    parser.add_argument(
        "--survivors", action="store_true", help="Test only the mutants that survived the last time"
    )
    parser.add_argument(
        "--keep-killed", action="store_true", help="Trust that tests find what earlier ones found"
    )
    parser.add_argument(
        "--verbose", action="store_true", help="One line for each mutant, with the test that found it"
    )
    return parser.parse_args()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _copy_tree() -> None:
    shutil.rmtree(TREE, ignore_errors=True)
    TREE.mkdir(parents=True)
    shutil.copy(ROOT / "pyproject.toml", TREE)
    ignored = shutil.ignore_patterns("node_modules", "__pycache__", "live", "captures", "dashboard")
    shutil.copytree(ROOT / "src", TREE / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "tests", TREE / "tests", ignore=ignored)


def _digest() -> str:
    """A short digest of all that a result depends on."""
    digest = sha256()
    for path in sorted([*TREE.rglob("*.py"), *TREE.rglob("*.sql"), *TREE.glob("tests/scenarios/*.txt")]):
        digest.update(path.relative_to(TREE).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def _mutants(group: str, wanted: list[str] | None) -> Iterator[Mutant]:
    for pattern in GROUPS[group].modules:
        for path in sorted((TREE / "src" / "headcount").glob(pattern)):
            name = path.relative_to(TREE / "src" / "headcount").with_suffix("").as_posix()
            if not wanted or name in wanted:
                for mutation in mutations(path.read_text("utf-8")):
                    yield Mutant(group, name, mutation)


def _equivalent(found: list[Mutant], *, whole: bool) -> tuple[set[str], list[str]]:
    """Return the mutants listed as equivalent, and of these the ones that do not exist."""
    listed = tomllib.loads(EQUIVALENT.read_text("utf-8")).get("mutant", [])
    keys = {f"{one['module']} | {one['function']} | {one['change']}" for one in listed}
    assert all(one["reason"] for one in listed), "every equivalent mutant has a reason"
    return keys, sorted(keys - {mutant.key for mutant in found}) if whole else []


class _Results:
    """What became of mutants, one JSON object a line, so that nothing is lost if a run is interrupted."""

    def __init__(self, path: Path, digest: str, *, keep_killed: bool) -> None:
        self._path = path
        self._digest = digest
        self._known: dict[str, Outcome] = {}
        self._last: dict[str, str] = {}
        for line in path.read_text("utf-8").splitlines() if path.exists() else ():
            row = json.loads(line)
            self._last[row["key"]] = row["outcome"]
            if row["digest"] == digest or (keep_killed and row["outcome"] != "survived"):
                self._known[row["key"]] = Outcome(row["outcome"], row["by"], row["seconds"])

    def get(self, key: str) -> Outcome | None:
        return self._known.get(key)

    def survivors(self) -> set[str]:
        return {key for key, outcome in self._last.items() if outcome == "survived"}

    def put(self, key: str, outcome: Outcome) -> None:
        row = {"digest": self._digest, "key": key, **outcome._asdict()}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


# One mutant.


def _warm_up() -> None:
    sys.path[:0] = [str(TREE / "src"), str(TREE / "tests")]
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    for name in WARM:
        importlib.import_module(name)
    assert "headcount" not in sys.modules
    gc.freeze()


def _time_limit(group: str) -> float:
    """Return how long a mutant may take, in seconds: three times what the unchanged code takes, and some for noise."""
    outcome = _forked(group, None, 900)
    if outcome.outcome != "survived":
        sys.exit(f"the tests of {group} fail without any mutation: {outcome.by}; see {BUILD / 'output.txt'}")
    _say(f"{group}: the tests take {outcome.seconds:.1f}s on the unchanged code")
    return 3 * outcome.seconds + 15


def _run(mutant: Mutant, limit: float) -> Outcome:
    path = TREE / "src" / "headcount" / f"{mutant.module}.py"
    code = mutated(path.read_text("utf-8"), mutant.mutation, str(path))
    return _forked(mutant.group, (f"headcount.{mutant.module.replace('/', '.')}", code), limit)


def _forked(group: str, changed: tuple[str, CodeType] | None, limit: float) -> Outcome:
    began = monotonic()
    process = get_context("fork").Process(target=_test, args=(group, changed, limit), daemon=True)
    process.start()
    process.join(limit)
    seconds = monotonic() - began
    if process.is_alive():
        os.killpg(process.pid, 9)
        process.join()
        return Outcome("timeout", "", seconds)
    if process.exitcode == 0:
        return Outcome("survived", "", seconds)
    output = (BUILD / "output.txt").read_text("utf-8", errors="replace")
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", output, re.MULTILINE)
    return Outcome("killed", failed[1] if failed else f"exit code {process.exitcode}", seconds)


def _test(group: str, changed: tuple[str, CodeType] | None, limit: float) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.setsid()
    os.chdir(TREE)
    os.environ.update(GROUPS[group].bounds)
    output = os.open(BUILD / "output.txt", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    resource.setrlimit(resource.RLIMIT_CPU, (int(limit) + 1,) * 2)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES,) * 2)
    if changed is not None:
        sys.meta_path.insert(0, _Finder(*changed))
    pytest = importlib.import_module("pytest")
    options = [f"--timeout={TEST_S}", "-x", "-q", "--tb=line", "-p", "no:cacheprovider"]
    if SHARED_MEMORY.is_dir():  # databases of tests need not wait for a disk
        options.append(f"--basetemp={SHARED_MEMORY / f'headcount-{BUILD.name}'}")
    for plugin in ("_hypothesis_pytestplugin", "pytest_timeout", "mutation.bounded"):
        options += ["-p", plugin]
    code = 0
    for stage in GROUPS[group].stages:
        tests = [f"tests/{test}" for test in stage if (TREE / "tests" / test.partition("::")[0]).exists()]
        code = code or pytest.main([*tests, *options, "-k", f"not ({GROUPS[group].skipped})"])
    sys.stdout.flush()
    os._exit(code)


class _Finder(MetaPathFinder, Loader):
    """Finds one module of Headcount as it is with a mutation."""

    def __init__(self, name: str, code: CodeType) -> None:
        self._name = name
        self._code = code

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        return spec_from_loader(name, self) if name == self._name else None

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = self._code.co_filename
        exec(self._code, module.__dict__)


# The table.


def _report(found: list[Mutant], outcomes: dict[str, Outcome], excused: set[str]) -> list[str]:
    """Write the table; return the groups that miss their bar."""
    counts: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for mutant in found:
        outcome = "equivalent" if mutant.key in excused else outcomes[mutant.key].outcome
        counts[mutant.group][mutant.module][outcome] += 1
    _say(f"\n{'module':26} {'mutants':>8} {'killed':>8} {'survived':>9} {'equivalent':>11} {'score':>8}")
    missed = []
    for group, modules in counts.items():
        for module, count in sorted(modules.items()):
            _say(_row(module, count))
        total = sum(modules.values(), Counter())
        _say(_row(f"{group}: all", total))
        if _score(total) < GROUPS[group].bar:
            missed.append(group)
            _say(
                f"{group} misses its bar of {GROUPS[group].bar:.0%}: kill the survivors, or list them as equivalent."
            )
    return missed


def _row(name: str, count: Counter[str]) -> str:
    killed = count["killed"] + count["timeout"]
    return f"{name:26} {count.total():8} {killed:8} {count['survived']:9} {count['equivalent']:11} {_score(count):8.1%}"


def _score(count: Counter[str]) -> float:
    """Return the share of the killed among those that are not equivalent."""
    killed = count["killed"] + count["timeout"]
    return killed / (killed + count["survived"]) if killed + count["survived"] else 1.0


if __name__ == "__main__":
    main()
