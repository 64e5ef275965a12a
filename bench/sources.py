"""What it takes to verify and read a delivery of each source, in microseconds for each event.

    python bench/sources.py [--seconds 0.5] [--runs 5] [--bars '{"all": 60}']

Every delivery of the golden files and samples from which anything is heard is signed as its vendor signs it, then
verified and read again and again, one process, one thread. The best of `--runs` counts, so that a disturbance of the
machine does not. That the work is done is checked: each time as many events are heard as at first, or it fails.
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

from test_all_sources import NOW, URL, secret_of  # noqa: E402 - they lie beside, not in the package

from support.golden_payloads import request_of  # noqa: E402

BARS = {"all": 60.0, "livekit": 120.0}
"""What we aim for: at most so many microseconds for an event, of all sources on average and of one."""


def main() -> int:
    asked = arguments()
    bars = BARS | json.loads(asked.bars)
    found = {source.kind: measured(source, asked) for source in SOURCES.values()}
    found["all"] = sum(found.values()) / len(found)
    print(f"{'source':>14}  us an event  bar")
    for name, took in found.items():
        print(f"{name:>14}  {took:11.1f}  {verdict(took, bars.get(name))}")
    return 0


def verdict(took: float, bar: float | None) -> str:
    return "" if bar is None else f"<= {bar:g}: {'yes' if took <= bar else 'NO'}"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each run of each source")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--bars", default="{}", help='JSON, like {"all": 50}')
    return parser.parse_args()


def measured(source: Source, asked: argparse.Namespace) -> float:
    """Microseconds for each event, in the best run."""
    secret = secret_of(source)
    signed = [source.sign(request, secret) for request in requests(source)]
    events = heard(source, signed, secret)
    rounds = 1 + int(asked.seconds / timed(source, signed, secret, 1, events))
    best = min(timed(source, signed, secret, rounds, events) for _ in range(asked.runs))
    return best / (rounds * events) * 1e6


def requests(source: Source) -> list[InboundRequest]:
    """Those from which something is heard, without the marks by which they were genuine in their files."""
    files = sorted(TESTS.joinpath(source.kind).glob("*.json"))
    told = [json.loads(file.read_text()) for file in files]
    golden = [request_of(one) for one in told if one.get("events")]
    unsigned = [one._replace(headers={}, url=URL, received_at=NOW) for one in [*golden, *source.samples(NOW)]]
    return [one for one in unsigned if parse_trusted(source, one)]


def heard(source: Source, signed: Sequence[InboundRequest], secret: str) -> int:
    return sum(len(verify_and_parse(source, request, [secret])) for request in signed)


def timed(source: Source, signed: Sequence[InboundRequest], secret: str, rounds: int, events: int) -> float:
    began = time.perf_counter()
    for _ in range(rounds):
        if heard(source, signed, secret) != events:
            raise SystemExit(f"{source.kind} did not hear the same again")
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
