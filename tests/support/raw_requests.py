"""Requests of raw bytes."""

import socket
from contextlib import suppress


def connected(service):
    host, port = service.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=120)


def answer_to(service, *parts):
    """Send the parts, and return what arrives until the service disconnects."""
    answer = b""
    with connected(service) as connection, suppress(ConnectionError):
        with suppress(ConnectionError):
            for part in parts:
                connection.sendall(part)
        while chunk := connection.recv(65_536):
            answer += chunk
    return answer
