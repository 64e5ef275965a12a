"""RSA: signatures of vendors that publish a key (SHA-256, PKCS #1 v1.5), as Node's `crypto.verify` takes them.

A secret of such a source is the public key in PEM, as the vendor publishes it. A private key does as well, and
stands for its public one: with a pair of one's own, deliveries can be signed to try out the way in.
"""

import base64
import binascii
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from headcount.errors import BadInput
from headcount.sources.api import VerificationFailed
from headcount.sources.signatures import encode_base64

_NO_KEY: Final = (ValueError, TypeError, UnsupportedAlgorithm)


def check_rsa_signature(shown: str, signed: bytes, secrets: Sequence[str]) -> None:
    """Raises `VerificationFailed` unless the signature, in base64, was made with the private half of one of the keys."""
    keys = [key for key in map(_public_key, secrets) if key is not None]
    if not keys:
        raise VerificationFailed(
            "this source has no RSA key in PEM as its secret: set it again as the vendor shows it"
        )
    signature = _signature(shown)
    # A signature is no secret, so the time that this takes may tell which key fits.
    if not any(_fits(key, signature, signed) for key in keys):
        raise VerificationFailed(
            "the signature does not fit: is the key the one that the vendor publishes now?"
        )


def rsa_signature(signed: bytes, secret: str) -> str:
    """The signature in base64, with a private key in PEM. Raises `BadInput` for any other secret."""
    key = _private_key(secret)
    if key is None:
        raise BadInput(
            "only a private RSA key can sign, and the vendor keeps its own: add a private key made for the test"
            " as one more secret, and take it away afterwards"
        )
    return encode_base64(key.sign(signed, PKCS1v15(), SHA256()))


def _signature(shown: str) -> bytes:
    try:
        return base64.b64decode(shown, validate=True)
    except (binascii.Error, ValueError) as error:
        raise VerificationFailed("the signature is not base64") from error


def _fits(key: RSAPublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def _pem(secret: str) -> bytes:
    """As bytes; a new line may have been copied as JSON writes it."""
    return secret.strip().strip('"').replace("\\n", "\n").encode()


@lru_cache(maxsize=64)
def _public_key(secret: str) -> RSAPublicKey | None:
    private = _private_key(secret)
    if private is not None:
        return private.public_key()
    try:
        key = load_pem_public_key(_pem(secret))
    except _NO_KEY:
        return None
    return key if isinstance(key, RSAPublicKey) else None


@lru_cache(maxsize=64)
def _private_key(secret: str) -> RSAPrivateKey | None:
    try:
        key = load_pem_private_key(_pem(secret), password=None)
    except _NO_KEY:
        return None
    return key if isinstance(key, RSAPrivateKey) else None
