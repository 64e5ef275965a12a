"""A running service shows what follows from its log, in random simulations; `make soak` runs more of them."""

import os

import pytest

from support.differential import Life

MORE = int(os.environ.get("HEADCOUNT_LIVES", "0"))


@pytest.mark.parametrize("seed", [1, 2, *range(1_000, 1_000 + MORE)])
def test_a_service_on_a_file_shows_what_follows_from_its_log(tmp_path, seed):
    assert Life(tmp_path, seed).run() == []


@pytest.mark.parametrize("seed", [3, *range(2_000, 2_000 + MORE)])
def test_a_service_on_postgresql_shows_what_follows_from_its_log(tmp_path, postgres, seed):
    assert Life(tmp_path, seed, postgres.database()).run() == []
