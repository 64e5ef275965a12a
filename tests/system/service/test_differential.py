"""A running service shows what its log says, after any life: see `differential`. `make soak` lives many more of them."""

import os

import pytest

from support.differential import Life

MORE = int(os.environ.get("HEADCOUNT_LIVES", "0"))


@pytest.mark.parametrize("seed", [1, 2, *range(1_000, 1_000 + MORE)])
def test_a_life_on_a_file_shows_what_its_log_says(tmp_path, seed):
    assert Life(tmp_path, seed).run() == []


@pytest.mark.parametrize("seed", [3, *range(2_000, 2_000 + MORE)])
def test_a_life_on_postgresql_shows_what_its_log_says(tmp_path, postgres, seed):
    assert Life(tmp_path, seed, postgres.database()).run() == []
