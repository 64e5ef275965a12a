"""Asking: what pages are asked for in their addresses."""


class NotThere(Exception):
    """There is no such room, meeting or page. The message says so."""
