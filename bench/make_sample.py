"""File of generated events. Usage: make_sample.py EVENTS PATH. A path that ends in .ndjson gets NDJSON."""

import json
import sys
from pathlib import Path

from headcount.demo.sample import sample_table, write_sample


def main(events: str, path: str) -> None:
    unfinished = Path(f"{path}.part")
    unfinished.parent.mkdir(exist_ok=True)
    if path.endswith(".ndjson"):
        write_lines(int(events), unfinished)
    else:
        write_sample(unfinished, events=int(events))
    unfinished.rename(path)


def write_lines(events: int, path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in sample_table(events).to_pylist():
            known = {key: value for key, value in row.items() if value is not None}
            file.write(json.dumps(known | {"at": row["at"].isoformat(timespec="milliseconds")}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
