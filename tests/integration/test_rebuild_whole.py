"""A rebuild brings the tenants back first, keeps the node closed until its end, and may be broken off and repeated."""

from collections.abc import Iterator

import pytest
from journal_room import JournalRoom, journal_room
from processes import let_pass
from record_store import DONE
from servers import SeaweedFs

from orchestrator.adapters.aes_seal import AesSeal
from orchestrator.adapters.redis.api_keys import RedisApiKeys
from orchestrator.adapters.redis.projects import RedisProjects
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.adapters.redis.webhooks import RedisWebhooks
from orchestrator.domain.api_key import NewKey, Scope
from orchestrator.domain.errors import TaskNotFound
from orchestrator.domain.journal import Restoration
from orchestrator.domain.overload import ReadOnly
from orchestrator.domain.project import Project
from orchestrator.domain.task import Status
from orchestrator.domain.webhook import Endpoint, Receiver
from orchestrator.ports.rebuilding import StoreState
from orchestrator.services.journal.keep_tenants import KeepTenants, KeptApiKeys
from orchestrator.services.projects.set_projects import SetProjects


def set_projects(scripts: Scripts, tenants: KeepTenants) -> SetProjects:
    return SetProjects(RedisProjects(scripts), tenants.keep, has_content=False)


@pytest.fixture
def room(redis_url: str, r2_server: SeaweedFs) -> Iterator[JournalRoom]:
    with journal_room(redis_url, r2_server.address) as opened:
        yield opened


class TestTenants:
    def test_projects_and_keys_are_there_as_they_were(self, room: JournalRoom) -> None:
        scripts = room.store.scripts
        tenants = KeepTenants(room.records, room.journal, RedisProjects(scripts))
        projects, keys = set_projects(scripts, tenants), KeptApiKeys(RedisApiKeys(scripts), tenants)
        projects.create(Project("film-b", weight=2.0, pool="film"))
        projects.change("film-b", {"max_running": 3})
        for name in ("live", "dead"):
            keys.create(NewKey(f"key_{name}", "film-b", name, frozenset({Scope.TASKS_READ}), "mac", expires_in_s=None))
        keys.revoke("key_dead")
        webhooks = RedisWebhooks(scripts, AesSeal(b"pepper"))
        receiver = Receiver("https://example.com/hook", "example.com")
        webhooks.create(Endpoint("webhook_1", "film-b", receiver), b"secret", most=10)
        let_pass(1.1)  # R2 takes one write of a key a second; the duty comes every five
        tenants.tick()
        before = (projects.get("film-b"), keys.find("key_live"), keys.list("film-b"))
        hooked = (webhooks.list("film-b"), webhooks.unseal("film-b", "webhook_1").secrets)
        room.lose_everything()
        assert room.rebuild().projects == 1
        assert (projects.get("film-b"), keys.find("key_live"), keys.list("film-b")) == before
        assert keys.find("key_dead") is None
        assert (webhooks.list("film-b"), webhooks.unseal("film-b", "webhook_1").secrets) == hooked
        assert [*scripts.client.hgetall("orch:endpoints:film-b")] == ["webhook:webhook_1"]
        assert [project.slug for project in projects.list(limit=10).items] == ["film-b"]

    def test_what_the_journal_did_not_take_it_hears_soon(self, room: JournalRoom) -> None:
        scripts = room.store.scripts
        tenants = KeepTenants(room.records, room.journal, RedisProjects(scripts))
        room.objects.failure = TaskNotFound()
        set_projects(scripts, tenants).create(Project("film-b", weight=2.0))
        room.objects.failure = None
        assert list(room.journal.tenants()) == []
        tenants.tick()
        room.lose_everything()
        tenants.tick()  # of a store that has lost them it tells nothing
        room.rebuild()
        assert RedisProjects(scripts).get("film-b").weight == 2.0


class TestMeanwhile:
    def test_nothing_is_accepted_or_claimed_until_it_has_come_to_its_end(self, room: JournalRoom) -> None:
        room.submit()
        room.lose_everything()
        room.records.begin()
        (recorded,) = room.recorded().values()
        room.records.restore([Restoration(recorded)])
        assert room.store.claim().runs == ()
        with pytest.raises(ReadOnly):
            room.submit()
        assert room.records.state() is StoreState.REBUILDING  # and it has died
        assert room.rebuild().tasks == {"known": 1}
        assert len(room.store.claim().runs) == 1
        room.submit()

    def test_a_dry_run_changes_nothing(self, room: JournalRoom) -> None:
        room.submit()
        room.lose_everything()
        assert room.rebuild(dry_run=True).tasks == {"queued": 1}
        assert room.store.dump() == "{}"

    def test_what_cannot_be_read_keeps_it_closed_until_that_is_accepted(self, room: JournalRoom) -> None:
        asked = room.submit()
        (key,) = room.objects.keys(room.prefix)
        room.objects.put(b"[{", key.replace(asked.id, f"{asked.id}0"))
        room.lose_everything()
        rebuilt = room.rebuild()
        assert len(rebuilt.broken) == 1
        assert room.store.claim().runs == ()
        room.rebuild(accept_broken=True)
        assert room.store.claim_one().task.id == asked.id

    def test_what_is_there_stays_as_it_is(self, room: JournalRoom) -> None:
        asked = room.submit()
        run = room.store.claim_one()
        assert room.rebuild().tasks == {"known": 1}
        room.store.claims.finish(run, DONE)
        assert room.store.task(asked.id).status is Status.SUCCEEDED
