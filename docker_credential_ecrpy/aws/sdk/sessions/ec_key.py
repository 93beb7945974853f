"""The key of an `aws login` session, in place of the package awscrt.

botocore proves possession of this key when it renews the session (RFC 9449, DPoP). awscrt is a
large library in C that the standalone programs cannot load; ecdsa is Python.

ecdsa does not hide how long a signature takes (CVE-2024-23342). An attack needs the times of
thousands of signatures; this makes one in 15 minutes, with a key that is in a file of the user's.
"""

import hashlib

import botocore.credentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ecdsa

_COORDINATE = 32  # bytes


class EcKey:
    """A private key on the curve P-256: what botocore uses of `awscrt.crypto.EC`."""

    def __init__(self, key: "ecdsa.SigningKey") -> None:
        self._key = key

    @staticmethod
    def new_key_from_der_data(data: bytes) -> "EcKey":
        """Return the key in DER, of SEC 1 or PKCS #8. Raises ValueError."""
        import ecdsa

        try:
            key = ecdsa.SigningKey.from_der(data)
        except Exception as exc:  # ecdsa has no common class for what it raises
            msg = "not a private key"
            raise ValueError(msg) from exc
        if key.curve is not ecdsa.NIST256p:
            msg = "not a key on the curve P-256"
            raise ValueError(msg)
        return EcKey(key)

    def get_public_coords(self) -> tuple[bytes, bytes]:
        """Return x and y of the public key."""
        text = self._key.verifying_key.to_string()
        return text[:_COORDINATE], text[_COORDINATE:]

    def sign(self, digest: bytes) -> bytes:
        """Return the signature of a SHA-256 digest, in DER."""
        from ecdsa import util

        made: bytes = self._key.sign_digest_deterministic(
            digest, hashfunc=hashlib.sha256, sigencode=util.sigencode_der
        )
        return made

    @staticmethod
    def decode_der_signature_to_padded_pair(signature: bytes, pad_to: int = 0) -> bytes:
        """Return r and s of a signature in DER, each padded to a number of bytes."""
        from ecdsa import NIST256p, util

        return b"".join(
            number.to_bytes(pad_to, "big")
            for number in util.sigdecode_der(signature, NIST256p.order)
        )


def patch() -> None:
    """Give botocore this key where awscrt is not installed."""
    module = botocore.credentials
    if module.EC is None:  # type: ignore[attr-defined]  # not in the stub
        module.EC = EcKey  # type: ignore[attr-defined]  # same
