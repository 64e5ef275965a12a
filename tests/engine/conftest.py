"""Fixtures of the engine's tests."""

import tempfile
from pathlib import Path

import pytest

from support.stored import IN_MEMORY


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as made:
        yield Path(made)


@pytest.fixture
def small_chunks(monkeypatch):
    """Let few events be enough for merged chunks and a base in parts, in the state of a shard."""
    monkeypatch.setattr("headcount.cluster.shard_state._MIN_BASE_BYTES", 600)
    monkeypatch.setattr("headcount.cluster.shard_state._BASE_ROOMS", 1)
