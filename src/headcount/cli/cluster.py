"""Commands for a cluster: the live query, and how far it has come."""

import signal
import sys
from importlib.util import find_spec
from threading import Event
from typing import Any, Final

import click

from headcount.batch.extra import batch_extra
from headcount.cli.console import echo, emit, json_option, rfc3339
from headcount.cli.group import Group, main
from headcount.cli.options import existing_store, with_settings
from headcount.cli.param_types import DURATION, TIME
from headcount.errors import BadInput, MissingExtra
from headcount.kernel.events import Ms
from headcount.settings import Settings

_RULES = ("min_stay_s", "start_alone_s", "reset_alone_s", "late_grace_s", "reorder_window_s", "stale_after_s")
_COMPACT_AFTER: Final[Ms] = 3_600_000
"""A day is merged when it has been over for this time: the archive is behind."""


@main.group(cls=Group)
def cluster() -> None:
    """Process the events of a Kafka topic on Spark."""


@cluster.command(
    "run",
    examples=[
        "headcount cluster run --log kafka://broker:9092/headcount.events --checkpoint /srv/checkpoint",
        "headcount cluster run --master spark://spark:7077 --tasks 8 --checkpoint s3a://bucket/checkpoint",
    ],
)
@click.option(
    "--checkpoint", required=True, metavar="DIR", help="Where Spark saves the state: a directory or a URL."
)
@click.option(
    "--master", default="", metavar="URL",
    help="Spark master to run on.  [default: that of 'spark-submit', or local[*] without it]",
)  # fmt: skip
@click.option(
    "--jars", default="", metavar="DIR",
    help="Directory with Spark's Kafka connector.  [default: download it]",
)  # fmt: skip
@click.option(
    "--records", type=click.IntRange(1), default=100_000, metavar="N",
    help="Maximum number of records in a batch.  [default: 100000]",
)  # fmt: skip
@click.option(
    "--trigger", default="1 second", metavar="INTERVAL", help="Time between two batches.  [default: 1 second]"
)
@click.option(
    "--partitions", type=click.IntRange(1, 10_000), default=64, metavar="N",
    help="Number of partitions of the topic if it does not exist yet.  [default: 64]",
)  # fmt: skip
@click.option(
    "--archive-trigger", default="1 minute", metavar="INTERVAL",
    help="Time between two files of a partition in the archive.  [default: 1 minute]",
)  # fmt: skip
@click.option(
    "--retention", type=DURATION, default="24h",
    help="Time that a shard knows the past of a room; events that are older are late for good.  [default: 24h]",
)  # fmt: skip
@click.option(
    "--tasks", type=click.IntRange(1), default=2, metavar="N",
    help="Number of tasks in which the shards of a batch run: that of the cores.  [default: 2]",
)  # fmt: skip
@click.option(
    "--conf", "extra", multiple=True, metavar="NAME=VALUE", help="Further setting of Spark; repeatable."
)
@with_settings("database", "durability", "log", "archive", *_RULES)
def run_cluster(*, settings: Settings, checkpoint: str, extra: tuple[str, ...], **options: Any) -> None:
    """Run the live query: it reads the topic and writes meetings into the database, until it is stopped.

    Servers that answer requests are started with 'headcount serve --engine off'.
    """
    _require_spark()
    from headcount.cluster.driver import RunOptions, SparkOptions, run_live  # noqa: PLC0415 - needs Spark
    from headcount.telemetry.logging import set_up_logging  # noqa: PLC0415 - help does not need it

    set_up_logging(settings["log_level"], settings["log_format"])
    stopping = _stopped()
    spark = SparkOptions(options["master"], options["jars"], options["tasks"], _pairs(extra))
    run = RunOptions(
        checkpoint, options["records"], options["trigger"], options["partitions"], options["retention"],
        settings["archive"], options["archive_trigger"],
    )  # fmt: skip
    run_live(settings, spark, run, stopping)


def _stopped() -> Event:
    """Return an event that is set when the process is asked to stop."""
    stopping = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    return stopping


def _require_spark() -> None:
    """Raise `MissingExtra` if a package that Spark needs is not installed."""
    from headcount.cli import find_pandas  # noqa: PLC0415 - which imports this module

    find_pandas()
    _require_packages(
        **dict.fromkeys(("pyspark", "pandas", "pyarrow", "confluent_kafka", "psycopg"), "spark")
    )


