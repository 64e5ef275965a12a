"""The Python client: `Client` and `AsyncClient`, the types of their answers, errors, and the verification of webhooks.

    from headcount.client import Client, Event

    with Client("http://127.0.0.1:8080", api_key) as client:
        client.ingest_event(Event(room="standup", kind="join", participant_id="c-1", user_name="Ann"))
        for meeting in client.iterate_meetings(room="standup"):
            print(meeting.id, meeting.duration)

It imports nothing of the server.
"""

from headcount.client.client import AsyncClient, AsyncEventStream, Client, EventStream
from headcount.client.errors import (
    ApiError,
    ClientError,
    ConnectionFailed,
    DeadlineExceeded,
    EventsMissed,
    Forbidden,
    InvalidRequest,
    NotFound,
    RateLimited,
    RequestTooLarge,
    RoomQuarantined,
    ServerError,
    Unauthorized,
    UnexpectedAnswer,
)
from headcount.client.models import Event, ExpectedUser, Message, Meta, SnapshotParticipant
from headcount.client.signatures import InvalidSignature, verify_webhook

__all__ = [
    "ApiError",
    "AsyncClient",
    "AsyncEventStream",
    "Client",
    "ClientError",
    "ConnectionFailed",
    "DeadlineExceeded",
    "Event",
    "EventStream",
    "EventsMissed",
    "ExpectedUser",
    "Forbidden",
    "InvalidRequest",
    "InvalidSignature",
    "Message",
    "Meta",
    "NotFound",
    "RateLimited",
    "RequestTooLarge",
    "RoomQuarantined",
    "ServerError",
    "SnapshotParticipant",
    "Unauthorized",
    "UnexpectedAnswer",
    "verify_webhook",
]
