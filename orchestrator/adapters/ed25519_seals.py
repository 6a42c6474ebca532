"""`Seal` and `SealCheck` by Ed25519 (RFC 8032), through `cryptography`."""

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Iterable
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from orchestrator.ports.seal import PublicKey, Signature

ALGORITHM = "ed25519"
KEY_ID_DIGITS = 16


class Ed25519Seal:
    """The key whose seed are these 64 hexadecimal digits."""

    def __init__(self, seed: str) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
        self._public = name_key(self._key.public_key().public_bytes_raw())

    @property
    def public_key(self) -> PublicKey:
        return self._public

    def sign(self, content: bytes) -> Signature:
        return Signature(ALGORITHM, self._public.key_id, b64encode(self._key.sign(content)).decode())


class Ed25519Check:
    """Checks with these public keys, each by its own name: what somebody else calls a key is not looked at."""

    def __init__(self, keys: Iterable[PublicKey]) -> None:
        self._keys = {key.key_id: Ed25519PublicKey.from_public_bytes(b64decode(key.value)) for key in keys}

    @classmethod
    def parse(cls, values: Iterable[str]) -> Self:
        """Of keys in base64.

        Raises:
            ValueError: one is not a key.
        """
        return cls(map(parse_key, values))

    def knows(self, key_id: str) -> bool:
        return key_id in self._keys

    def is_genuine(self, content: bytes, signature: Signature) -> bool:
        if signature.algorithm != ALGORITHM or not self.knows(signature.key_id):
            return False
        try:
            self._keys[signature.key_id].verify(b64decode(signature.value, validate=True), content)
        except (InvalidSignature, ValueError):
            return False
        return True


def parse_key(value: str) -> PublicKey:
    """A public key in base64, as `public_key` gave it.

    Raises:
        ValueError: it is none.
    """
    raw = b64decode(value, validate=True)
    Ed25519PublicKey.from_public_bytes(raw)
    return name_key(raw)


def name_key(raw: bytes) -> PublicKey:
    return PublicKey(ALGORITHM, hashlib.sha256(raw).hexdigest()[:KEY_ID_DIGITS], b64encode(raw).decode())
