"""Uploads that were offered to clients and that nobody may ever use."""

from typing import Protocol


class UploadLog(Protocol):
    """Remembers offers; the keeper sweeps what no task used (`ports/upkeep.py`)."""

    def track_upload(self, key: str) -> None:
        """Remember that ``key`` was offered, so that it can be swept.

        Raises:
            Unavailable: the store cannot be written; the offer must not be made.
        """
        ...
