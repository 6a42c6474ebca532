"""Files that lie on other people's web servers, and the names of those servers. Both may be hostile."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class WebFile:
    """What has come of a URL."""

    size_bytes: int
    sha256: str


class NameResolver(Protocol):
    """Names of hosts to addresses."""

    def resolve(self, host: str, port: int) -> tuple[str, ...]:
        """Every address that ``host`` has now, as numbers.

        Raises:
            Unavailable: the name is not known, or nobody can be asked.
        """
        ...


class UrlFetcher(Protocol):
    """Fetches files for strangers, so that a stranger can never make this node talk to hosts that only it can reach."""

    def fetch(self, url: str, destination: Path, *, limit_bytes: int, keep_going: Callable[[], None]) -> WebFile:
        """Stream what ``url`` names into the new file ``destination``; nothing is left there when that fails.

        Between pieces ``keep_going`` is called, and what it raises ends the fetch. No credentials are sent, no proxy
        is used, and what comes is stored as it comes.

        Raises:
            InputRefused: the URL, a redirect or an address behind a name leads where this node does not go.
            InputNotFound: the server says that there is no such file, or not for everybody.
            MediaTooLarge: it has more than ``limit_bytes``.
            StageTimeout: it did not come within the fetcher's own deadline.
            Unavailable: it may be had later.
        """
        ...