def _require_packages(**extras: str) -> None:
    """Raise `MissingExtra` if one of these packages is not installed; each has the extra that contains it."""
    for package, extra in extras.items():
        if find_spec(package) is None:
            raise MissingExtra(extra, package)


def _pairs(texts: tuple[str, ...]) -> dict[str, str]:
    for text in texts:
        if "=" not in text:
            raise BadInput(f"--conf needs a name and a value, such as spark.executor.memory=2g, not {text!r}")
    return {name: value for name, _, value in (text.partition("=") for text in texts)}


@cluster.command(
    "backfill",
    examples=[
        "headcount cluster backfill /srv/archive --database postgresql://headcount@db/headcount",
        "headcount cluster backfill /srv/archive --output meetings/ --as-of 2026-12-01T00:00:00Z",
    ],
)
@click.argument("archive", metavar="DIR")
@click.option(
    "--output", metavar="DIR",
    help="Where the meetings are written as Parquet files.  [default: into the database]",
)  # fmt: skip
@click.option(
    "--as-of", type=TIME,
    help="With --output, time up to which events count (RFC 3339).  [default: now]",
)  # fmt: skip
@click.option("--replace", is_flag=True, help="Delete the meetings that the database has.")
@click.option(
    "--retention", type=DURATION, default="24h", metavar="TIME",
    help="Retention of the live query that continues from the database.  [default: 24h]",
)  # fmt: skip
@click.option(
    "--master", default="local[*]", metavar="URL", help="Spark master to run on.  [default: local[*]]"
)
@click.option(
    "--conf", "extra", multiple=True, metavar="NAME=VALUE", help="Further setting of Spark; repeatable."
)
@json_option
@with_settings("database", *_RULES)
def backfill_archive(
    *,
    settings: Settings,
    archive: str,
    output: str | None,
    as_of: Ms | None,
    replace: bool,
    retention: Ms,
    master: str,
    extra: tuple[str, ...],
    as_json: bool,
) -> None:
    """Derive all meetings of an archive at once, into an empty database or as files.

    'headcount cluster run' with the same database and archive, and an empty checkpoint, continues from there.
    """
    _require_spark()
    from headcount.cluster.backfill import backfill, load  # noqa: PLC0415 - needs Spark
    from headcount.cluster.driver import SparkOptions, require_server, spark_session  # noqa: PLC0415 - likewise
    from headcount.cluster.shard import ShardSettings  # noqa: PLC0415 - likewise
    from headcount.service.runtime import new_clock  # noqa: PLC0415 - help does not need it

    if output is None:
        require_server(settings)
        if as_of is not None:
            raise click.UsageError("--as-of needs --output: a database has what has happened until now")
    session = spark_session(SparkOptions(master, extra=_pairs(extra), needs_kafka=False))
    try:
        if output is None:
            shard = ShardSettings(
                settings.rules(), settings.stale_after(), settings.reorder_window(), retention
            )
            done = load(session, archive, settings["database"], shard, settings.keyring(), replace=replace)
        else:
            until = new_clock().now() if as_of is None else as_of
            done = backfill(session, archive, output, settings.rules(), until)
    finally:
        session.stop()
    if as_json:
        emit(done._asdict())
    else:
        where = "the database" if output is None else output
        echo(f"{done.events:,} events in {done.partitions} partitions: {done.meetings:,} meetings in {where}")


@cluster.command(
    "domains",
    examples=[
        "headcount cluster domains",
        "headcount cluster domains 'acme-*,school'",
        "headcount cluster domains '*,!acme-*,!school'",
    ],
)
@click.argument("rule", required=False, metavar="[RULE]")
@json_option
@with_settings("database")
def assign_domains(*, settings: Settings, rule: str | None, as_json: bool) -> None:
    """Show or set which domains this cell has.

    RULE is a list of names with commas. In a name, * is any text; a name after ! is not in the cell. Servers refuse events of
    other domains at once. The live query refuses them from its next start.
    """
    from headcount.store.cell import CellRule  # noqa: PLC0415 - help does not need it
    from headcount.store.shard_sink import ShardSink  # noqa: PLC0415 - likewise

    store = existing_store(settings, read_only=rule is None)
    sink = ShardSink(store.database)
    if rule is not None:
        sink.assign(CellRule.decode(rule))
    cell = sink.cell()
    others = [domain for domain in store.keys.domains() if not cell.has(domain)]
    store.close()
    if as_json:
        emit({"domains": list(cell.patterns), "others": others})
        return
    echo(f"domains:  {', '.join(cell.patterns) or 'all'}")
    if others:
        echo(f"This database has keys or sources of other domains: {', '.join(others)}")


