"""RSA signatures (SHA-256, PKCS #1 v1.5) of vendors that publish a key, as Node's `crypto.verify` accepts them.

A secret of such a source is the public key in PEM, as the vendor publishes it. A private key is accepted, too, and stands
for its public key: with a key pair of their own, operators can sign requests to test the setup.
Responsible for keys and signatures. Must not know the vendors.
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

_KEY_ERRORS: Final = (ValueError, TypeError, UnsupportedAlgorithm)


def check_rsa_signature(signature: str, message: bytes, secrets: Sequence[str]) -> None:
    """Raise `VerificationFailed` unless the signature, in base64, was made with the private key of one of the secrets."""
    keys = [key for key in map(_public_key, secrets) if key is not None]
    if not keys:
        raise VerificationFailed(
            "this source has no RSA key in PEM as its secret: set it again as the vendor shows it"
        )
    raw = _decode_signature(signature)
    # A signature is no secret, so the time may reveal which key matched.
    if not any(_is_signed_by(key, raw, message) for key in keys):
        raise VerificationFailed(
            "the signature is not valid: check that the key is the one that the vendor publishes now"
        )


def rsa_signature(message: bytes, secret: str) -> str:
    """Return the signature in base64, made with a private key in PEM. Raise `BadInput` for any other secret."""
    key = _private_key(secret)
    if key is None:
        raise BadInput(
            "only a private RSA key can sign, and the vendor keeps its own: add a private key made for the test"
            " as one more secret, and take it away afterwards"
        )
    return encode_base64(key.sign(message, PKCS1v15(), SHA256()))


def _decode_signature(signature: str) -> bytes:
    try:
        return base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError) as error:
        raise VerificationFailed("the signature is not base64") from error


def _is_signed_by(key: RSAPublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def _pem(secret: str) -> bytes:
    """Return the secret as bytes; line feeds may have been copied in the form of JSON."""
    return secret.strip().strip('"').replace("\\n", "\n").encode()


@lru_cache(maxsize=64)
def _public_key(secret: str) -> RSAPublicKey | None:
    private = _private_key(secret)
    if private is not None:
        return private.public_key()
    try:
        key = load_pem_public_key(_pem(secret))
    except _KEY_ERRORS:
        return None
    return key if isinstance(key, RSAPublicKey) else None


@lru_cache(maxsize=64)
def _private_key(secret: str) -> RSAPrivateKey | None:
    try:
        key = load_pem_private_key(_pem(secret), password=None)
    except _KEY_ERRORS:
        return None
    return key if isinstance(key, RSAPrivateKey) else None
