"""RSA: which keys are taken, and which signatures."""

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
SIGNATURE = rsa_signature(b"said", PRIVATE)
CURVE = ec.generate_private_key(ec.SECP256R1()).public_key()
OF_A_CURVE = CURVE.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.mark.parametrize(
    "key",
    [PUBLIC, PRIVATE, PUBLIC.replace("\n", "\\n"), f'"{PUBLIC.strip()}"', f"\n{PUBLIC}  "],
    ids=["public", "private", "as JSON shows it", "in quotes", "with blanks"],
)
def test_a_key_is_taken_however_it_was_copied(key):
    check_rsa_signature(SIGNATURE, b"said", [key])


def test_one_of_several_keys_is_enough_and_one_that_is_none_does_no_harm():
    check_rsa_signature(SIGNATURE, b"said", ["no key", OTHERS, PUBLIC])


@pytest.mark.parametrize("keys", [[], ["no key"], [OF_A_CURVE]], ids=["none", "a word", "of a curve"])
def test_without_an_rsa_key_the_refusal_says_so(keys):
    with pytest.raises(VerificationFailed, match="has no RSA key in PEM"):
        check_rsa_signature(SIGNATURE, b"said", keys)


@pytest.mark.parametrize("shown", ["", "ü", "!", base64.b64encode(b"short").decode(), SIGNATURE[4:]])
def test_another_signature_is_refused(shown):
    with pytest.raises(VerificationFailed):
        check_rsa_signature(shown, b"said", [PUBLIC])


def test_another_key_or_another_body_is_refused():
    with pytest.raises(VerificationFailed, match="does not fit"):
        check_rsa_signature(SIGNATURE, b"said", [OTHERS])
    with pytest.raises(VerificationFailed, match="does not fit"):
        check_rsa_signature(SIGNATURE, b"Said", [PUBLIC])


def test_a_public_key_cannot_sign_and_the_refusal_says_what_can():
    with pytest.raises(BadInput, match="add a private key made for the test"):
        rsa_signature(b"said", PUBLIC)
