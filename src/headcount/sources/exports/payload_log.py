"""Payload logs: the webhooks of any vendor in the registry, as captured requests."""

from collections.abc import Iterable

from headcount.sources.api import ParsedEvent, Source
from headcount.sources.captures import parse_capture
from headcount.sources.exports.api import ErrorCallback, ExportFile, ExportFormat, ExportOptions, SkippedRow


def payload_log_format(source: Source) -> ExportFormat:
    """Return the format of a log of one vendor's webhooks."""

    def parse(file: ExportFile, _: ExportOptions, on_error: ErrorCallback) -> Iterable[ParsedEvent]:
        def skip(line: int) -> None:
            on_error(SkippedRow("without a join, leave or end", where=file.name, place=f"line {line}"))

        return parse_capture(file.content, source, file.name, on_error, skip)

    return ExportFormat(source.kind, parse)
