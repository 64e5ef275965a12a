"""All measures in one table: Headcount, the peers, the ratio, and whether the target is met.

    python bench/run.py --events 1000000 10000000 [--large 100000000] [--runs 3] [--shape unsorted]

Every run is a new process, so that each includes its start, and the best wall time
of `--runs` counts. First, all results are compared to the last field. If one differs, it is named, and the exit code is 1.
The programs alternate, so that a disturbance of the machine does not affect only one. This process
stays small, because the system counts it into the peak memory of the processes that it starts.
Against a peer, the ratio states how many times faster Headcount is. Against a copy or a smaller
file, it states how many times longer Headcount takes.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from figures import record
from make_sample import SHAPES

HERE = Path(__file__).parent
DATA, OUT = HERE / "data", HERE / "out"
OURS = "ours"
RIVALS = ("duckdb", "polars", "pandas")
SLOW_S = 60.0  # a slower contender runs once
SMALL_LINES = 1_000
MANY = 10_000_000  # the size to which the targets apply
BARS: dict[str, float] = {
    "duckdb": 4.0,
    "polars": 1.3,
    "pandas": 20.0,
    "copy": 1.6,
    "first call": 1.0,
    "live kernel": 300_000.0,
    "crowd": 2.0,
    "large": 11.0,
}
"""Goals: ratio to a rival at ten million events, at least; ratio to a copy, at most."""


class Run(NamedTuple):
    """One fresh process: how long, and its largest memory."""

    seconds: float
    peak_bytes: int


class Measure(NamedTuple):
    """One row of the table. The target applies to `ratio`: a minimum or a maximum."""

    what: str
    ours: str
    peer: str = ""
    ratio: float | None = None
    bar: str = ""
    at_least: bool = False

    def met(self, bars: dict[str, float]) -> str:
        bar = bars.get(self.bar)
        if bar is None or self.ratio is None:
            return ""
        return "yes" if (self.ratio >= bar if self.at_least else self.ratio <= bar) else "**no**"

    def row(self, bars: dict[str, float]) -> str:
        bar = bars.get(self.bar)
        limit = "" if bar is None else f"{'≥' if self.at_least else '≤'} {bar:g}"
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        return f"| {' | '.join((self.what, self.ours, self.peer, ratio, limit, self.met(bars)))} |"


def main() -> int:
    asked = arguments()
    bars = BARS | json.loads(asked.bars)
    measures: list[Measure] = []
    agreed = True
    for events in asked.events:
        rows, equal = at_size(events, asked.runs, asked.shape)
        measures += rows
        agreed = agreed and equal
        measures += with_attributes(events, asked.runs)
    if asked.small:
        measures += first_call()
    if asked.live:
        measures += live_kernel()
    if asked.large:
        measures += large(asked.large, min(asked.events, key=lambda n: abs(n - 10_000_000)), asked.max_memory)
    print("\n| measure | Headcount | peer | ratio | target | met |\n|---|---|---|---|---|---|")
    print("\n".join(measure.row(bars) for measure in measures))
    return 0 if agreed else 1


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--events", type=int, nargs="+", default=[1_000_000, MANY])
    parser.add_argument(
        "--large", type=int, default=100_000_000, help="events of one more file, for Headcount only"
    )
    parser.add_argument("--max-memory", default="2500MB", help="memory limit for the large file, such as 4GB")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--bars", default="{}", help='JSON, like {"duckdb": 0.25, "first call": 2.0}')
    parser.add_argument(
        "--shape", choices=SHAPES, default="", help="another shape of the sample; figures are not recorded"
    )
    parser.add_argument("--no-small", dest="small", action="store_false", help="skip the first call")
    parser.add_argument("--no-live", dest="live", action="store_false", help="skip the live kernel")
    return parser.parse_args()


# One size: everybody's result first, then everybody's time.


def at_size(events: int, runs: int, shape: str) -> tuple[list[Measure], bool]:
    source = with_shape(events, shape) if shape else sample(events)
    best = {name: run(command(name, source, events)) for name in (OURS, *RIVALS)}
    verdicts = [agrees(name, events) for name in RIVALS]
    best["copy"] = run(command("copy", source, events))
    for _ in range(runs - 1):
        for name, before in best.items():
            if before.seconds <= SLOW_S:
                best[name] = faster(before, run(command(name, source, events)))
    if all(verdicts) and not shape:
        record_figures(events, best)
    return list(measures_of(events, best, source)), all(verdicts)


def record_figures(events: int, best: dict[str, Run]) -> None:
    """Record the figures of sizes that have a target."""
    ours = best[OURS].seconds
    if events == 1_000_000:
        record("polars_1m", best["polars"].seconds / ours)
    if events == MANY:
        record("duckdb_10m", best["duckdb"].seconds / ours)
        record("copy_10m", ours / best["copy"].seconds)


def measures_of(events: int, best: dict[str, Run], source: Path) -> Iterator[Measure]:
    ours = best[OURS]
    for name, peer in best.items():
        if name != OURS:
            once = " (once)" if peer.seconds > SLOW_S else ""
            what = f"{events:,} events, file to file, against {name}{once}"
            bar = name if events == MANY else ""
            if name == "copy":
                yield Measure(what, shown(ours), shown(peer), ours.seconds / peer.seconds, bar)
            else:
                yield Measure(what, shown(ours), shown(peer), peer.seconds / ours.seconds, bar, at_least=True)
    seconds = in_process(source)
    yield Measure(
        f"{events:,} events, in process: first call, best of the next",
        f"{seconds[0]:.2f} s, {min(seconds[1:]):.2f} s",
    )


def command(name: str, source: Path, events: int) -> list[str]:
    """How to run one of them into a directory of its own, which is made empty."""
    out = result_of(name, events)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    if name == OURS:
        return sessionize(source, out)
    if name == "copy":
        script = str(HERE / "copy_baseline.py")
        return [sys.executable, script, str(source), str(out), str(result_of(OURS, events))]
    return [sys.executable, str(HERE / f"{name}_sessions.py"), str(source), str(out)]


def sessionize(source: Path, out: Path) -> list[str]:
    ours = [sys.executable, "-m", "headcount.cli", "sessionize", str(source)]
    return [*ours, "--output", str(out), "--format", "parquet", "--quiet"]


def result_of(name: str, events: int) -> Path:
    return OUT / f"{name}-{events}"


def agrees(name: str, events: int) -> bool:
    script = str(HERE / "compare.py")
    results = [str(result_of(who, events)) for who in (OURS, name)]
    done = subprocess.run([sys.executable, script, *results], check=False, capture_output=True, text=True)
    verdict = "the same" if done.returncode == 0 else f"DIFFERENT\n{done.stdout}{done.stderr}"
    print(f"{events:,} events: {OURS} and {name}: {verdict}", flush=True)
    return done.returncode == 0


def in_process(source: Path) -> list[float]:
    done = subprocess.run(
        [sys.executable, str(HERE / "in_process.py"), str(source)], check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout)["seconds"]


# Headcount only.


def with_attributes(events: int, runs: int) -> list[Measure]:
    """A column of attributes, against the same events without it."""
    plain = sample(events)
    measures = []
    for attribute, what in (
        ("customer", "a thousand customers"),
        ("email", "an email address for each user"),
    ):
        path = DATA / f"sample-{events}-{attribute}.parquet"
        if not path.exists():
            script = [sys.executable, str(HERE / "make_sample.py")]
            subprocess.run([*script, str(events), str(path), str(plain), attribute], check=True)
        done = [
            (run(sessionize(path, OUT / attribute)), run(sessionize(plain, OUT / "plain")))
            for _ in range(runs)
        ]
        ours, peer = (min(one, key=lambda a_run: a_run.seconds) for one in zip(*done, strict=True))
        label = f"{events:,} events with {what}, against none"
        measures.append(Measure(label, shown(ours), shown(peer), ours.seconds / peer.seconds))
    return measures


def first_call() -> list[Measure]:
    """A small NDJSON file in a new process: the first impression of a new user."""
    lines = sample(SMALL_LINES, "ndjson")
    out = OUT / "first-call"
    best = min((run(sessionize(lines, out)) for _ in range(3)), key=lambda done: done.seconds)
    what = f"first call in a fresh process, {SMALL_LINES:,} lines of NDJSON"
    return [Measure(what, shown(best), ratio=best.seconds, bar="first call")]


def live_kernel() -> list[Measure]:
    """The cost of a live room, interpreted, on one core."""
    script = HERE / "live_kernel.py"
    done = subprocess.run([sys.executable, str(script)], check=True, capture_output=True, text=True)
    figures = json.loads(done.stdout.strip().splitlines()[-1])
    fast, few = figures["events_per_s"], figures["few_rooms_events_per_s"]
    crowd, marathon = figures["crowd_ratio"], figures["marathon_ratio"]
    return [
        Measure("live kernel, 10,000 rooms", f"{fast:,.0f} events/s", "", fast, "live kernel", at_least=True),
        Measure("live kernel, 100 rooms", f"{few:,.0f} events/s"),
        Measure("an event among 100,000 people, against 10", "", "", crowd, "crowd"),
        Measure("an event after 300,000 stays of one meeting, against 0", "", "", marathon, "crowd"),
    ]


def large(events: int, base: int, max_memory: str | None) -> list[Measure]:
    """How time and memory grow from `base` events to `events`."""
    limit = ["--max-memory", max_memory] if max_memory else []
    small, big = (
        run([*sessionize(sample(n), OUT / f"{OURS}-large-{n}"), *(limit if n == events else [])])
        for n in (base, events)
    )
    if events == 10 * MANY and base == MANY:
        record("large", big.seconds / small.seconds)
        record("large_memory", big.peak_bytes / 1e9)
    what = f"{events:,} events after {base:,}{f', at most {max_memory}' if max_memory else ''}"
    return [Measure(what, shown(big), shown(small), big.seconds / small.seconds, "large")]


# Running and showing.


def sample(events: int, kind: str = "parquet") -> Path:
    """Return a file of `events` events, generated if it does not exist."""
    path = DATA / f"sample-{events}.{kind}"
    if not path.exists():
        subprocess.run([sys.executable, str(HERE / "make_sample.py"), str(events), str(path)], check=True)
    return path


def with_shape(events: int, shape: str) -> Path:
    """Return a file with the events of the sample in another shape, generated if it does not exist."""
    path = DATA / f"sample-{events}-{shape}.parquet"
    if not path.exists():
        script = [sys.executable, str(HERE / "make_sample.py")]
        subprocess.run([*script, str(events), str(path), str(sample(events)), shape], check=True)
    return path


def run(arguments: Sequence[str]) -> Run:
    """Run a process to its end. Raises `SystemExit` with its errors if it fails."""
    began = time.perf_counter()
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        errors = process.stderr.read() if process.stderr else b""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments)}\n{errors.decode()}")
    return Run(seconds, usage.ru_maxrss * 1024)


def faster(a: Run, b: Run) -> Run:
    """The better time of two runs, and the larger memory."""
    return Run(min(a.seconds, b.seconds), max(a.peak_bytes, b.peak_bytes))


def shown(done: Run) -> str:
    return f"{done.seconds:.2f} s, {done.peak_bytes / 1e9:.2f} GB"


if __name__ == "__main__":
    sys.exit(main())
