"""RSA: the keys and signatures that are accepted."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from headcount import BadInput
from headcount.sources.api import VerificationFailed
from headcount.sources.rsa import check_rsa_signature, rsa_signature
from support.key_pairs import pair

PRIVATE, PUBLIC = pair("one")
OTHERS = pair("other")[1]
SIGNATURE = rsa_signature(b"message", PRIVATE)
CURVE = ec.generate_private_key(ec.SECP256R1()).public_key()
OF_A_CURVE = CURVE.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.mark.parametrize(
    "key",
    [PUBLIC, PRIVATE, PUBLIC.replace("\n", "\\n"), f'"{PUBLIC.strip()}"', f"\n{PUBLIC}  "],
    ids=["public", "private", "as JSON shows it", "in quotes", "with blanks"],
)
def test_a_key_is_accepted_in_every_copied_form(key):
    check_rsa_signature(SIGNATURE, b"message", [key])


def test_one_of_several_keys_is_enough_and_an_invalid_one_is_ignored():
    check_rsa_signature(SIGNATURE, b"message", ["no key", OTHERS, PUBLIC])


@pytest.mark.parametrize("keys", [[], ["no key"], [OF_A_CURVE]], ids=["none", "a word", "of a curve"])
def test_the_error_says_that_there_is_no_rsa_key(keys):
    with pytest.raises(VerificationFailed, match="has no RSA key in PEM"):
        check_rsa_signature(SIGNATURE, b"message", keys)


@pytest.mark.parametrize("shown", ["", "ü", "!", base64.b64encode(b"short").decode(), SIGNATURE[4:]])
def test_another_signature_is_rejected(shown):
    with pytest.raises(VerificationFailed):
        check_rsa_signature(shown, b"message", [PUBLIC])


def test_another_key_or_another_body_is_rejected():
    with pytest.raises(VerificationFailed, match="is not valid"):
        check_rsa_signature(SIGNATURE, b"message", [OTHERS])
    with pytest.raises(VerificationFailed, match="is not valid"):
        check_rsa_signature(SIGNATURE, b"Said", [PUBLIC])


def test_a_public_key_cannot_sign_and_the_error_says_what_can():
    with pytest.raises(BadInput, match="add a private key made for the test"):
        rsa_signature(b"message", PUBLIC)
