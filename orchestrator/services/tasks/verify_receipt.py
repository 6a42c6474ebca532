"""Verify: is a receipt genuine, and are these the files that it tells of? Asks nobody."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from orchestrator.domain.canonical import canonical_json
from orchestrator.domain.errors import RequestError
from orchestrator.pipelines.spool import sha256_of
from orchestrator.ports.seal import SealCheck, Signature

SIGNATURE = "signature"


class Verdict(StrEnum):
    """``unproven``: nothing speaks against it, but it is not shown either."""

    GENUINE = "genuine"
    FALSE = "false"
    UNPROVEN = "unproven"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: the signature, or a file by its name."""

    what: str
    verdict: Verdict
    why: str = ""


class NoReceipt(RequestError):
    """The file is not a receipt."""

    code = "no_receipt"


@dataclass(frozen=True, slots=True)
class VerifyReceipt:
    """``check`` knows the keys that its user trusts: one that came with the receipt would prove nothing."""

    check: SealCheck

    def verify(self, text: bytes, *, folder: Path | None = None) -> Sequence[Finding]:
        """The signature, and every artifact that should lie in ``folder``.

        Raises:
            NoReceipt: it cannot be read as one.
        """
        receipt = _parse(text)
        signature = receipt.pop(SIGNATURE)
        return [self._of_signature(receipt, signature), *(_of_files(receipt, folder) if folder else ())]

    def _of_signature(self, receipt: dict[str, Any], found: dict[str, str] | None) -> Finding:
        if found is None:
            return Finding(SIGNATURE, Verdict.UNPROVEN, "it is not signed")
        signature = Signature(**found)
        if not self.check.knows(signature.key_id):
            return Finding(SIGNATURE, Verdict.UNPROVEN, f"the public key {signature.key_id!r} is not given")
        if not self.check.is_genuine(canonical_json(receipt), signature):
            return Finding(SIGNATURE, Verdict.FALSE, "it was changed since it was signed, or somebody else has")
        return Finding(SIGNATURE, Verdict.GENUINE)


def _of_files(receipt: dict[str, Any], folder: Path) -> Iterator[Finding]:
    for artifact in receipt["artifacts"]:
        name, path = artifact["name"], folder / Path(artifact["name"]).name
        if not path.is_file():
            yield Finding(name, Verdict.UNPROVEN, "it is not there")
        elif sha256_of(path) != artifact["sha256"]:
            yield Finding(name, Verdict.FALSE, "it has another SHA-256")
        else:
            yield Finding(name, Verdict.GENUINE)


def _parse(text: bytes) -> dict[str, Any]:
    """A name that is there twice would let two readers see two receipts."""
    try:
        receipt: dict[str, Any] = json.loads(text, object_pairs_hook=_without_twins)
        canonical_json(receipt)
        "".join(artifact["name"] + artifact["sha256"] for artifact in receipt["artifacts"])
        if receipt[SIGNATURE] is not None:
            "".join(astuple(Signature(**receipt[SIGNATURE])))
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise NoReceipt from error
    return receipt


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is there twice")
    return found
