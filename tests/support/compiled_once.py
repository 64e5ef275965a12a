"""The compiled passes are compiled once for all workers of a run, instead of by each worker at the same time.

Numba writes what it compiles to disk, but in a fresh clone every worker would spend half a minute on the same code. Here the
first worker that needs it compiles a small example, while those that need it later wait for a lock.
"""

import fcntl
from functools import cache
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "docs/examples/monday.csv"


def compile_once(lock_path):
    """Let the first compiled function that this process calls wait for the compilation of the example."""
    from numba.core.dispatcher import Dispatcher

    compile_now = Dispatcher._compile_for_args  # noqa: SLF001 - Numba has no hook before it compiles

    @cache
    def compile_example():
        Dispatcher._compile_for_args = compile_now  # noqa: SLF001 - this happens once
        with lock_path.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            from headcount import sessionize

            sessionize(str(EXAMPLE))

    def wait_and_compile(self, *args, **kws):
        compile_example()
        return compile_now(self, *args, **kws)

    Dispatcher._compile_for_args = wait_and_compile  # noqa: SLF001
