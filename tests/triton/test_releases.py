"""The warden's releases: whole or not at all, only what the manifest says, only inside their folder."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from kept_server import ask
from live_triton import start_triton, wait_until
from warden import check, releases
from warden.door import Refusal

NAME = "echo@3"
FILES = {"config.pbtxt": b'backend: "onnxruntime"', "1/model.onnx": b"weights" * 1000}


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, and sends whoever asks for `elsewhere` away."""

    def do_GET(self) -> None:
        if self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", "/config.pbtxt")
            self.end_headers()
        else:
            super().do_GET()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    for path, content in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


@pytest.fixture
def storage(source: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(source))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def kept(tmp_path: Path) -> releases.Releases:
    return releases.Releases(tmp_path / "pushed")


def order(storage: str, folder: Path) -> dict[str, Any]:
    """The manifest of a folder, with where each file is."""
    paths = [str(path.relative_to(folder)) for path in sorted(folder.rglob("*")) if path.is_file()]
    found = {path: (folder / path).read_bytes() for path in paths}
    files = [
        {"path": path, "size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for path, content in found.items()
    ]
    return {"manifest": {"files": files}, "urls": {path: f"{storage}/{path}" for path in paths}}


def refusal(kept: releases.Releases, body: dict[str, Any], *, name: str = NAME) -> str:
    """The code of the refusal, after which nothing is left."""
    with pytest.raises(Refusal) as caught:
        kept.put(name, body)
    assert kept.list() == {}
    assert not [path for path in kept.repository.parent.rglob("*") if path.is_file()]
    return caught.value.code


def test_every_file_is_there_and_readable_when_the_folder_is(
    kept: releases.Releases, storage: str, source: Path
) -> None:
    assert kept.put(NAME, order(storage, source)) is True
    assert {path: (kept.folder(NAME) / path).read_bytes() for path in FILES} == FILES
    assert kept.folder(NAME).stat().st_mode & 0o777 == 0o755


def test_the_same_manifest_again_fetches_nothing(kept: releases.Releases, storage: str, source: Path) -> None:
    kept.put(NAME, order(storage, source))
    nowhere = {**order(storage, source), "urls": dict.fromkeys(FILES, "http://127.0.0.1:1/")}
    assert kept.put(NAME, nowhere) is False


def test_another_manifest_takes_the_place_of_the_first(kept: releases.Releases, storage: str, source: Path) -> None:
    kept.put(NAME, order(storage, source))
    (source / "1" / "model.onnx").write_bytes(b"others")
    assert kept.put(NAME, order(storage, source)) is True
    assert (kept.folder(NAME) / "1" / "model.onnx").read_bytes() == b"others"


def test_the_etag_is_that_of_the_manifest(kept: releases.Releases, storage: str, source: Path) -> None:
    body = order(storage, source)
    kept.put(NAME, body)
    text = json.dumps(body["manifest"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert kept.list() == {NAME: hashlib.sha256(text.encode()).hexdigest()}


@pytest.mark.parametrize("content", [b"longer than promised" * 1000, b"short", b"sthgiew" * 1000])
def test_a_file_that_is_not_as_promised_leaves_nothing(
    kept: releases.Releases, storage: str, source: Path, content: bytes
) -> None:
    body = order(storage, source)
    (source / "1" / "model.onnx").write_bytes(content)
    assert refusal(kept, body) == "file_mismatch"


@pytest.mark.parametrize("path", ["missing", "elsewhere"])
def test_a_file_that_storage_does_not_give_leaves_nothing(
    kept: releases.Releases, storage: str, source: Path, path: str
) -> None:
    body = order(storage, source)
    body["urls"]["1/model.onnx"] = f"{storage}/{path}"
    assert refusal(kept, body) == "fetch_failed"


def test_a_storage_that_is_away_is_told(kept: releases.Releases, storage: str, source: Path) -> None:
    body = order(storage, source)
    body["urls"]["1/model.onnx"] = "http://127.0.0.1:1/model.onnx"
    assert refusal(kept, body) == "fetch_failed"


@pytest.mark.parametrize(
    "path",
    ["../out", "/etc/passwd", "a/../../b", "a//b", "", ".", ".release.json", "1/.x", "a\\b", "a\0b", "a/" * 9 + "a"],
)
def test_a_path_that_may_lead_outside_is_refused(
    kept: releases.Releases, storage: str, source: Path, path: str
) -> None:
    body = order(storage, source)
    body["manifest"]["files"][0]["path"] = path
    body["urls"][path] = f"{storage}/config.pbtxt"
    assert refusal(kept, body) == "invalid"


@pytest.mark.parametrize("name", ["echo", "echo@0", "..@1", "echo@1/x", "@1", "echo@01", "echo@x"])
def test_a_name_that_is_no_releases_is_refused(kept: releases.Releases, storage: str, source: Path, name: str) -> None:
    assert refusal(kept, order(storage, source), name=name) == "invalid"


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/x", "", None])
def test_what_is_not_fetched_over_http_is_refused(
    kept: releases.Releases, storage: str, source: Path, url: str | None
) -> None:
    body = order(storage, source)
    body["urls"]["config.pbtxt"] = url
    assert refusal(kept, body) == "invalid"


@pytest.mark.parametrize("body", [{}, {"manifest": {}}, {"manifest": {"files": []}, "urls": {}}, {"manifest": 1}])
def test_what_is_no_manifest_is_refused(kept: releases.Releases, body: dict[str, Any]) -> None:
    assert refusal(kept, body) == "invalid"


def test_a_disk_without_room_is_told_before_anything_is_fetched(
    kept: releases.Releases, storage: str, source: Path
) -> None:
    body = order(storage, source)
    body["manifest"]["files"][0]["size_bytes"] = shutil.disk_usage(source).total * 2
    assert refusal(kept, body) == "no_space"


def test_what_is_removed_is_gone_and_once_more_is_harmless(kept: releases.Releases, storage: str, source: Path) -> None:
    kept.put(NAME, order(storage, source))
    kept.remove(NAME)
    kept.remove(NAME)
    assert kept.list() == {}
    with pytest.raises(Refusal, match="no such release"):
        kept.folder(NAME)


def test_what_an_earlier_life_was_fetching_is_gone(tmp_path: Path) -> None:
    (tmp_path / "passage" / "half").mkdir(parents=True)
    releases.Releases(tmp_path)
    assert list((tmp_path / "passage").iterdir()) == []


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("import json, sys; print(json.dumps({'folder': sys.argv[1]}))", {"folder": "here"}),
        (
            "import os; os.abort()",
            {"inputs": [], "outputs": [], "problems": ["whoever opens it is killed by signal 6"]},
        ),
    ],
)
def test_a_model_is_opened_in_a_child_and_what_kills_it_is_a_problem_of_the_model(
    tmp_path: Path, script: str, found: dict[str, Any]
) -> None:
    (tmp_path / "check.py").write_text(script)
    assert check.check_model(Path("here"), check=tmp_path / "check.py") == found


def test_the_child_sees_no_secret_and_has_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCH_TRITON__CONTROL_KEY", "secret")
    script = "import json, os; os.environ.pop('LC_CTYPE', 0); print(json.dumps({'env': sorted(os.environ)}))"
    (tmp_path / "check.py").write_text(script)
    seen = check.check_model(tmp_path, check=tmp_path / "check.py")
    assert set(seen["env"]) == {"PATH", "LD_LIBRARY_PATH", "HOME", "CUDA_VISIBLE_DEVICES"}


@pytest.mark.parametrize("script", ["print('[]')", "print('no JSON')", ""])
def test_a_check_that_says_nothing_useful_has_failed(tmp_path: Path, script: str) -> None:
    (tmp_path / "check.py").write_text(script)
    with pytest.raises(Refusal, match="the check has failed"):
        check.check_model(tmp_path, check=tmp_path / "check.py")


def test_triton_serves_what_was_put_beside_its_own_models(tmp_path: Path, repository: Path) -> None:
    """Over the door, from the first byte to the answer of the index; what was checked in is not touched."""
    before = sorted(path.name for path in repository.iterdir())
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(repository / "echo"))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        body = order(f"http://127.0.0.1:{server.server_port}", repository / "echo")
        triton = start_triton(tmp_path, repository)
        with triton.process:
            try:
                wait_until(triton.is_ready, "Triton is ready", deadline_s=60)
                put = json.dumps(body).encode()
                assert ask(triton.warden_port, f"/releases/{NAME}", body=put, method="PUT")[0] == 201
                assert ask(triton.warden_port, f"/releases/{NAME}", body=put, method="PUT")[0] == 200
                assert list(ask(triton.warden_port, "/releases")[1]["releases"]) == [NAME]
                with triton.connect() as client:
                    index = client.get_model_repository_index(headers=triton.control_headers)
                assert NAME in {model.name for model in index.models}
                assert ask(triton.warden_port, f"/releases/{NAME}", method="DELETE")[0] == 200
                assert ask(triton.warden_port, "/releases")[1]["releases"] == {}
            finally:
                triton.process.terminate()
        server.shutdown()
    assert sorted(path.name for path in repository.iterdir()) == before
