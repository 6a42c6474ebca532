"""Limits, quotas and budgets from the settings, and the service that holds the rates."""

from orchestrator.adapters.local_limits import LocalLimits
from orchestrator.adapters.redis.limits import RedisLimits
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.adapters.system_clock import SystemClock
from orchestrator.domain.limits import LaneLimits, Quotas
from orchestrator.domain.rate import Rate
from orchestrator.pipelines.run_limits import StageBudgets
from orchestrator.services.projects.admit import AdmitRequests, Rates
from orchestrator.settings import LimitSettings, Settings, StageSettings


def build_quotas(settings: Settings) -> Quotas:
    limits = settings.limits
    return Quotas(limits.max_running, limits.max_queued, limits.gpu_s_per_hour, limits.max_bytes)


def build_lane_limits(settings: Settings) -> LaneLimits:
    limits = settings.limits
    wait_s = limits.lane_wait.total_seconds() if limits.lane_wait else None
    return LaneLimits(limits.lane_tasks, wait_s, limits.need_worker)


def build_admit(settings: Settings, scripts: Scripts) -> AdmitRequests:
    clock = SystemClock()
    return AdmitRequests(RedisLimits(scripts), LocalLimits(clock), build_rates(settings.limits), clock)


def build_rates(limits: LimitSettings) -> Rates:
    project = Rate(limits.requests_per_s, limits.burst) if limits.requests_per_s else None
    key = Rate(limits.key_requests_per_s, limits.key_burst) if limits.key_requests_per_s else None
    return Rates(project, key)


def build_stage_budgets(stages: StageSettings) -> StageBudgets:
    return StageBudgets(
        fetch_s=stages.fetch.total_seconds(),
        probe_s=stages.probe.total_seconds(),
        infer_s=stages.infer.total_seconds(),
        infer_by_type={name: budget.total_seconds() for name, budget in stages.infer_by_type.items()},
        store_s=stages.store.total_seconds(),
    )
