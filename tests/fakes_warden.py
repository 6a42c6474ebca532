"""`Warden` and `MemoryGauge` without a process. They pass the same contract tests as the real one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from orchestrator.domain.canonical import canonical_json
from orchestrator.domain.errors import Category, OrchestratorError, Refused, Unavailable
from orchestrator.ports.warden import Memory

MIB = 1 << 20
POOLS = ("pinned_pool", "cuda_pool", "response_cache")


@dataclass
class FakeGauge:
    """Whatever the test says is used."""

    memory: Memory = field(
        default_factory=lambda: Memory(100 * MIB, 1000 * MIB, host_bytes=100 * MIB, pools=dict.fromkeys(POOLS, MIB))
    )
    away: bool = False

    def read(self) -> Memory:
        if self.away:
            raise Unavailable("away", service="triton", category=Category.NETWORK)
        return self.memory


@dataclass
class FakeWarden(FakeGauge):
    """``storage`` is asked for the bytes behind a URL; ``checks`` holds what opening a release finds."""

    storage: Callable[[str], bytes] = lambda _url: b""
    restarts: list[str] = field(default_factory=list)
    checks: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    _etags: dict[str, str] = field(default_factory=dict)

    def restart(self, reason: str) -> None:
        self.read()
        self.restarts.append(reason)

    def fetch(self, release: str, *, manifest: Mapping[str, Any], urls: Mapping[str, str]) -> None:
        self.read()
        etag = sha256(canonical_json(manifest)).hexdigest()
        if self._etags.get(release) == etag:
            return
        for file in manifest["files"]:
            if ".." in file["path"]:
                raise _refused("unsafe")
            if sha256(self.storage(urls[file["path"]])).hexdigest() != file["sha256"]:
                raise _refused("not as promised")
        self._etags[release] = etag

    def check(self, release: str) -> Mapping[str, Any]:
        self.read()
        if release not in self._etags:
            raise _refused("no such release")
        return self.checks.get(release, {"inputs": [], "outputs": [], "problems": []})

    def releases(self) -> Mapping[str, str]:
        self.read()
        return dict(self._etags)

    def remove(self, release: str) -> None:
        self.read()
        self._etags.pop(release, None)


def _refused(message: str) -> OrchestratorError:
    return Refused(message, service="triton", category=Category.INTERNAL)
