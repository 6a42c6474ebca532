"""Receipts: the key that signs them."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from orchestrator.settings.section import Section

SEED = re.compile(r"[0-9a-f]{64}")


def _seed_or_empty(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if text and not SEED.fullmatch(text):
        raise ValueError("must be 64 hexadecimal digits, such as `openssl rand -hex 32` makes")
    return secret


class ReceiptSettings(Section):
    """The signed JSON beside the artifacts of a task that says how they were made."""

    signing_key: Annotated[SecretStr, AfterValidator(_seed_or_empty)] = Field(
        SecretStr(""),
        description="Ed25519 seed, 64 hexadecimal digits, for API and workers. Not signed without.",
    )
    public_keys: tuple[str, ...] = Field(
        (),
        description='Public keys of earlier signing keys, in base64, still listed: ["…"] (JSON).',
    )
