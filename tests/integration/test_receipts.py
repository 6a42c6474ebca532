"""Beside the artifacts lies a signed receipt: how they were made, for whoever has the public key."""

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from adoption_room import OPEN, Scene, open_scene
from front_door import KEYS, SEAL, FrontDoor
from record_store import FAILURE
from typer.testing import CliRunner

from orchestrator.adapters.ed25519_seals import Ed25519Seal, parse_key
from orchestrator.cli.app import build_cli
from orchestrator.client import Client
from orchestrator.domain.retry import Again

ANOTHER = Ed25519Seal("2e" * 32)
# RFC 8032, section 7.1, test 2.
RFC_SEED = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
RFC_PUBLIC = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
RFC_SIGNATURE = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)
GENUINE, FALSE, UNREADABLE, UNPROVEN = range(4)


@pytest.fixture
def scene(redis_url: str, tmp_path: Path) -> Iterator[Scene]:
    with open_scene(redis_url, tmp_path) as scene:
        scene.room = replace(scene.room, seal=SEAL)
        yield scene


def receipt_of(scene: Scene) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(scene.storage.objects[scene.room.task.outputs[-1].key][0])
    return found


def told(scene: Scene, folder: Path) -> Path:
    """What a client has downloaded: the artifacts and the receipt of the task."""
    folder.mkdir()
    for artifact in scene.room.task.outputs:
        (folder / artifact.name).write_bytes(scene.storage.objects[artifact.key][0])
    return folder


def verify(receipt: Path, *words: str) -> int:
    return CliRunner().invoke(build_cli(), ["verify", str(receipt), *words]).exit_code


