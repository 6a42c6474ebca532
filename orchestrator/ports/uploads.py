"""Uploads that were offered to clients: who may go on with them, and what is left of those that nobody ever uses."""

from typing import Protocol

from orchestrator.domain.upload import Upload


class UploadLog(Protocol):
    """Remembers offers; the keeper sweeps what no task used (`ports/upkeep.py`)."""

    def track_upload(self, key: str) -> None:
        """Remember that ``key`` was offered, so that it can be swept.

        Raises:
            Unavailable: the store cannot be written; the offer must not be made.
        """
        ...


class Uploads(Protocol):
    """Uploads in progress. Each is forgotten when its time is up."""

    def open(self, upload: Upload) -> Upload:
        """Remember it; the answer says when it expires.

        Raises:
            Unavailable, Overloaded: the store cannot be written; the offer must not be made.
        """
        ...

    def find(self, project: str, upload_id: str) -> Upload:
        """An upload of the project.

        Raises:
            UploadNotFound: there is none, it has expired, or it belongs to another project.
        """
        ...

    def close(self, upload_id: str) -> None:
        """Forget it; one that is not there is forgotten already."""
        ...
