"""Logs: the webhooks of any vendor that we know, kept by somebody, a delivery a line."""

from collections.abc import Iterable
from io import BytesIO

from headcount.errors import BadInput
from headcount.sources.api import Heard, Source
from headcount.sources.captures import read_capture
from headcount.sources.exports.api import Asked, Complain, File, Form
from headcount.sources.exports.text import UTF8_MARK, UTF16_MARKS


def log_of(source: Source) -> Form:
    """The log of one vendor's webhooks."""

    def read(file: File, _: Asked, complain: Complain) -> Iterable[Heard]:
        if file.raw.startswith(UTF16_MARKS):
            raise BadInput("is UTF-16 text: save it as UTF-8", where=file.where)
        lines = BytesIO(file.raw.removeprefix(UTF8_MARK))
        return read_capture(lines, source, file.where, complain)

    return Form(source.kind, read)
