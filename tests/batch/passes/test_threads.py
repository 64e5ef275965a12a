"""The number of threads changes no result, and one thread starts no other."""

import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from headcount import sessionize
from headcount.batch.io.writers import write_sessions
from headcount.demo.sample import sample_table

LISTED = """
import os, sys, tempfile
import numpy, pyarrow.compute, pyarrow.csv, pyarrow.parquet, llvmlite.binding
from headcount import sessionize
from headcount.batch.io.writers import write_sessions

pyarrow.parquet.ParquetFile(sys.argv[1]).read(use_threads=False)
before = os.listdir("/proc/self/task")
sessions = sessionize(sys.argv[1], threads=int(sys.argv[2]))
with tempfile.TemporaryDirectory() as folder:
    write_sessions(sessions, folder, stays=True)
    print(len(os.listdir("/proc/self/task")) - len(before))
"""
"""Arrow's threads remain when they have nothing to do."""


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    path = tmp_path_factory.mktemp("events") / "events.parquet"
    pq.write_table(sample_table(120_000), path, row_group_size=20_000)
    return path


def threads_left(events, threads):
    command = [sys.executable, "-c", LISTED, str(events), str(threads)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.mark.process
@pytest.mark.skipif(sys.platform != "linux", reason="lists the threads of a process")
def test_one_thread_starts_no_other(events):
    assert threads_left(events, 1) == 0
    assert threads_left(events, 64) > 0


@pytest.mark.parametrize("max_memory", [None, 10_000_000])
def test_the_number_of_threads_changes_no_result(events, tmp_path, max_memory):
    found = []
    for threads in (1, 3):
        sessions = sessionize(events, threads=threads, max_memory=max_memory)
        write_sessions(sessions, tmp_path / str(threads), stays=True)
        tables = [
            pq.read_table(tmp_path / str(threads) / f"{name}.parquet")
            for name in ("meetings", "participants", "stays")
        ]
        found.append((sessions.summary, [table.to_pylist() for table in tables]))
    assert found[0] == found[1]
