"""Uploads that were offered to clients: who may go on with them, and what is left of those that nobody ever uses."""

from typing import Protocol

from orchestrator.domain.upload import Upload


class UploadLog(Protocol):
    """What was offered. Its bytes count for the project until nothing of it is there, and nothing can come any more."""

    def reserve(self, key: str, *, size_bytes: int, ends_in_s: float) -> None:
        """Count ``size_bytes`` for the project whose key it is, and remember ``key``, so that it can be swept.

        Nothing can arrive there after ``ends_in_s``. What has not arrived by then counts no longer; what has, counts
        until it is swept.

        Raises:
            QuotaExceeded: the project would keep more than it may; nothing is counted or remembered.
            Unavailable, Overloaded: the store cannot be written. As after a refusal, the offer must not be made.
        """
        ...

    def reserve_for_task(self, key: str, *, size_bytes: int, ends_in_s: float) -> None:
        """The same for what is stored for one task: it is swept after ``ends_in_s`` unless a task has taken it up."""
        ...

    def give_back(self, key: str) -> None:
        """Nothing is there, and nothing can come: it counts no longer. One that is forgotten stays so."""
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
