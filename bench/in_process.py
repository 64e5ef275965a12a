"""Duration of `headcount.sessionize` in a running process. Usage: in_process.py EVENTS [CALLS].

Prints one JSON object: the seconds of each call. The first call loads and compiles.
"""

import json
import sys
import time

import headcount


def main(events: str, calls: str = "3") -> None:
    seconds = []
    for _ in range(int(calls)):
        began = time.perf_counter()
        headcount.sessionize(events)
        seconds.append(time.perf_counter() - began)
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main(*sys.argv[1:])
