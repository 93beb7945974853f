"""The key of an `aws login` session, in place of awscrt's."""

import base64
import hashlib
import os
import subprocess
import sys
from typing import Any

import botocore.credentials
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from docker_credential_ecrpy.aws.sdk.sessions.ec_key import EcKey, patch
from tests.world import dpop

PRIVATE = ec.generate_private_key(ec.SECP256R1())


def _der(key: Any, form: serialization.PrivateFormat) -> bytes:
    made: bytes = key.private_bytes(serialization.Encoding.DER, form, serialization.NoEncryption())
    return made


@pytest.mark.parametrize(
    "form", [serialization.PrivateFormat.TraditionalOpenSSL, serialization.PrivateFormat.PKCS8]
)
def test_another_library_accepts_its_signatures(form: serialization.PrivateFormat) -> None:
    """It reads both forms of a key, and has the same public key."""
    key = EcKey.new_key_from_der_data(_der(PRIVATE, form))
    signature = key.sign(hashlib.sha256(b"text").digest())

    PRIVATE.public_key().verify(signature, b"text", ec.ECDSA(hashes.SHA256()))
    numbers = PRIVATE.public_key().public_numbers()
    assert key.get_public_coords() == (numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big"))


def test_a_signature_is_padded() -> None:
    """Small numbers have leading zeros."""
    der = bytes([0x30, 6, 2, 1, 1, 2, 1, 2])

    pair = EcKey.decode_der_signature_to_padded_pair(der, pad_to=32)
    assert pair == bytes(31) + b"\1" + bytes(31) + b"\2"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        _der(PRIVATE, serialization.PrivateFormat.PKCS8)[:-20],
        _der(ec.generate_private_key(ec.SECP384R1()), serialization.PrivateFormat.PKCS8),
    ],
)
def test_another_key_is_refused(data: bytes) -> None:
    """botocore explains a ValueError."""
    with pytest.raises(ValueError, match=r"^not a"):
        EcKey.new_key_from_der_data(data)


def test_botocores_proof_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS Sign-In accepts the header that botocore makes with it, and not for another address."""
    module: Any = botocore.credentials
    monkeypatch.setattr(module, "EC", None)
    patch()
    pem, public = dpop.make_key()
    der = base64.b64decode("".join(pem.splitlines()[1:-1]))
    header = module._build_dpop_header(EcKey.new_key_from_der_data(der), "https://x/v1/token")

    assert dpop.proven_key(header, "POST", "https://x/v1/token") == public
    with pytest.raises(ValueError, match="https://x"):
        dpop.proven_key(header, "POST", "https://y/v1/token")


def test_awscrt_is_preferred(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed awscrt is left in place."""
    own = object()
    monkeypatch.setattr(botocore.credentials, "EC", own)
    patch()

    assert botocore.credentials.EC is own  # type: ignore[attr-defined]  # not in the stub


def test_ecdsa_is_loaded_for_a_key_alone() -> None:
    """Calls to AWS without an `aws login` do not load it."""
    code = "import sys; import docker_credential_ecrpy.aws.session as s; s.aws_call\n"
    code += "from docker_credential_ecrpy.aws.sdk import patches; patches.patch_process()\n"
    code += "assert 'ecdsa' not in sys.modules"
    environ = {**os.environ, "PYTHONPATH": os.environ.get("TESTED_TREE", "")}
    subprocess.run([sys.executable, "-c", code], check=True, env=environ)
