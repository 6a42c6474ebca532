"""List a folder of object storage as the files of a push: what is there is copied, nothing is sent."""

from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator.domain.errors import FieldError
from orchestrator.domain.project import Project
from orchestrator.domain.push import CONFIG, ROOT, ListedFolder, PushedFile, pushed_path
from orchestrator.domain.release_errors import ReleaseRefused
from orchestrator.pipelines.local_copy import local_copy
from orchestrator.ports.storage import ObjectInfo, ObjectStorage

TENANTS = "projects/"
MOST = 1000
CONFIG_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class ListFolder:
    """Nobody reaches another project's files this way, nor those of the node itself."""

    storage: ObjectStorage

    def list(self, project: Project, prefix: str) -> ListedFolder:
        """What lies there.

        Raises:
            ReleaseRefused: nothing does, or it is not for this project.
            Unavailable: try again.
        """
        folder = prefix.rstrip("/") + "/"
        if folder.startswith(ROOT) or (folder.startswith(TENANTS) and not folder.startswith(project.prefix)):
            raise ReleaseRefused(fields=[FieldError("from_prefix", "this folder is not yours")])
        found = list(self._few(folder))
        files = tuple(
            PushedFile(pushed_path(info.key.removeprefix(folder)), info.size_bytes, origin=info.key, etag=info.etag)
            for info in found
        )
        config = next((info for info in found if info.key == folder + CONFIG), None)
        return ListedFolder(tuple(file for file in files if file.path != CONFIG), self._text(config) if config else "")

    def _few(self, folder: str) -> Iterator[ObjectInfo]:
        for count, info in enumerate(self.storage.list(folder)):
            if count == MOST:
                raise ReleaseRefused(fields=[FieldError("from_prefix", f"more than {MOST} objects lie there")])
            if not info.key.endswith("/"):  # what some tools put there for a folder
                yield info

    def _text(self, info: ObjectInfo) -> str:
        with local_copy(self.storage, info, limit_bytes=CONFIG_BYTES) as (_, path):
            return path.read_text("utf-8", errors="replace")
