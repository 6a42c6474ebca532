"""Authenticate: from the text of a key to the caller, without asking the store for a key that was seen lately."""

import hmac
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import structlog

from orchestrator.domain.api_key import EVERY_SCOPE, Caller, KeySecrets, parse_key_id, with_included
from orchestrator.domain.errors import OrchestratorError, Unauthorized
from orchestrator.ports.api_keys import ApiKeys
from orchestrator.ports.clock import Clock
from orchestrator.ports.projects import Projects

log = structlog.get_logger()

FRESH_S = 4.0  # how long a revoked key may still work here; 5 s is promised
ASK_AGAIN_S = 2.0
TOUCH_EVERY_S = 60.0
MOST_ENTRIES = 10_000
ADMIN_ID = "admin"
NOBODYS_MAC = "0" * 64

Later = Callable[[Callable[[], None]], object]


@dataclass(frozen=True, slots=True)
class _Entry:
    """What the store said of an id; nobody lives there if there is no caller."""

    caller: Caller | None
    mac: str
    ask_again_at_s: float
    stale_at_s: float


class Authenticate:
    """Unknown and known ids cost the same: both are looked up, remembered, and compared in constant time.

    A key in use is looked up again before it is stale, by ``later``, so that no request waits for it.
    """

    def __init__(self, keys: ApiKeys, projects: Projects, secrets: KeySecrets, *, clock: Clock, later: Later) -> None:
        self._keys = keys
        self._projects = projects
        self._secrets = secrets
        self._admin_mac = secrets.sign(secrets.admin_key) if secrets.admin_key else ""
        self._clock = clock
        self._later = later
        self._entries: dict[str, _Entry] = {}
        self._touched_at_s: dict[str, float] = {}
        self._lock = threading.Lock()

    def recall(self, text: str) -> Caller | None:
        """Whose key ``text`` is; None if the store must be asked. Never waits.

        Raises:
            Unauthorized: it is nobody's.
        """
        key_id, mac = self._read(text)
        entry, now_s = self._entries.get(key_id), self._clock.monotonic_s()
        if entry is None or now_s >= entry.stale_at_s:
            return None
        if now_s >= entry.ask_again_at_s and entry.caller is not None:
            self._refresh_soon(key_id, entry)
        return _verified(entry, mac)

    def authenticate(self, text: str) -> Caller:
        """Whose key ``text`` is, after asking the store.

        Raises:
            Unauthorized: it is nobody's.
            Unavailable: the store does not answer.
        """
        key_id, mac = self._read(text)
        caller = _verified(self._look_up(key_id), mac)
        self._later(partial(self._touch, key_id))
        return caller

    def forget(self, project: str) -> None:
        """It has changed: who calls for it is looked up anew."""
        with self._lock:
            self._entries = {
                name: kept
                for name, kept in self._entries.items()
                if not kept.caller or kept.caller.project.slug != project
            }

    def _read(self, text: str) -> tuple[str, str]:
        mac = self._secrets.sign(text)
        is_admin = hmac.compare_digest(mac, self._admin_mac)
        key_id = ADMIN_ID if is_admin else parse_key_id(text)
        if key_id is None:
            raise Unauthorized
        return key_id, mac

    def _look_up(self, key_id: str) -> _Entry:
        asked_at_s = self._clock.monotonic_s()
        caller, mac, live_for_s = self._ask(key_id)
        fresh_s = FRESH_S if live_for_s is None else min(FRESH_S, live_for_s)
        entry = _Entry(caller, mac, asked_at_s + ASK_AGAIN_S, asked_at_s + fresh_s)
        with self._lock:
            if len(self._entries) >= MOST_ENTRIES:  # somebody guesses ids
                self._entries = {name: kept for name, kept in self._entries.items() if kept.caller is not None}
            self._entries[key_id] = entry
        return entry

    def _ask(self, key_id: str) -> tuple[Caller | None, str, float | None]:
        if key_id == ADMIN_ID:
            project = self._projects.ensure(self._secrets.admin_project)
            return Caller(project, ADMIN_ID, EVERY_SCOPE), self._admin_mac, None
        key = self._keys.find(key_id)
        if key is None:
            return None, NOBODYS_MAC, None
        return Caller(key.project, key_id, with_included(key.scopes)), key.mac, key.live_for_s

    def _refresh_soon(self, key_id: str, entry: _Entry) -> None:
        with self._lock:
            if self._entries.get(key_id) is not entry:
                return
            # Others that come meanwhile need not ask too.
            self._entries[key_id] = _Entry(entry.caller, entry.mac, entry.stale_at_s, entry.stale_at_s)
        self._later(partial(self._refresh, key_id))

    def _refresh(self, key_id: str) -> None:
        try:
            self._look_up(key_id)
        except OrchestratorError as error:  # the next request asks for itself
            log.warning("key.not_refreshed", key_id=key_id, code=error.code)
        self._touch(key_id)

    def _touch(self, key_id: str) -> None:
        """Whatever comes of it, nobody waits for it."""
        now_s = self._clock.monotonic_s()
        if key_id == ADMIN_ID or now_s < self._touched_at_s.get(key_id, float("-inf")) + TOUCH_EVERY_S:
            return
        self._touched_at_s[key_id] = now_s
        try:
            self._keys.touch(key_id)
        except OrchestratorError as error:
            log.warning("key.not_touched", key_id=key_id, code=error.code)


def _verified(entry: _Entry, mac: str) -> Caller:
    if not hmac.compare_digest(entry.mac, mac) or entry.caller is None:
        raise Unauthorized
    return entry.caller
