"""Logs: the webhooks of any vendor that we know, kept by somebody, a delivery a line."""

from collections.abc import Iterable
from io import BytesIO

from headcount.errors import BadInput
from headcount.sources.api import ParsedEvent, Source
from headcount.sources.captures import parse_capture
from headcount.sources.exports.api import ErrorCallback, ExportFile, ExportFormat, ExportOptions
from headcount.sources.exports.text import UTF8_MARK, UTF16_MARKS


def log_of(source: Source) -> ExportFormat:
    """The log of one vendor's webhooks."""

    def read(file: ExportFile, _: ExportOptions, complain: ErrorCallback) -> Iterable[ParsedEvent]:
        if file.raw.startswith(UTF16_MARKS):
            raise BadInput("is UTF-16 text: save it as UTF-8", where=file.where)
        lines = BytesIO(file.raw.removeprefix(UTF8_MARK))
        return parse_capture(lines, source, file.where, complain)

    return ExportFormat(source.kind, read)
