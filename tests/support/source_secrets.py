"""Secrets with which each vendor's requests can be signed, and others."""

from support.key_pairs import pair

SECRETS = {
    "daily": "MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw",
    "janus": "janus:a-password",
    "livekit": "devkey:secret-that-is-long-enough-for-hs256",
    "realtimekit": pair("one")[0],
    "videosdk": pair("one")[0],
}
OTHER_SECRETS = {
    "daily": "MTExMTExMTExMTExMTExMTExMTExMTEx",
    "janus": "janus:another-password",
    "livekit": "devkey:another-secret-that-is-long-enough",
    "realtimekit": pair("other")[0],
    "videosdk": pair("other")[0],
}


def secret_for(source):
    return SECRETS.get(source.kind, "whsec_MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw")


def other_secret_for(source):
    return OTHER_SECRETS.get(source.kind, "whsec_MTExMTExMTExMTExMTExMTExMTExMTEx")
