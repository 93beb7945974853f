"""Proof of possession of a key (RFC 9449), as AWS Sign-In checks it."""

import base64
import json
import time
from typing import Any

SKEW = 300
"""Seconds that a proof may be old."""


def proven_key(proof: str, method: str, uri: str) -> dict[str, str]:
    """Return the public key that a proof for a request proves, as a JWK. Raises ValueError."""
    # Here, since the demo has no dependencies.
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, utils

    head, claims, signature = proof.split(".")
    header, said = json.loads(_decode(head)), json.loads(_decode(claims))
    key: dict[str, str] = header["jwk"]
    if (header["typ"], header["alg"]) != ("dpop+jwt", "ES256"):
        raise ValueError(header)
    if (said["htm"], said["htu"]) != (method, uri) or abs(said["iat"] - time.time()) > SKEW:
        raise ValueError(said)
    x, y = (int.from_bytes(_decode(key[name]), "big") for name in ("x", "y"))
    public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    raw = _decode(signature)
    r, s = (int.from_bytes(half, "big") for half in (raw[:32], raw[32:]))
    public.verify(
        utils.encode_dss_signature(r, s), f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256())
    )
    return key


def make_key() -> tuple[str, dict[str, str]]:
    """Return a new private key as PEM, and its public key as a JWK."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    numbers: Any = private.public_key().public_numbers()
    return pem.decode(), {
        "kty": "EC",
        "x": _encode(numbers.x),
        "y": _encode(numbers.y),
        "crv": "P-256",
    }


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _encode(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(32, "big")).rstrip(b"=").decode()
