"""Helpers of the tests: engines, stores, services, receivers and the oracle."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
