"""Galene, which sends no requests: it is polled (`headcount.sources.polls.galene`)."""

from typing import Final

from headcount.sources.api import poll_only_source

SOURCE: Final = poll_only_source(
    "galene", "Galene", "NAME:PASSWORD of an administrator, as the users of Galene's config.json have them"
)
