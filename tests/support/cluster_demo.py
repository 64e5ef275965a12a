"""A cluster on this machine, with the traffic of the demo: `make cluster` runs it until Ctrl-C.

A Kafka broker, a PostgreSQL server, the live query on Spark, and a server without an engine that answers requests.
"""

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from support.kafka import Broker
from support.live_query import LiveQuery
from support.servers import Postgres

TOPIC = "headcount.events"


def note(text):
    sys.stderr.write(f"{text}\n")


def stop(*_):
    raise KeyboardInterrupt


def main():
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    with tempfile.TemporaryDirectory(prefix="headcount-cluster-") as folder:
        broker, postgres, query = Broker(), Postgres(), None
        try:
            database = postgres.database()
            note(f"Kafka listens on {broker.servers}. In another terminal, commands need the database:")
            note(f"  export HEADCOUNT_DATABASE={database}")
            note("Starting the live query. This takes half a minute ...")
            archive = str(Path(folder) / "archive")
            query = LiveQuery(
                folder, broker, database, TOPIC, "--partitions", "8", "--archive", archive, "--archive-trigger",
                "10 seconds",
            )  # fmt: skip
            query.start()
            note(f"The log of the live query is in {query.log}")
            serve = [sys.executable, "-m", "headcount.cli", "demo", "--engine", "off", "--database", database,
                     "--log", f"kafka://{broker.servers}/{TOPIC}", "--archive", archive, *sys.argv[1:]]  # fmt: skip
            return subprocess.run(serve, check=False, cwd=Path.cwd()).returncode
        except KeyboardInterrupt:
            return 0
        finally:
            note("Stopping the cluster ...")
            if query is not None and query.process is not None:
                query.stop()
            postgres.end()
            broker.end()


if __name__ == "__main__":
    sys.exit(main())
