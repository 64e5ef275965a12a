"""Crashes: the server killed under load, and its store restored from backups, repeatedly.

    make crash-test                 (or python bench/crashes.py --kills 100 --restores 20)

Four senders send single events, and resend those that were not acknowledged. Between kills, the store is backed up
while the server runs, killed, restored as docs/how-to/back-up-and-restore.md describes, and served again. After each
restore and at the end, the log must contain every acknowledged event (for a restored store: those before the backup) once,
and nothing else. SQLite and `rebuild --check` must find no error; otherwise the exit code is 1.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from support.crash_runs import Crashes
from support.running_service import Running


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--restores", type=int, default=20)
    asked = parser.parse_args()
    rounds = max(1, asked.restores)
    kills = [asked.kills * (n + 1) // rounds - asked.kills * n // rounds for n in range(rounds)]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="headcount-crashes-") as folder:
        service = Running(folder, reads_per_5s=0, events_per_5s=0).start()
        crashes = Crashes(service, lambda line: print(line, flush=True))
        try:
            for number in kills:
                crashes.kill(number)
                if asked.restores:
                    crashes.restore()
            crashes.end()
        except AssertionError as error:
            print(f"FAILED: {error}")
            return 1
        finally:
            service.stop()
            crashes.close()
    print(
        f"{asked.kills} kills and {asked.restores} restores in {time.monotonic() - began:.0f} s:"
        f" of {crashes.acknowledged:,} acknowledged events: none lost, none duplicated, nothing corrupt"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
