"""A release as it lies on a disk: one file of a model, or a folder with all that belongs to it."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestrator.client.releases import NewRelease, is_weights

CONFIG, MANIFEST = "config.pbtxt", "manifest.json"
TOLD = ("goldens", "picture", "source", "licence")


def read_release(path: Path) -> NewRelease:
    """What to push of a file, or of a folder.

    A folder is laid out like the release: the model, maybe below its version, `config.pbtxt`, `golden/`, `warmup/`, a
    `*.txt` of labels. A `manifest.json` beside them, like the service's own, has goldens, picture, source and licence.

    Raises:
        ValueError: it has no model, or a link, which nobody follows; or a text that cannot be read.
    """
    if path.is_file():
        return _with_model(NewRelease({f"model{path.suffix.lower()}": path}), path)
    files = {found.relative_to(path).as_posix(): found for found in sorted(path.rglob("*")) if not found.is_dir()}
    links = [name for name, found in files.items() if found.is_symlink()]
    if links:
        raise ValueError(f"{path} holds links: {', '.join(links)}")
    config, manifest = files.pop(CONFIG, None), files.pop(MANIFEST, None)
    new = NewRelease(files, config=_text(config) if config else "")
    return _with_model(replace(new, **_told(manifest) if manifest else {}), path)


def _with_model(new: NewRelease, path: Path) -> NewRelease:
    if not any(map(is_weights, new.files)):
        raise ValueError(
            f"there is no model in {path}: an .onnx or .pt file, or a folder with a model.onnx or model.pt"
        )
    return new


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text in UTF-8") from error


def _told(manifest: Path) -> Mapping[str, Any]:
    try:
        told: Mapping[str, Any] = json.loads(_text(manifest))
        return {name: told[name] for name in TOLD if told.get(name)}
    except (json.JSONDecodeError, AttributeError) as error:
        raise ValueError(f"{manifest} is no JSON object") from error