@cluster.command("compact", examples=["headcount cluster compact /srv/archive"])
@click.argument("archive", metavar="DIR")
@json_option
def compact_archive(*, archive: str, as_json: bool) -> None:
    """Merge the small files of an archive, of all days until yesterday (UTC). Run it once a day.

    DIR is a directory or an s3:// URL. Servers and the live query may run.
    """
    with batch_extra():
        from headcount.store.archive import Archive  # noqa: PLC0415 - loads Arrow
    from headcount.service.runtime import new_clock  # noqa: PLC0415 - help does not need it

    files, now = Archive(archive), new_clock().now()
    done = [
        files.compact(partition, now - _COMPACT_AFTER)
        for partition in range(files.require_state().partitions)
    ]
    before, after = sum(one.before for one in done), sum(one.after for one in done)
    if as_json:
        emit({"partitions": len(done), "files_before": before, "files_after": after})
    else:
        echo(f"{before:,} files of {len(done)} partitions: {after:,} after merging")


@cluster.command(
    "repair",
    examples=["headcount cluster repair --log kafka://broker:9092/headcount.events --archive /srv/archive"],
)
@click.option(
    "--timeout", type=DURATION, default="5m", metavar="TIME",
    help="Time to wait for the live query and the archive.  [default: 5m]",
)  # fmt: skip
@json_option
@with_settings("database", "log", "archive")
def repair_late(*, settings: Settings, timeout: Ms, as_json: bool) -> None:
    """Process events that came too late, with the pasts of their rooms from the archive.

    The live query must run. It is the one that changes the meetings.
    """
    store = existing_store(settings)
    try:
        if not settings["archive"]:
            raise BadInput("which archive? Set --archive to that of the live query")
        _require_packages(confluent_kafka="kafka", pyarrow="batch")
        from headcount.cluster.repair import repair  # noqa: PLC0415 - needs the Kafka client
        from headcount.cluster.topics import required_topic  # noqa: PLC0415 - likewise
        from headcount.store.archive import Archive  # noqa: PLC0415 - needs Arrow

        done = repair(
            required_topic(settings),
            store.database,
            Archive(settings["archive"]),
            patience_s=timeout / 1_000,
            stopping=_stopped(),
        )
    finally:
        store.close()
    if as_json:
        emit(done._asdict())
    elif done.entries:
        echo(f"{done.entries:,} late events in {done.rooms:,} rooms are processed now")
    else:
        echo("No event came too late since the last repair.")


@cluster.command("status", examples=["headcount cluster status --database postgresql://…"])
@json_option
@with_settings("database")
def show_status(*, settings: Settings, as_json: bool) -> None:
    """Show how far the live query has come; exit with 1 if it has never run."""
    from headcount.store.shard_sink import ShardSink  # noqa: PLC0415 - help does not need it

    store = existing_store(settings, read_only=True)
    progress = ShardSink(store.database).progress()
    store.close()
    if progress is None:
        echo("No live query has written to this database. Start one with 'headcount cluster run'.", err=True)
        sys.exit(1)
    if as_json:
        emit(progress._asdict() | {"hit_ratio": progress.hit_ratio})
        return
    echo(
        f"last batch:       {rfc3339(progress.reported)}",
        f"processed until:  {rfc3339(progress.processed_until)}",
        f"entries:          {progress.entries:,} in {progress.batches:,} batches",
        f"unread records:   {progress.behind:,}",
        f"dead letters:     {progress.bad_records:,}",
        f"shards in memory: {_percent(progress.hit_ratio)} of {progress.rounds:,} rounds",
    )


def _percent(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.1%}"
