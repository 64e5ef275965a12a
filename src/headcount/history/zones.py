"""Zones: the moments at which the clocks of some place showed a time.

Nearly always there is one. When clocks are set forward an hour is skipped, and none of its times was
ever shown; when they are set back an hour is there twice.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from headcount.errors import BadInput
from headcount.kernel.events import Ms

_OFFSET: Final = re.compile(r"([+-])(\d\d):?(\d\d)", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


def zone_named(name: str) -> tzinfo:
    """The zone of a name, like Europe/Berlin, or of an offset, like +02:00. Raises `BadInput`."""
    offset = _OFFSET.fullmatch(name)
    if offset is not None and int(offset[2]) < 24 and int(offset[3]) < 60:
        east = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
        return timezone(east if offset[1] == "+" else -east)
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise BadInput(
            f"no zone is called '{name[:50]}': give one like Europe/Berlin, UTC, or an offset like +02:00"
        ) from error


def moments_of(shown: datetime, zone: tzinfo) -> Sequence[Ms]:
    """The moments at which clocks of the zone showed a time: one; none; or two, the earlier first."""
    found = {
        there.astimezone(UTC)
        for there in (shown.replace(tzinfo=zone, fold=0), shown.replace(tzinfo=zone, fold=1))
        if there.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == shown
    }
    return [(moment - _EPOCH) // _MILLISECOND for moment in sorted(found)]
