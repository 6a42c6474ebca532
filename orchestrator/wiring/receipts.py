"""What signs receipts, and what checks them."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from orchestrator.adapters.ed25519_seals import Ed25519Check, Ed25519Seal, parse_key
from orchestrator.domain.errors import InvalidParams
from orchestrator.ports.seal import PublicKey, Seal
from orchestrator.services.tasks.verify_receipt import NoReceipt, Verdict, VerifyReceipt
from orchestrator.settings import Settings


def build_seal(settings: Settings) -> Seal | None:
    """None without a key: receipts are not signed then, and say so."""
    seed = settings.receipts.signing_key.get_secret_value()
    return Ed25519Seal(seed) if seed else None


def build_public_keys(settings: Settings) -> tuple[PublicKey, ...]:
    """That of the key that signs now, and those of earlier ones."""
    seal = build_seal(settings)
    earlier = [parse_key(value) for value in settings.receipts.public_keys]
    return (*([seal.public_key] if seal else ()), *earlier)


def build_verify(keys: Sequence[str]) -> VerifyReceipt:
    """With public keys, each in base64 or a file as `GET /v1/receipts/keys` answers.

    Raises:
        InvalidParams: one is neither.
    """
    try:
        values = [value for key in keys for value in _values_of(key)]
        return VerifyReceipt(Ed25519Check.parse(values))
    except (ValueError, LookupError, TypeError, OSError) as error:
        raise InvalidParams("that is no public key: give its base64, or a file of GET /v1/receipts/keys") from error


def build_is_genuine(settings: Settings) -> Callable[[bytes], bool]:
    """Whether a receipt is ours. A node without keys can only tell what is no receipt."""
    keys = [key.value for key in build_public_keys(settings)]
    verify = VerifyReceipt(Ed25519Check.parse(keys))
    enough = {Verdict.GENUINE} if keys else {Verdict.GENUINE, Verdict.UNPROVEN}

    def is_genuine(text: bytes) -> bool:
        try:
            return verify.verify(text)[0].verdict in enough
        except NoReceipt:
            return False

    return is_genuine


def _values_of(key: str) -> list[str]:
    path = Path(key)
    return [item["value"] for item in json.loads(path.read_bytes())["items"]] if path.is_file() else [key]
