"""Requests of raw bytes."""

import socket
from contextlib import suppress


def connected(service):
    host, port = service.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=60)


def answer_to(service, *parts):
    """What is answered until the service hangs up."""
    heard = b""
    with connected(service) as connection, suppress(ConnectionError):
        with suppress(ConnectionError):
            for part in parts:
                connection.sendall(part)
        while chunk := connection.recv(65_536):
            heard += chunk
    return heard
