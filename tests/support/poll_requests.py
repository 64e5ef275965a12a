"""Runs a poll against a server that is a function: it returns the response to each request."""

import json

from headcount.sources.polls.api import PollContext, PollResponse

NOW = 1_772_442_000_000
KEY = "key:secret-that-is-long-enough-for-hs256"


def poll_result(poll, server, **more):
    """Return the result of a poll with the responses of `server`. Raise `PollFailed`."""
    steps = poll.run(PollContext(**{"secret": KEY, "now": NOW, "nonce": "chance", **more}))
    try:
        asked = next(steps)
        while True:
            asked = steps.send([server(ask) for ask in asked])
    except StopIteration as done:
        return done.value


def response(what, status=200):
    return PollResponse(status, json.dumps(what).encode())


def present(found):
    return sorted((one.room, one.participant_id, one.user_name) for one in found.participants)
