"""A pytest plugin: properties with a fixed seed, few examples and no shrinking, so that a run is short and repeatable."""

import os

import pytest
from hypothesis import Phase, settings

MOST_EXAMPLES = int(os.environ.get("HEADCOUNT_MUTATION_EXAMPLES", "40"))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    for item in items:
        test = getattr(item, "obj", None)
        if getattr(test, "is_hypothesis_test", False):
            own = test._hypothesis_internal_use_settings
            test._hypothesis_internal_use_settings = settings(
                own,
                max_examples=min(own.max_examples, MOST_EXAMPLES),
                derandomize=True,
                database=None,
                phases=(Phase.explicit, Phase.generate),
            )
