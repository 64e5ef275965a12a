"""A real Kafka broker for the tests, on free ports of the loopback."""

import shutil
import signal
import subprocess
import tempfile
import time
from itertools import count, repeat
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic

from support.servers import PATIENCE_S, free_port

ROOT = Path(__file__).parents[2]
JARS = ROOT / "build/cluster/kafka"
CONNECTOR = ROOT / "build/cluster/connector"
NUMBERS = count()


class Broker:
    """One broker in KRaft mode with a directory of its own."""

    def __init__(self):
        assert any(JARS.glob("kafka_*.jar")), "tests/install_cluster.sh installs the broker"
        self.folder = Path(tempfile.mkdtemp(prefix="headcount-kafka-"))
        self.port, controller = free_port(), free_port()
        self.servers = f"127.0.0.1:{self.port}"
        settings = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "listeners": f"PLAINTEXT://{self.servers},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.servers}",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": self.folder / "data",
            "offsets.topic.replication.factor": 1,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
        }
        self.settings = self.folder / "server.properties"
        self.settings.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        self._run("kafka.tools.StorageTool", "format", "-t", "headcount-headcount-00", "-c", self.settings)
        self.start()

    def _java(self, main, *arguments):
        level = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        return ["java", "-Xmx400m", level, "-cp", f"{JARS}/*", main, *map(str, arguments)]

    def _run(self, main, *arguments):
        done = subprocess.run(self._java(main, *arguments), check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self):
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self._java("kafka.Kafka", self.settings),
                stdout=log,
                stderr=log,
                cwd=self.folder,
                process_group=0,  # Ctrl-C is for the one that stops it, after all that need it
            )
        until = time.monotonic() + PATIENCE_S
        admin = AdminClient({"bootstrap.servers": self.servers, "log_level": 0})
        while True:
            try:
                admin.list_topics(timeout=1)
            except KafkaException:
                assert time.monotonic() < until, (self.folder / "log").read_text()
            else:
                return

    def restart(self):
        """Kill the broker, and start it again on the same data."""
        self.process.kill()
        self.process.wait(PATIENCE_S)
        self.start()

    def topic(self, partitions, recorded="LogAppendTime"):
        """Create a topic that records the time of receipt, and return its name."""
        name = f"topic-{next(NUMBERS)}"
        config = {"message.timestamp.type": recorded, "retention.ms": "-1"}
        admin = AdminClient({"bootstrap.servers": self.servers})
        admin.create_topics([NewTopic(name, partitions, config=config)])[name].result(PATIENCE_S)
        return name

    def produce(self, topic, records, times=None):
        """Append records, pairs of key and value, as a Java client would distribute them."""
        producer = Producer(
            {
                "bootstrap.servers": self.servers,
                "partitioner": "murmur2_random",
                "queue.buffering.max.messages": 10_000_000,
            }
        )
        for (key, value), at in zip(records, times or repeat(0), strict=False):
            producer.produce(topic, value, key, timestamp=at)
            producer.poll(0)
        assert producer.flush(PATIENCE_S) == 0

    def received_at(self, partitions, records, times):
        """Return a new topic with records that its broker seems to have received at these times."""
        topic = self.topic(partitions, recorded="CreateTime")
        self.produce(topic, records, times)
        entry = ConfigEntry(
            "message.timestamp.type", "LogAppendTime", incremental_operation=AlterConfigOpType.SET
        )
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
        admin = AdminClient({"bootstrap.servers": self.servers})
        admin.incremental_alter_configs([resource])[resource].result(PATIENCE_S)
        return topic

    def consume(self, topic, number):
        """Return so many messages of a topic from its beginning."""
        consumer = Consumer(
            {"bootstrap.servers": self.servers, "group.id": topic, "auto.offset.reset": "earliest"}
        )
        consumer.subscribe([topic])
        found, until = [], time.monotonic() + PATIENCE_S
        while len(found) < number and time.monotonic() < until:
            message = consumer.poll(0.5)
            if message is not None and message.error() is None:
                found.append(message)
        consumer.close()
        return found

    def end(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE_S)
        shutil.rmtree(self.folder, ignore_errors=True)
