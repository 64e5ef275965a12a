"""Times as vendors write them: what is no time is refused in words, however large the number."""

import pytest

from headcount import BadInput
from headcount.sources import said


@pytest.mark.parametrize("told", [0, -1, 10**18, 10**400, float("inf"), float("nan")])
@pytest.mark.parametrize("unit", [said.sensible, said.seconds])
def test_a_number_that_is_no_time_is_refused(unit, told):
    with pytest.raises(BadInput, match="x is not between the years 2000 and 2100"):
        unit(told, "x")
