"""Options and output that several commands for files share: column mappings, Arrow's memory, and the progress bar.

Responsible for their form. Must not know what the commands do.
"""

import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from headcount.cli.console import erase_line_above

if TYPE_CHECKING:
    from headcount.batch.io.event_columns import ColumnMap

_MIN_RETURNED_BYTES: Final = -1
_MIN_MAPPED_BYTES: Final = -3
_ARENAS: Final = -8
"""Options of `mallopt`, by their numbers in `malloc.h`."""
_STEPS: Final = 1_000


def with_mapping(command: Callable[..., None]) -> Callable[..., None]:
    """Add options that map columns to a command, which gets `mapping`: `texts` and `time_unit`."""

    @click.option(
        "--map",
        "maps",
        multiple=True,
        metavar="MAP",
        help="Names of your columns and kinds, like room=room_name,kind=event,kind.join=joined, or a .toml file.",
    )
    @click.option(
        "--attribute",
        "attributes",
        multiple=True,
        metavar="KEY=COLUMN",
        help="Column of an attribute, like customer=account_name. Repeat it for several.",
    )
    @click.option(
        "--time-unit",
        type=click.Choice(["s", "ms", "us", "ns"]),
        help="Unit of numeric times.  [default: ms]",
    )
    @wraps(command)
    def with_map(
        *, maps: tuple[str, ...], attributes: tuple[str, ...], time_unit: str | None, **options: Any
    ) -> None:
        command(mapping=Mapping(maps, time_unit, attributes), **options)

    return with_map


class Mapping(NamedTuple):
    """The options of a column mapping, as given."""

    texts: tuple[str, ...]
    time_unit: str | None
    attributes: tuple[str, ...] = ()

    def parsed(self) -> "ColumnMap":
        """Return the mapping. Raise `BadInput`."""
        from headcount.batch.io.column_map import parse_map  # noqa: PLC0415 - loads Arrow

        return parse_map(self.texts, self.time_unit, self.attributes)


def prepare_arrow() -> None:
    """Set what Numba, Arrow and NumPy read from the environment when they are loaded."""
    # With colorama installed, Numba would write a color code to the terminal at exit.
    os.environ.setdefault("NUMBA_DISABLE_ERROR_MESSAGE_HIGHLIGHTING", "1")
    if sys.platform == "linux":
        # Arrow and NumPy share the memory of the C library, which reuses what they free.
        os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
        _reuse_memory()
        # A virtual machine may give back huge pages to its host as soon as they are free, and has to request them again.
        os.environ.setdefault("NUMPY_MADVISE_HUGEPAGE", "0")
    # NumPy would start threads for linear algebra, of which there is none.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _reuse_memory() -> None:
    """Let the C library reuse freed memory instead of returning it to the system, which would clear it again.

    Ten million events touched 1.1 GB of new memory instead of 1.8 GB. Other C libraries than glibc have no such setting.
    """
    with suppress(AttributeError):
        set_option = ctypes.CDLL(None).mallopt
        set_option(_ARENAS, 1)
        set_option(_MIN_MAPPED_BYTES, 32 << 20)
        set_option(_MIN_RETURNED_BYTES, 1 << 30)


@contextmanager
def progress_bar(*, quiet: bool) -> Iterator[Any]:
    """Yield a function that updates a progress bar on standard error; None if that is not a terminal."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    form = "%(label)s %(bar)s %(info)s"
    bar: Any = click.progressbar(
        length=_STEPS, label="reading", file=sys.stderr, bar_template=form, fill_char="━"
    )

    def update(share: float, label: str) -> None:
        bar.label = label
        bar.update(max(0, round(share * _STEPS) - bar.pos))

    with bar:
        yield update
    erase_line_above()
