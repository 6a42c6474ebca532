"""Seals: who has seen the public key can tell that we said it, and that nobody has changed it since."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Signature:
    """``value`` is in base64; ``key_id`` names the key and proves nothing."""

    algorithm: str
    key_id: str
    value: str


@dataclass(frozen=True, slots=True)
class PublicKey:
    """What a signature is checked with; ``value`` is in base64."""

    algorithm: str
    key_id: str
    value: str


class Seal(Protocol):
    """Holds a secret key."""

    @property
    def public_key(self) -> PublicKey:
        """What others need to check its signatures."""
        ...

    def sign(self, content: bytes) -> Signature:
        """Equal contents get equal signatures."""
        ...


class SealCheck(Protocol):
    """Knows public keys."""

    def knows(self, key_id: str) -> bool:
        """Whether it has the key of that name."""
        ...

    def is_genuine(self, content: bytes, signature: Signature) -> bool:
        """Whether the holder of a key that it knows has signed just this."""
        ...
