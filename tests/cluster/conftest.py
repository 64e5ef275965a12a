"""Fixtures of the cluster's tests."""

import tempfile
from pathlib import Path

import pytest

from support.stored import IN_MEMORY


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as made:
        yield Path(made)


@pytest.fixture
def tiny_chunks(monkeypatch):
    """Let a few rounds be enough for merged chunks, and for a base in parts."""
    monkeypatch.setattr("headcount.cluster.shard_state._MIN_BASE_BYTES", 600)
    monkeypatch.setattr("headcount.cluster.shard_state._BASE_ROOMS", 1)
