"""Topics of a cell: which one is meant, and its settings.

Responsible for creating and checking topics. Must not know what is in them.
"""

from typing import Final

import structlog
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic  # type: ignore[attr-defined]

from headcount.errors import BadInput, HeadcountError
from headcount.ingest.kafka_log import MAX_RECORD_BYTES
from headcount.settings import Settings, TopicUrl

_TIMEOUT_S: Final = 30.0

log = structlog.get_logger("headcount.cluster")


def required_topic(settings: Settings) -> TopicUrl:
    """Return the topic of the settings. Raise `BadInput` if there is none."""
    topic = settings.topic()
    if topic is None:
        raise BadInput("which topic? Set --log kafka://HOST:PORT/TOPIC")
    return topic


def prepare_topic(topic: TopicUrl, name: str, partitions: int) -> int:
    """Create a topic with this number of partitions if it does not exist, and return how many it has.

    Raise `BadInput` if it does not record when its broker appended a record, and `HeadcountError` if no broker answers.
    """
    client = AdminClient({"bootstrap.servers": topic.servers, **dict(topic.options)})
    try:
        known = client.list_topics(timeout=_TIMEOUT_S).topics
        if name not in known:
            _create(client, name, partitions)
            return partitions
        _require_append_time(client, name)
    except KafkaException as error:
        reason = error.args[0].str() if error.args else str(error)
        raise HeadcountError(f"{topic.servers}: the Kafka brokers do not answer: {reason}") from error
    return len(known[name].partitions)


def _create(client: AdminClient, topic: str, partitions: int) -> None:
    config = {"message.timestamp.type": "LogAppendTime", "max.message.bytes": str(MAX_RECORD_BYTES)}
    created = NewTopic(topic, partitions, config=config)
    client.create_topics([created])[topic].result(_TIMEOUT_S)
    log.info("created the topic", topic=topic, partitions=partitions)


def _require_append_time(client: AdminClient, topic: str) -> None:
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    found = client.describe_configs([resource])[resource].result(_TIMEOUT_S)
    if found["message.timestamp.type"].value != "LogAppendTime":
        raise BadInput(
            "the topic records the time of the producer: set its message.timestamp.type to LogAppendTime, because"
            " the time of receipt decides what is late",
            where=topic,
        )
