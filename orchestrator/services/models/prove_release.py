"""Prove a release: see that what has come is what was said, and that it can be served; then it is one (ADR 0047)."""

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

from orchestrator.domain.config_draft import Signature, contradictions, draft_config
from orchestrator.domain.errors import FieldError, InputChanged, InputNotFound
from orchestrator.domain.manifest import Manifest, ReleaseFile
from orchestrator.domain.model import Release
from orchestrator.domain.push import BACKENDS, CONFIG, WEIGHTS, Push, PushedFile, folder_of, placed_path
from orchestrator.domain.release_errors import ReleaseRefused
from orchestrator.pipelines.golden_pictures import find_unfit_pictures
from orchestrator.ports.model_files import ModelConfigs, ModelFiles
from orchestrator.ports.releases import ReleaseRegister
from orchestrator.ports.storage import ObjectStorage

BYTES, TEXT = "application/octet-stream", "text/plain"


@dataclass(frozen=True, slots=True)
class ProveRelease:
    """Every file is read once, through a folder of this machine; the model itself is looked at, and not opened."""

    register: ReleaseRegister
    storage: ObjectStorage
    configs: ModelConfigs
    files: ModelFiles

    def prove(self, release: Release, push: Push) -> Manifest:
        """Publish it. Again is harmless.

        Raises:
            ReleaseRefused: ``fields`` says what is wrong. What came damaged is gone, and can be sent again.
            Unavailable: try again.
        """
        signature: Signature | None = None
        proven: list[ReleaseFile] = []
        with tempfile.TemporaryDirectory(prefix="push-") as folder:
            for at, file in enumerate(push.files):
                path = Path(folder) / file.path.rpartition("/")[2]
                proven.append(self._prove(release, file, path=path, field=f"files.{at}"))
                if file.path in WEIGHTS:
                    signature = self.files.signature(path)
                path.unlink()
        text = self._config(release, push, signature=signature)
        config = self.configs.parse(text)
        flaws = tuple(find_unfit_pictures(push, inputs=config.inputs, outputs=config.outputs))
        if flaws:
            raise ReleaseRefused(fields=flaws)
        content = text.encode()
        stored = self.storage.put(content, folder_of(release) + CONFIG, content_type=TEXT)
        digest = hashlib.sha256(content).hexdigest()
        manifest = Manifest(
            release,
            tuple(sorted((*proven, ReleaseFile(CONFIG, stored.size_bytes, digest)), key=lambda file: file.path)),
            digest,
            config.inputs,
            config.outputs,
            push.goldens,
            push.picture,
            push.source,
            push.licence,
        )
        self.register.publish(manifest)
        return manifest

    def _config(self, release: Release, push: Push, *, signature: Signature | None) -> str:
        """The configuration under the release's name; what was pushed, or what the file says of itself."""
        backend = BACKENDS[push.weights.path]
        if not push.config and signature is None:
            raise ReleaseRefused("TorchScript does not say what it takes: push a config.pbtxt with it")
        text = push.config or draft_config(signature or Signature((), ()), backend=backend)
        config = self.configs.parse(text)
        flaws = [] if config.backend == backend else [f"backend {config.backend!r} does not serve {push.weights.path}"]
        if signature is not None:
            flaws += [flaw.message for flaw in contradictions(config, signature)]
        if flaws:
            raise ReleaseRefused(fields=[FieldError("config", flaw) for flaw in flaws])
        return self.configs.named(text, release.name)

    def _prove(self, release: Release, file: PushedFile, *, path: Path, field: str) -> ReleaseFile:
        placed = placed_path(file.path, release.version)
        key = folder_of(release) + placed
        source = file.origin or key
        try:
            etag = file.etag or self.storage.head(source).etag
            found = self.storage.fetch(source, path, etag=etag, limit_bytes=file.size_bytes)
        except (InputChanged, InputNotFound) as error:
            raise ReleaseRefused(fields=[FieldError(field, "it has changed while it was pushed")]) from error
        if file.sha256 and found.sha256 != file.sha256:
            if not file.origin:
                self.storage.delete(key)
            raise ReleaseRefused(fields=[FieldError(f"{field}.sha256", "other bytes have come than were announced")])
        if file.origin:
            self.storage.store(path, key, content_type=BYTES)
        return ReleaseFile(placed, found.size_bytes, found.sha256)
