"""The compiled passes are compiled once for all workers of a run, instead of by each worker at the same time."""

import fcntl


def compile_once(lock_path):
    """Load the machine code of the passes; the first worker compiles it, while the others wait."""
    from headcount.batch.passes import attributes
    from headcount.batch.passes.layout import NO_ROW

    with lock_path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        attributes.merged(0, NO_ROW, attributes.LATER, attributes.new_merges(1))
