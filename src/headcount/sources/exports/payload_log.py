"""Payload logs: the webhooks of any vendor in the registry, one captured request per line."""

from collections.abc import Iterable
from io import BytesIO

from headcount.errors import BadInput
from headcount.sources.api import ParsedEvent, Source
from headcount.sources.captures import parse_capture
from headcount.sources.exports.api import ErrorCallback, ExportFile, ExportFormat, ExportOptions
from headcount.sources.exports.text import UTF8_BOM, UTF16_BOMS


def payload_log_format(source: Source) -> ExportFormat:
    """Return the format of a log of one vendor's webhooks."""

    def parse(file: ExportFile, _: ExportOptions, on_error: ErrorCallback) -> Iterable[ParsedEvent]:
        if file.content.startswith(UTF16_BOMS):
            raise BadInput("is UTF-16 text: save it as UTF-8", where=file.name)
        lines = BytesIO(file.content.removeprefix(UTF8_BOM))
        return parse_capture(lines, source, file.name, on_error)

    return ExportFormat(source.kind, parse)
