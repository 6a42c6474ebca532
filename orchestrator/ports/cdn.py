"""The cache in front of the bucket, where a project's outputs have public URLs (its `cdn_url`)."""

from collections.abc import Sequence
from typing import Protocol


class Cdn(Protocol):
    """What it has once seen it keeps for as long as `Cache-Control` said, also when the object is gone."""

    def purge(self, urls: Sequence[str]) -> None:
        """Make it forget these URLs; those that it does not know are forgotten already.

        Raises:
            Unavailable: it cannot be reached, or asks for a pause. Some may be forgotten.
            Refused: it does not let us.
        """
        ...
