"""A local copy of an object, for as long as somebody looks at it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from orchestrator.ports.storage import ObjectInfo, ObjectStorage


@contextmanager
def local_copy(
    storage: ObjectStorage, info: ObjectInfo, *, limit_bytes: int | None = None, scratch_dir: Path | None = None
) -> Iterator[tuple[ObjectInfo, Path]]:
    """What came, with its SHA-256, and the file that it is in: in the system's temporary folder, or ``scratch_dir``.

    Raises:
        InputChanged, MediaTooLarge, …: as `ObjectStorage.fetch`. Without a limit it may be as large as ``info`` says.
    """
    if scratch_dir:
        scratch_dir.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="copy-", dir=scratch_dir) as folder:
        path = Path(folder) / "copy"
        limit_bytes = info.size_bytes if limit_bytes is None else limit_bytes
        yield storage.fetch(info.key, path, etag=info.etag, limit_bytes=limit_bytes), path
