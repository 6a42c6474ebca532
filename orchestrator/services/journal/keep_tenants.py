"""Keep tenants: the journal knows every project and its keys, at once where it can, and soon in any case."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

import structlog

from orchestrator.domain.api_key import ApiKey, NewKey
from orchestrator.domain.errors import OrchestratorError
from orchestrator.ports.api_keys import ApiKeys, LiveKey
from orchestrator.ports.journal import Journal
from orchestrator.ports.projects import Projects
from orchestrator.ports.rebuilding import Rebuilding, StoreState

log = structlog.get_logger()

A_PAGE = 100


@dataclass(frozen=True, slots=True)
class KeepTenants:
    """A duty, and what to do after each change. It writes what differs from what it wrote last."""

    records: Rebuilding
    journal: Journal
    projects: Projects
    _kept: dict[str, str] = field(default_factory=dict)

    def tick(self) -> None:
        """Every project. While the store is not open, it knows less than the journal."""
        if self.records.state() is StoreState.OPEN:
            for slug in self._slugs():
                self.keep(slug)

    def keep(self, slug: str) -> None:
        """The change holds, whatever the journal says: the duty tells it again."""
        try:
            tenant = self.records.tenant(slug)
            text = json.dumps(asdict(tenant), sort_keys=True)
            if self._kept.get(slug) != text:
                self.journal.keep_tenant(tenant)
                self._kept[slug] = text
        except OrchestratorError as error:
            log.warning("tenant.not_kept", project=slug, error=str(error))

    def _slugs(self) -> Iterator[str]:
        cursor: str | None = None
        while True:
            page = self.projects.list(limit=A_PAGE, cursor=cursor)
            yield from (project.slug for project in page.items)
            if (cursor := page.next) is None:
                return


@dataclass(frozen=True, slots=True)
class KeptApiKeys:
    """`ApiKeys`, and the journal hears of every change."""

    keys: ApiKeys
    tenants: KeepTenants

    def create(self, key: NewKey) -> ApiKey:
        made = self.keys.create(key)
        self.tenants.keep(key.project)
        return made

    def find(self, key_id: str) -> LiveKey | None:
        return self.keys.find(key_id)

    def list(self, project: str) -> tuple[ApiKey, ...]:
        return self.keys.list(project)

    def revoke(self, key_id: str) -> ApiKey:
        revoked = self.keys.revoke(key_id)
        self.tenants.keep(revoked.project)
        return revoked

    def touch(self, key_id: str) -> None:
        self.keys.touch(key_id)
