"""The warden beside a Triton server, over HTTP with the control key (ADR 0046)."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any

import httpx

from orchestrator.domain.errors import Category, DependencyError, Refused, Unavailable
from orchestrator.ports.warden import Memory

SERVICE = "triton"
ANSWER_WITHIN_S = 5.0
CHECK_WITHIN_S = 150.0  # longer than the warden lets the check run
FETCH_WITHIN_S = 3600.0  # tens of gigabytes; a storage that falls silent is noticed by the warden itself


def _unavailable(message: str) -> Callable[[], DependencyError]:
    return partial(Unavailable, message, service=SERVICE, category=Category.NETWORK)


def _refused(code: str, message: str) -> Callable[[], DependencyError]:
    return partial(Refused, message, service=SERVICE, category=Category.INTERNAL, code=code)


_AWAY = _unavailable("the warden of the inference server cannot be reached")
_FAILED = _unavailable("the warden of the inference server failed")
# What its codes mean to us.
TABLE: Mapping[str, Callable[[], DependencyError]] = {
    "unauthorized": _refused("triton_misconfigured", "the warden has another control key"),
    "no_server": _AWAY,
    "fetch_failed": _unavailable("the warden cannot fetch the release from storage"),
    "file_mismatch": _refused("release_damaged", "a file of the release is not what its manifest says"),
    "no_space": _refused("no_space", "the disk of the model repository is full"),
    "invalid": _refused("release_refused", "the warden refuses the request as unsafe"),
    "too_large": _refused("release_refused", "the release has too many files"),
    "not_found": _refused("release_missing", "the release is not on the inference server"),
    "no_check": _refused("release_unchecked", "models cannot be opened beside this inference server"),
    "internal": _FAILED,
    "check_failed": _FAILED,
}


class TritonWarden:
    """Implements `ports.warden.Warden` and `MemoryGauge`. Safe to share between threads."""

    def __init__(self, url: str, *, control_key: str) -> None:
        headers = {"Authorization": f"Bearer {control_key}"}
        # A neighbour: a proxy of the environment must not get between, and plain HTTP needs no certificates.
        self._client = httpx.Client(base_url=url, headers=headers, trust_env=False, verify=False)  # noqa: S501 - see above

    def read(self) -> Memory:
        found = self._ask("GET", "/memory")
        return Memory(
            used_bytes=found["used_bytes"],
            total_bytes=found["total_bytes"],
            host_bytes=found["host_bytes"],
            is_gpu=found["is_gpu"],
            models={} if found["is_gpu"] else _sums(found["processes"]),
            pools=found.get("pools", {}),
        )

    def restart(self, reason: str) -> None:
        self._ask("POST", "/restart", body={"reason": reason})

    def fetch(self, release: str, *, manifest: Mapping[str, Any], urls: Mapping[str, str]) -> None:
        order = {"manifest": manifest, "urls": urls}
        self._ask("PUT", f"/releases/{release}", body=order, within_s=FETCH_WITHIN_S)

    def check(self, release: str) -> Mapping[str, Any]:
        return self._ask("POST", f"/releases/{release}/check", within_s=CHECK_WITHIN_S)

    def releases(self) -> Mapping[str, str]:
        found: Mapping[str, str] = self._ask("GET", "/releases")["releases"]
        return found

    def remove(self, release: str) -> None:
        self._ask("DELETE", f"/releases/{release}")

    def close(self) -> None:
        self._client.close()

    def _ask(
        self, method: str, path: str, *, body: Mapping[str, Any] | None = None, within_s: float = ANSWER_WITHIN_S
    ) -> Mapping[str, Any]:
        timeout = httpx.Timeout(ANSWER_WITHIN_S, read=within_s)
        try:
            answer = self._client.request(method, path, json=body, timeout=timeout)
            found: Mapping[str, Any] = answer.json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise _parse_error("no_server", is_ours=False) from error
        if answer.is_success:
            return found
        status = f"{HTTPStatus(answer.status_code)}: {found.get('message')}"
        foreign = httpx.HTTPStatusError(status, request=answer.request, response=answer)
        raise _parse_error(found.get("code", ""), is_ours=answer.is_client_error) from foreign


def _sums(processes: Sequence[Mapping[str, Any]]) -> Mapping[str, int]:
    """What the stubs of each model hold; several instances of a model have a stub each."""
    sums: Counter[str] = Counter()
    for process in processes:
        if process["model"]:
            sums[process["model"]] += process["bytes"]
    return sums


def _parse_error(code: str, *, is_ours: bool) -> DependencyError:
    """Our error for one of the warden's; of a code that is not in the table, whose fault it was is all we know."""
    return TABLE.get(code, TABLE["invalid"] if is_ours else _FAILED)()
