"""Signatures: what the schemes of the vendors have in common. All compare in constant time."""

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

# How long a secret is, is for whoever set it on the other side to say.
warnings.filterwarnings("ignore", category=jwt.InsecureKeyLengthWarning)

TOLERANCE_MS: Final[Ms] = 5 * 60_000
"""So far may a signed time be from our clock, where the scheme has one: against replay."""
_CLAIMS: Final = ("signature", "exp", "nbf", "iat", "aud", "iss", "sub", "jti")


def required(delivery: InboundRequest, header: str) -> str:
    """A header's value. Raises `VerificationFailed` if it is not there."""
    value = delivery.headers.get(header.lower(), "")
    if not value:
        raise VerificationFailed(f"the header '{header}' is missing")
    return value


def digest(secret: str | bytes, signed: bytes, algorithm: str = "sha256") -> bytes:
    """The HMAC of what was signed."""
    key = secret.encode() if isinstance(secret, str) else secret
    return hmac.new(key, signed, getattr(hashlib, algorithm)).digest()


def encode_base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def decode_secret(text: str) -> bytes:
    """The bytes that a secret stands for. Raises `VerificationFailed` if it is no base64."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise VerificationFailed(
            "a secret of this source is not base64: set it again as the vendor shows it"
        ) from error


def check(shown: str, expected: Iterable[str]) -> None:
    """Raises `VerificationFailed` unless what is shown is one of those expected, by any of the secrets."""
    check_any_signature([shown], expected)


def check_any_signature(shown: Iterable[str], expected: Iterable[str]) -> None:
    """The same where several signatures are shown, of which one will do."""
    if not _have_one_in_common(shown, expected):
        raise VerificationFailed("the signature does not fit: is the secret the same on both sides?")


def check_token(shown: str, secrets: Sequence[str]) -> None:
    """Raises `VerificationFailed` unless a plain token is one of the secrets: for vendors that sign nothing."""
    if not _have_one_in_common([shown], secrets):
        raise VerificationFailed("the token does not fit: is the secret the same on both sides?")


def _have_one_in_common(shown: Iterable[str], expected: Iterable[str]) -> bool:
    # Each is compared with each, so that the time tells nothing about which it was.
    pairs = product([one.encode() for one in shown], [one.encode() for one in expected])
    return sum(hmac.compare_digest(given, one) for given, one in pairs) > 0


def check_timestamp(signed: Ms, now: Ms, tolerance: Ms = TOLERANCE_MS) -> None:
    """Raises `VerificationFailed` if a delivery was signed too long ago, or too far ahead of our clock."""
    if abs(now - signed) > tolerance:
        raise VerificationFailed(
            f"it was signed {abs(now - signed) / 1_000:,.0f} s {'ago' if signed < now else 'ahead of our clock'}:"
            " are both clocks right?"
        )


def seconds(text: str) -> Ms:
    """A signed time in whole seconds, as ms. Raises `VerificationFailed`."""
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise VerificationFailed(f"'{text[:40]}' is not a time in seconds")
    return int(text) * 1_000


def parts(header: str) -> dict[str, str]:
    """`t=1,v1=abc=` as its parts; each is split at its first '='."""
    return dict(part.strip().partition("=")[::2] for part in header.split(","))


def timed(delivery: InboundRequest, header: str) -> tuple[str, bytes]:
    """The signature of `t=TIME,v1=SIGNATURE`, and what it signs: the time and the body.

    The time is in seconds, or in milliseconds if it has as many digits. Raises `VerificationFailed` if it is long ago.
    """
    told = parts(required(delivery, header))
    time, shown = told.get("t", ""), told.get("v1", "")
    in_milliseconds = len(time) == len("1772442000000") and time.isascii() and time.isdigit()
    check_timestamp(int(time) if in_milliseconds else seconds(time), delivery.received)
    return shown, time.encode() + b"." + delivery.body


def signed_now(delivery: InboundRequest) -> tuple[str, bytes]:
    """The time in seconds, and what is to be signed for `timed`."""
    time = str(delivery.received // 1_000)
    return time, time.encode() + b"." + delivery.body


def bearer_token(delivery: InboundRequest) -> str:
    """The token that the header `Authorization` shows, with or without the word Bearer. '' if there is none."""
    scheme, _, token = delivery.headers.get("authorization", "").strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else scheme


def required_bearer_token(delivery: InboundRequest, mend: str) -> str:
    """The same; raises `VerificationFailed` with what to do if there is none."""
    token = bearer_token(delivery)
    if not token:
        raise VerificationFailed(f"the header 'Authorization' is missing: {mend}")
    return token


def with_bearer_token(delivery: InboundRequest, secret: str) -> InboundRequest:
    """The delivery with the secret as it is, for vendors that sign nothing."""
    return with_headers(delivery, authorization=f"Bearer {secret}")


def verified_claims(
    token: str, secrets: Sequence[str], checked: Collection[str] = (), algorithm: str = "HS256"
) -> Mapping[str, Any]:
    """What a token (JWT) says, if one of the secrets has signed it. Raises `VerificationFailed`.

    Of its registered claims only those `checked` must make sense. Times are left to the caller, who was
    given a clock.
    """
    for secret in secrets:
        with suppress(jwt.InvalidSignatureError):
            return _claims(token, secret, {"signature", *checked}, algorithm)
    raise VerificationFailed("the signature does not fit: is the secret the same on both sides?")


def unverified_claims(token: str) -> Mapping[str, Any]:
    """What a token says, whoever signed it: for finding out which secret to try. Raises `VerificationFailed`."""
    return _claims(token, "", ())


def _claims(token: str, secret: str, checked: Collection[str], algorithm: str = "HS256") -> Mapping[str, Any]:
    options: Any = {f"verify_{claim}": claim in checked for claim in _CLAIMS}
    try:
        claims: Mapping[str, Any] = jwt.decode(token, secret, algorithms=[algorithm], options=options)
    except jwt.InvalidSignatureError:
        raise
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise VerificationFailed(f"the header holds no token that can be read: {error}") from error
    return claims


def with_headers(delivery: InboundRequest, **headers: str) -> InboundRequest:
    """The delivery with more headers; `_` in a name stands for `-`."""
    added = {name.replace("_", "-"): value for name, value in headers.items()}
    return delivery._replace(headers={**delivery.headers, **added})
