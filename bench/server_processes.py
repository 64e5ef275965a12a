"""The processes of a server: it answers requests in one, and runs the engine in another."""

import os
import re
from pathlib import Path

PSS = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


def processes(pid: int) -> list[int]:
    """Return the ids of a process and of all that it has started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(process for child in children for process in processes(int(child)))]


def memory_mb(pid: int) -> float:
    """Return the memory of a server now. What its processes share counts once."""
    rollups = (Path(f"/proc/{process}/smaps_rollup").read_text() for process in processes(pid))
    return sum(int(PSS.search(rollup)[1]) for rollup in rollups) / 1_000  # type: ignore[index]


def processor_s(pid: int) -> float:
    """Return the processor time that a server has used so far."""
    return sum(_processor_s(process) for process in processes(pid))


def _processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
