"""`Seal` by AES-256-GCM (NIST SP 800-38D), under a key that is derived from a secret of the environment (RFC 5869)."""

import os
from base64 import b64decode, b64encode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from orchestrator.domain.errors import Category, Unavailable

NONCE_BYTES = 12
KEY_BYTES = 32
PURPOSE = b"orchestrator webhook secrets"  # the same pepper makes MACs of API keys


class AesSeal:
    """Implements `ports.webhooks.Seal`. Whose secret it is, is sealed with it: nobody can pass one off as another's."""

    def __init__(self, pepper: bytes) -> None:
        self._cipher = AESGCM(HKDF(SHA256(), KEY_BYTES, salt=None, info=PURPOSE).derive(pepper))

    def close(self, secret: bytes, *, owner: str) -> str:
        nonce = os.urandom(NONCE_BYTES)
        return b64encode(nonce + self._cipher.encrypt(nonce, secret, owner.encode())).decode()

    def open(self, sealed: str, *, owner: str) -> bytes:
        text = b64decode(sealed)
        try:
            return self._cipher.decrypt(text[:NONCE_BYTES], text[NONCE_BYTES:], owner.encode())
        except InvalidTag as error:
            message = "the signing secret cannot be opened here: ORCH_API__KEY_PEPPER is another one than it was"
            raise Unavailable(message, service="webhook", category=Category.INTERNAL, code="secret_sealed") from error
