"""The journal, for the processes that write it, and the rebuild that reads it."""

from dataclasses import replace

from orchestrator.adapters.redis.connection import WORKER, connect
from orchestrator.adapters.redis.projects import RedisProjects
from orchestrator.adapters.redis.rebuilding import RedisRebuilding
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.adapters.redis.withdrawals import RedisWithdrawals
from orchestrator.adapters.s3_storage import S3Journal, SmallObjects
from orchestrator.adapters.system_clock import SystemClock
from orchestrator.adapters.zstd import Zstd
from orchestrator.domain.errors import OrchestratorError
from orchestrator.ports.destinations import Sender
from orchestrator.ports.intake import Intake
from orchestrator.services.deliveries.tell_journal import TellJournal
from orchestrator.services.journal.find_end import FindEnd
from orchestrator.services.journal.guard_writes import GuardWrites
from orchestrator.services.journal.journaled_intake import JournaledIntake
from orchestrator.services.journal.keep_tenants import KeepTenants
from orchestrator.services.journal.rebuild import Rebuild
from orchestrator.settings import Settings
from orchestrator.telemetry import IntakeMetrics
from orchestrator.wiring.fallback import build_fallback
from orchestrator.wiring.outside import build_address, build_storage
from orchestrator.wiring.receipts import build_is_genuine


class NoJournal(OrchestratorError):
    """ORCH_JOURNAL__ENABLED is not set: there is nothing to rebuild from."""

    code = "no_journal"


def build_journal(settings: Settings) -> S3Journal | None:
    """None when it is not enabled."""
    said = settings.journal
    if not said.enabled:
        return None
    address = build_address(settings)
    address = replace(address, bucket=said.bucket or address.bucket)
    return S3Journal(SmallObjects(address, timeout_s=said.timeout.total_seconds()), prefix=said.prefix)


def build_journal_sender(settings: Settings) -> Sender | None:
    journal = build_journal(settings)
    return TellJournal(journal) if journal else None


def build_intake(scripts: Scripts, intake: Intake, *, journal: S3Journal | None, metrics: IntakeMetrics) -> Intake:
    if journal is None:
        return intake
    return JournaledIntake(intake, RedisWithdrawals(scripts), journal, metrics.unjournaled)


def build_guard(scripts: Scripts, journal: S3Journal | None) -> GuardWrites | None:
    return GuardWrites(RedisRebuilding(scripts), journal, SystemClock()) if journal else None


def build_tenants(scripts: Scripts, journal: S3Journal | None) -> KeepTenants | None:
    return KeepTenants(RedisRebuilding(scripts), journal, RedisProjects(scripts)) if journal else None


def build_rebuild(settings: Settings, *, tell_again_s: float) -> Rebuild:
    """What `orchestrator rebuild` does.

    Raises:
        NoJournal: there is none.
    """
    journal = build_journal(settings)
    if journal is None:
        raise NoJournal
    scripts = Scripts(connect(settings.redis.url.get_secret_value(), WORKER))
    kept_ms = int(settings.api.answers_kept.total_seconds() * 1000)
    find_ends = FindEnd(build_storage(settings), build_is_genuine(settings), Zstd(), build_fallback(settings)).find
    return Rebuild(RedisRebuilding(scripts, kept_ms), journal, find_ends, tell_again_s)
