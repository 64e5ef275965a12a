"""Fixtures of the cluster's tests."""

import tempfile
from pathlib import Path

import pytest

from support.stored import IN_MEMORY


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as made:
        yield Path(made)
