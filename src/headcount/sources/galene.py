"""Galene: it sends nothing, and is asked who is in (`headcount.sources.polls.galene`)."""

from typing import Final

from headcount.sources.api import only_asked

SOURCE: Final = only_asked(
    "galene", "Galene", "NAME:PASSWORD of an administrator, as the users of Galene's config.json have them"
)
