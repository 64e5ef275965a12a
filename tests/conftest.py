"""What all tests share: how pytest is asked."""


def pytest_addoption(parser):
    parser.addoption(
        "--rewrite",
        action="store_true",
        help="write what the oracle says into tests/scenarios/*.txt; then read the diff",
    )
