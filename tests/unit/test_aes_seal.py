"""Secrets in the store: of no use without the pepper, nor in another's place."""

import pytest

from orchestrator.adapters.aes_seal import AesSeal
from orchestrator.domain.errors import Unavailable

SECRET = bytes(range(32))


def test_what_is_sealed_is_opened_for_its_owner() -> None:
    sealed = AesSeal(b"pepper").close(SECRET, owner="whk_1")
    assert AesSeal(b"pepper").open(sealed, owner="whk_1") == SECRET


def test_the_same_secret_never_looks_the_same() -> None:
    seal = AesSeal(b"pepper")
    assert seal.close(SECRET, owner="whk_1") != seal.close(SECRET, owner="whk_1")


@pytest.mark.parametrize(("pepper", "owner"), [(b"another", "whk_1"), (b"", "whk_1"), (b"pepper", "whk_2")])
def test_nobody_else_opens_it(pepper: bytes, owner: str) -> None:
    sealed = AesSeal(b"pepper").close(SECRET, owner="whk_1")
    with pytest.raises(Unavailable, match="ORCH_API__KEY_PEPPER") as closed:
        AesSeal(pepper).open(sealed, owner=owner)
    assert closed.value.code == "secret_sealed"
