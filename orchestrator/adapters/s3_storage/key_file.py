"""Keys in a file that is read anew whenever it changes: new ones need no restart (fault 30)."""

import configparser
import threading
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from botocore.credentials import CredentialProvider, Credentials, ReadOnlyCredentials

from orchestrator.domain.breaker import AccessDenied

log = structlog.get_logger()

PROFILE, KEY_ID, SECRET = "default", "aws_access_key_id", "aws_secret_access_key"


@dataclass(frozen=True, slots=True)
class Keys:
    """Who asks, and what proves it."""

    access_key_id: str
    secret_access_key: str = field(repr=False)


class KeyFile:
    """As AWS's own tools write it: an INI file with a profile `default`. Safe to share between threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: tuple[tuple[int, int, int], Keys] | None = None
        self._reading = threading.Lock()

    def keys(self) -> Keys:
        """The keys as the file is now. While it is away or half written, those that it had before.

        Raises:
            AccessDenied: it has had none yet.
        """
        with self._reading:
            try:
                about = self._path.stat()
                seen = (about.st_mtime_ns, about.st_ino, about.st_size)
                if self._read is None or self._read[0] != seen:
                    self._read = (seen, _parse(self._path.read_text(encoding="utf-8")))
                    log.info("keys.read", file=str(self._path), access_key_id=self._read[1].access_key_id)
            except (OSError, configparser.Error, KeyError) as error:
                if self._read is None:
                    raise AccessDenied("the file with the store's keys has none", service="storage") from error
                log.warning("keys.unreadable", file=str(self._path), error=type(error).__name__)
            return self._read[1]


class FollowedKeys(Credentials):  # type: ignore[misc]  # botocore is untyped
    """The same, for boto3: it asks for the keys whenever it signs."""

    def __init__(self, file: KeyFile) -> None:
        super().__init__("", "")  # a process starts before its secrets are there, and says so when it needs them
        self._file = file

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        keys = self._file.keys()
        return ReadOnlyCredentials(keys.access_key_id, keys.secret_access_key, None)


class KeyFileProvider(CredentialProvider):  # type: ignore[misc]  # botocore is untyped
    """How boto3 comes by them."""

    METHOD = "orchestrator-key-file"

    def __init__(self, file: KeyFile) -> None:
        super().__init__()
        self._file = file

    def load(self) -> FollowedKeys:
        return FollowedKeys(self._file)


def _parse(text: str) -> Keys:
    parsed = configparser.ConfigParser(interpolation=None)
    parsed.read_string(text)
    return Keys(parsed[PROFILE][KEY_ID], parsed[PROFILE][SECRET])
