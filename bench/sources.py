"""Time to verify and parse a request of each source, in microseconds per event.

    python bench/sources.py [--seconds 0.5] [--runs 5] [--bars '{"all": 60}']

Every request of the golden files and samples that has events is signed as its vendor signs it, then
verified and parsed repeatedly, in one process and one thread. The best of `--runs` counts, so that a disturbance of the
machine does not count. Each run must give as many events as the first, or the benchmark fails.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from headcount.sources.api import InboundRequest, Source, parse_trusted, verify_and_parse
from headcount.sources.registry import SOURCES

TESTS = Path(__file__).parents[1] / "tests" / "sources"
sys.path[:0] = [str(TESTS), str(TESTS.parent)]

from test_all_sources import NOW, URL, secret_for  # noqa: E402 - they are in tests, not in the package

from support.golden_payloads import request_of  # noqa: E402

BARS = {"all": 60.0, "livekit": 120.0}
"""Targets: the maximum time per event in microseconds, on average of all sources and for single ones."""


def main() -> int:
    options = arguments()
    bars = BARS | json.loads(options.bars)
    found = {source.kind: measure(source, options) for source in SOURCES.values()}
    found["all"] = sum(found.values()) / len(found)
    print(f"{'source':>14}  µs per event  target")
    for name, time_us in found.items():
        print(f"{name:>14}  {time_us:11.1f}  {verdict(time_us, bars.get(name))}")
    return 0


def verdict(time_us: float, bar: float | None) -> str:
    return "" if bar is None else f"<= {bar:g}: {'yes' if time_us <= bar else 'NO'}"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each run of each source")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--bars", default="{}", help='JSON, like {"all": 50}')
    return parser.parse_args()


def measure(source: Source, options: argparse.Namespace) -> float:
    """Return the microseconds per event of the best run."""
    secret = secret_for(source)
    signed = [source.sign(request, secret) for request in requests(source)]
    events = count_events(source, signed, secret)
    rounds = 1 + int(options.seconds / run_rounds(source, signed, secret, 1, events))
    best = min(run_rounds(source, signed, secret, rounds, events) for _ in range(options.runs))
    return best / (rounds * events) * 1e6


def requests(source: Source) -> list[InboundRequest]:
    """Return the requests with events, without the signatures of their files."""
    files = sorted(TESTS.joinpath(source.kind).glob("*.json"))
    contents = [json.loads(file.read_text()) for file in files]
    golden = [request_of(one) for one in contents if one.get("events")]
    unsigned = [one._replace(headers={}, url=URL, received_at=NOW) for one in [*golden, *source.samples(NOW)]]
    return [one for one in unsigned if parse_trusted(source, one)]


def count_events(source: Source, signed: Sequence[InboundRequest], secret: str) -> int:
    return sum(len(verify_and_parse(source, request, [secret])) for request in signed)


def run_rounds(
    source: Source, signed: Sequence[InboundRequest], secret: str, rounds: int, events: int
) -> float:
    began = time.perf_counter()
    for _ in range(rounds):
        if count_events(source, signed, secret) != events:
            raise SystemExit(f"{source.kind} did not give the same events again")
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
