"""Signature schemes that several vendors share.

Responsible for reading signatures, timestamps and tokens from headers and for comparing them in constant time. Must not know which
vendor uses which scheme.
"""

import base64
import binascii
import hashlib
import hmac
import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import product
from typing import Any, Final

import jwt

from headcount.kernel.events import Ms
from headcount.sources.api import InboundRequest, VerificationFailed

# The length of a secret is decided at the vendor.
warnings.filterwarnings("ignore", category=jwt.InsecureKeyLengthWarning)

TOLERANCE_MS: Final[Ms] = 5 * 60_000
"""Maximum distance of a signed timestamp from the server's clock, as a protection from replay."""
_CLAIMS: Final = ("signature", "exp", "nbf", "iat", "aud", "iss", "sub", "jti")


def required_header(request: InboundRequest, header: str) -> str:
    """Return the value of a header. Raise `VerificationFailed` if it is missing."""
    value = request.headers.get(header.lower(), "")
    if not value:
        raise VerificationFailed(f"the header '{header}' is missing")
    return value


def hmac_digest(secret: str | bytes, message: bytes, algorithm: str = "sha256") -> bytes:
    """Return the HMAC of a message."""
    key = secret.encode() if isinstance(secret, str) else secret
    return hmac.new(key, message, getattr(hashlib, algorithm)).digest()


def encode_base64(raw: bytes) -> str:
    """Return the bytes in base64."""
    return base64.b64encode(raw).decode()


def decode_secret(text: str) -> bytes:
    """Return the bytes of a secret in base64. Raise `VerificationFailed` if it is not base64."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise VerificationFailed(
            "a secret of this source is not base64: copy it again from the vendor"
        ) from error


def check_signature(signature: str, expected: Iterable[str]) -> None:
    """Raise `VerificationFailed` unless the signature is one of those expected, one for each valid secret."""
    check_any_signature([signature], expected)


def check_any_signature(signatures: Iterable[str], expected: Iterable[str]) -> None:
    """Raise `VerificationFailed` unless at least one of the signatures is one of those expected."""
    if not _any_equal(signatures, expected):
        raise VerificationFailed(
            "the signature is not valid: check that the secret is the same on both sides"
        )


def check_token(token: str, secrets: Sequence[str]) -> None:
    """Raise `VerificationFailed` unless a plain token is one of the secrets: for vendors that sign nothing."""
    if not _any_equal([token], secrets):
        raise VerificationFailed("the token is not valid: check that the secret is the same on both sides")


def _any_equal(given: Iterable[str], expected: Iterable[str]) -> bool:
    # Each is compared with each, so that the time does not reveal which one matched.
    pairs = product([text.encode() for text in given], [text.encode() for text in expected])
    return sum(hmac.compare_digest(left, right) for left, right in pairs) > 0


def check_timestamp(signed_at: Ms, now: Ms, tolerance: Ms = TOLERANCE_MS) -> None:
    """Raise `VerificationFailed` if a request was signed too long ago, or too far ahead of the server's clock."""
    if abs(now - signed_at) > tolerance:
        raise VerificationFailed(
            f"it was signed {abs(now - signed_at) / 1_000:,.0f} s {'ago' if signed_at < now else 'ahead of this server'}:"
            " check the clocks of both servers"
        )


def parse_timestamp(text: str) -> Ms:
    """Return a signed timestamp, a text of whole seconds, in ms. Raise `VerificationFailed`."""
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise VerificationFailed(f"'{text[:40]}' is not a time in seconds")
    return int(text) * 1_000


def header_fields(header: str) -> dict[str, str]:
    """Return the fields of a header like `t=1,v1=abc=`; each is split at its first '='."""
    return dict(field.strip().partition("=")[::2] for field in header.split(","))


def timestamped_signature(request: InboundRequest, header: str) -> tuple[str, bytes]:
    """Return the signature in a header `t=TIME,v1=SIGNATURE`, and the message that it signs: the time and the body.

    The time is in seconds, or in milliseconds if it has as many digits. Raise `VerificationFailed` if it is too old.
    """
    found = header_fields(required_header(request, header))
    time, signature = found.get("t", ""), found.get("v1", "")
    in_milliseconds = len(time) == len("1772442000000") and time.isascii() and time.isdigit()
    check_timestamp(int(time) if in_milliseconds else parse_timestamp(time), request.received_at)
    return signature, time.encode() + b"." + request.body


def timestamped_message(request: InboundRequest) -> tuple[str, bytes]:
    """Return the time in seconds, and the message to sign for `timestamped_signature`."""
    time = str(request.received_at // 1_000)
    return time, time.encode() + b"." + request.body


def bearer_token(request: InboundRequest) -> str:
    """Return the token in the header `Authorization`, with or without the word Bearer; '' if there is none."""
    scheme, _, token = request.headers.get("authorization", "").strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else scheme


def required_bearer_token(request: InboundRequest, fix: str) -> str:
    """Return the same token. Raise `VerificationFailed` with the fix if there is none."""
    token = bearer_token(request)
    if not token:
        raise VerificationFailed(f"the header 'Authorization' is missing: {fix}")
    return token


def with_bearer_token(request: InboundRequest, secret: str) -> InboundRequest:
    """Return the request with the secret as its token, for vendors that sign nothing."""
    return with_headers(request, authorization=f"Bearer {secret}")


def verified_claims(
    token: str, secrets: Sequence[str], checked: Collection[str] = (), algorithm: str = "HS256"
) -> Mapping[str, Any]:
    """Return the claims of a token (JWT) that one of the secrets signed. Raise `VerificationFailed`.

    Of the registered claims only those `checked` are validated. Times are left to the caller, who has a clock.
    """
    for secret in secrets:
        with suppress(jwt.InvalidSignatureError):
            return _decode_token(token, secret, {"signature", *checked}, algorithm)
    raise VerificationFailed("the signature is not valid: check that the secret is the same on both sides")


def unverified_claims(token: str) -> Mapping[str, Any]:
    """Return the claims of a token without checking its signature: to find the secret to try. Raise `VerificationFailed`."""
    return _decode_token(token, "", ())


def _decode_token(
    token: str, secret: str, checked: Collection[str], algorithm: str = "HS256"
) -> Mapping[str, Any]:
    options: Any = {f"verify_{claim}": claim in checked for claim in _CLAIMS}
    try:
        claims: Mapping[str, Any] = jwt.decode(token, secret, algorithms=[algorithm], options=options)
    except jwt.InvalidSignatureError:
        raise
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise VerificationFailed(f"the header holds no token that can be read: {error}") from error
    return claims


def with_headers(request: InboundRequest, **headers: str) -> InboundRequest:
    """Return the request with more headers; `_` in a name stands for `-`."""
    added = {name.replace("_", "-"): value for name, value in headers.items()}
    return request._replace(headers={**request.headers, **added})
