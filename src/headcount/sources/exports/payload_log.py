"""Payload logs: the webhooks of any vendor in the registry, as captured requests."""

from collections.abc import Iterable
from dataclasses import replace

from headcount.sources.api import ParsedEvent, Source
from headcount.sources.attribute_map import parse_attribute_map
from headcount.sources.captures import parse_capture
from headcount.sources.exports.api import ErrorCallback, ExportFile, ExportFormat, ExportOptions, SkippedRow


def payload_log_format(source: Source) -> ExportFormat:
    """Return the format of a log of one vendor's webhooks."""

    def parse(file: ExportFile, options: ExportOptions, on_error: ErrorCallback) -> Iterable[ParsedEvent]:
        mapped = replace(source, attributes=parse_attribute_map({**options.attributes}))

        def skip(line: int) -> None:
            on_error(SkippedRow("without a join, leave or end", where=file.name, place=f"line {line}"))

        return parse_capture(file.content, mapped, file.name, on_error, skip)

    return ExportFormat(source.kind, parse, attribute_place="pointer")