def change(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    receipt = json.loads(path.read_bytes())
    edit(receipt)
    path.write_text(json.dumps(receipt))


class TestContents:
    def test_it_says_what_was_made_of_what_by_which_model(self, scene: Scene) -> None:
        run = scene.run()
        receipt, (picture, _) = receipt_of(scene), scene.room.task.outputs
        assert (receipt["task"], receipt["epoch"], receipt["run_id"]) == ("t", 1, run.run_id)
        served = {"release": "realesrgan_x4", "version": "1", "config_sha256": "of the config"}
        assert receipt["model"] == {"name": "realesrgan_x4", **served}
        assert receipt["artifacts"] == [
            {"name": "upscaled.png", "key": picture.key, "content_type": "image/png"}
            | {"size_bytes": picture.size_bytes, "sha256": picture.sha256, "store": ""}
        ]
        assert len(receipt["input"]["sha256"]) == 64
        assert receipt["result"] == scene.room.task.result
        assert receipt["seconds"].keys() == {"fetch", "probe", "infer", "store"}
        assert receipt["gpu_s"] == receipt["seconds"]["infer"]
        assert "http" not in json.dumps(receipt)

    def test_it_names_every_attempt_and_who_made_what_it_stored(self, scene: Scene) -> None:
        scene.storage.moods = [OPEN]
        first = scene.run()
        second = scene.run()
        receipt = receipt_of(scene)
        assert (receipt["made_by"], receipt["run_id"]) == (first.token, second.run_id)
        assert [attempt["epoch"] for attempt in receipt["attempts"]] == [2], "an open breaker burns no attempt"

    def test_of_a_failed_attempt_it_has_the_category(self, scene: Scene) -> None:
        scene.room.store.claims.fail(scene.room.store.claim_one(), FAILURE, decision=Again(1.0, counts=True))
        scene.run()
        errors = [attempt["error"] for attempt in receipt_of(scene)["attempts"]]
        assert errors == [{"code": "no_answer", "category": "network"}, None]

    def test_without_a_key_it_says_that_it_is_not_signed(self, scene: Scene, tmp_path: Path) -> None:
        scene.run(seal=None)
        assert receipt_of(scene)["signature"] is None
        assert verify(told(scene, tmp_path / "told") / "receipt.json") == UNPROVEN


class TestVerify:
    @pytest.fixture
    def folder(self, scene: Scene, tmp_path: Path) -> Path:
        scene.run()
        return told(scene, tmp_path / "told")

    @pytest.fixture
    def key(self) -> list[str]:
        return ["--public-key", SEAL.public_key.value]

    def test_a_receipt_and_its_files_are_genuine(self, folder: Path, key: list[str]) -> None:
        assert verify(folder / "receipt.json", "--artifacts", str(folder), *key) == GENUINE

    def test_also_by_a_file_of_the_services_keys(self, folder: Path, film_a: httpx.Client) -> None:
        keys = folder / "keys.json"
        keys.write_bytes(film_a.get("/v1/receipts/keys").content)
        assert verify(folder / "receipt.json", "--public-key", str(keys)) == GENUINE

    def test_not_by_a_key_that_nobody_gave_or_another(self, folder: Path) -> None:
        assert verify(folder / "receipt.json") == UNPROVEN
        assert verify(folder / "receipt.json", "--public-key", ANOTHER.public_key.value) == UNPROVEN

    @pytest.mark.parametrize(
        ("field", "value"),
        [("task", "u"), ("params", 1), ("gpu_s", -1), ("artifacts", []), ("attempts", [])],
    )
    def test_a_changed_field_is_noticed(self, folder: Path, key: list[str], field: str, value: object) -> None:
        change(folder / "receipt.json", lambda receipt: receipt.update({field: value}))
        assert verify(folder / "receipt.json", *key) == FALSE

    def test_so_is_a_field_more_or_less(self, folder: Path, key: list[str]) -> None:
        change(folder / "receipt.json", lambda receipt: receipt.update(approved=True))
        assert verify(folder / "receipt.json", *key) == FALSE
        change(folder / "receipt.json", lambda receipt: receipt.pop("approved"))
        assert verify(folder / "receipt.json", *key) == GENUINE
        change(folder / "receipt.json", lambda receipt: receipt.pop("node"))
        assert verify(folder / "receipt.json", *key) == FALSE

    def test_so_is_the_signature_of_somebody_else_under_our_name(self, folder: Path, key: list[str]) -> None:
        forged = ANOTHER.sign(b"anything").value
        change(folder / "receipt.json", lambda receipt: receipt["signature"].update(value=forged))
        assert verify(folder / "receipt.json", *key) == FALSE

    @pytest.mark.parametrize("value", ["no base64", "AAAA", ""])
    def test_so_is_one_that_is_none(self, folder: Path, key: list[str], value: str) -> None:
        change(folder / "receipt.json", lambda receipt: receipt["signature"].update(value=value))
        assert verify(folder / "receipt.json", *key) == FALSE

    def test_a_changed_file_is_noticed(self, folder: Path, key: list[str]) -> None:
        picture = folder / "upscaled.png"
        picture.write_bytes(picture.read_bytes() + b".")
        assert verify(folder / "receipt.json", *key, "--artifacts", str(folder)) == FALSE
        picture.unlink()
        assert verify(folder / "receipt.json", *key, "--artifacts", str(folder)) == UNPROVEN

    @pytest.mark.parametrize(
        "text",
        ['{"a": 1, "a": 2}', "[]", "{}", "no JSON", '{"artifacts": [], "signature": {"algorithm": 1}}', "[" * 100_000],
    )
    def test_what_is_no_receipt_is_not_read_as_one(self, tmp_path: Path, key: list[str], text: str) -> None:
        (tmp_path / "receipt.json").write_text(text)
        assert verify(tmp_path / "receipt.json", *key) == UNREADABLE

    def test_what_is_no_key_is_refused(self, folder: Path) -> None:
        assert verify(folder / "receipt.json", "--public-key", "AAAA") == UNREADABLE


def test_signatures_are_those_of_the_rfc() -> None:
    seal = Ed25519Seal(RFC_SEED)
    assert seal.public_key == parse_key(b64encode(RFC_PUBLIC).decode())
    assert seal.sign(b"\x72").value == b64encode(RFC_SIGNATURE).decode()


def test_the_client_lists_the_keys(door: FrontDoor) -> None:
    with Client(door.url, KEYS["film-a"]) as client:
        (key,) = client.receipts.keys()
    assert (key.key_id, key.value) == (SEAL.public_key.key_id, SEAL.public_key.value)
