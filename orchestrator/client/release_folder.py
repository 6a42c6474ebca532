"""A release as it lies on a disk: one file of a model, or a folder with all that belongs to it."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestrator.client.releases import NewRelease

CONFIG, MANIFEST = "config.pbtxt", "manifest.json"
TOLD = ("goldens", "picture", "source", "licence")


def read_release(path: Path) -> NewRelease:
    """What to push of a file, or of a folder.

    A folder is laid out like the release: the model, maybe below its version, `config.pbtxt`, `golden/`, `warmup/`, a
    `*.txt` of labels. A `manifest.json` beside them, like the service's own, has goldens, picture, source and licence.

    Raises:
        ValueError: there is a link in the folder, which nobody follows.
    """
    if path.is_file():
        return NewRelease({f"model{path.suffix.lower()}": path})
    files = {found.relative_to(path).as_posix(): found for found in sorted(path.rglob("*")) if not found.is_dir()}
    links = [name for name, found in files.items() if found.is_symlink()]
    if links:
        raise ValueError(f"{path} holds links: {', '.join(links)}")
    config, manifest = files.pop(CONFIG, None), files.pop(MANIFEST, None)
    told: Mapping[str, Any] = json.loads(manifest.read_text("utf-8")) if manifest else {}
    new = NewRelease(files, config=config.read_text("utf-8") if config else "")
    return replace(new, **{name: told[name] for name in TOLD if told.get(name)})
