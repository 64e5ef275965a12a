"""The processes of one service: the service itself, the supervisor of its engine, and the engine process."""

import os
import signal
from pathlib import Path

from support.waiting import wait_until


def children(pid):
    """Return the ids of the processes that a process has started; none if it has ended."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


class Processes:
    """The ids of the processes of a service that runs."""

    def __init__(self, service):
        self.service = service.process.pid
        self.supervisor = wait_until(lambda: children(self.service))[0]
        self.engine = wait_until(lambda: children(self.supervisor))[0]

    def all_have_ended(self):
        return not any(is_running(pid) for pid in (self.service, self.supervisor, self.engine))


def is_running(pid):
    """Return whether a process runs. One that has ended and was not waited for does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def kill(pid):
    os.kill(pid, signal.SIGKILL)
