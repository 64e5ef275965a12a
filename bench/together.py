"""Processor time of the time together in a meeting of 100,000 stays, compared with that of its attendance list.

    python bench/together.py [--stays 100000] [--runs 3]

The same stays for all: 60,000 users in two hours, each stay up to ten minutes, three roles, one leave of a hundred inferred. Each
number is the best of the runs, without the store and without JSON.
"""

import argparse
import random
import time
from collections.abc import Callable

from headcount.kernel.attributes import canonical
from headcount.kernel.meetings import Entry
from headcount.kernel.stay_table import LeftBy
from headcount.reporting.attendance import people_in
from headcount.reporting.together import Side, together

END_MS = 7_800_000
ROLE = "attribute.role"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--stays", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    entries = made(asked.stays)
    host, guest = (Side({ROLE: frozenset({role})}) for role in ("host", "guest"))
    both, others = Side({ROLE: frozenset({"host", "guest"})}), Side({})
    cases: dict[str, Callable[[], object]] = {
        "attendance list": lambda: people_in(entries, END_MS),
        "host and guest": lambda: together(entries, [host, guest], END_MS),
        "host and everybody else": lambda: together(entries, [host, others], END_MS),
        "two guests": lambda: together(entries, [guest, guest], END_MS),
        "four sides that overlap": lambda: together(entries, [host, guest, both, others], END_MS),
    }
    base = best(cases["attendance list"], asked.runs)
    print(f"\n| {asked.stays:,} stays | seconds | attendance list = 1 |\n|---|---|---|")
    for name, case in cases.items():
        seconds = best(case, asked.runs)
        print(f"| {name} | {seconds:.2f} | {seconds / base:.1f} |")


def made(number: int) -> list[Entry]:
    chance = random.Random(1)
    roles = [canonical({"role": role}) for role in ("host", "guest", "viewer")]
    entries = []
    for stay in range(number):
        join = chance.randrange(7_200_000)
        leave = join + chance.randrange(10_000, 600_000)
        left_by = LeftBy.REPORTED if stay % 100 else LeftBy.TIMEOUT
        user_id = f"u-{chance.randrange(60_000)}"
        entries.append(Entry(f"c-{stay}", user_id, None, join, leave, left_by, chance.choice(roles)))
    return sorted(entries, key=lambda entry: (entry.join, entry.participant_id))


def best(case: Callable[[], object], runs: int) -> float:
    """The processor time of the fastest run, in seconds."""
    taken = []
    for _ in range(runs):
        began = time.process_time()
        case()
        taken.append(time.process_time() - began)
    return min(taken)


if __name__ == "__main__":
    main()
