"""How models are kept in memory, and how their servers are watched."""

from datetime import timedelta

from pydantic import Field

from orchestrator.settings.section import Section


class ModelSettings(Section):
    """Residency (ADR 0045): what may be loaded, for how long, and when a server counts as ill."""

    memory_budget_mib: int | None = Field(
        None, ge=1, description="Models of one Triton may take so much; on a GPU nine tenths of it when `none`."
    )
    host_memory_mib: int | None = Field(
        None, ge=1, description="A Triton whose processes hold more of the host's memory is restarted."
    )
    pinned_pool_mib: int = Field(
        256, ge=0, description="Triton sets aside so much of the host's memory for copies to GPUs; read by its warden."
    )
    cuda_pool_mib: int = Field(64, ge=0, description="And so much of each GPU for tensors of requests.")
    response_cache_mib: int = Field(
        0, ge=0, description="And so much for answers, where a model's configuration asks for `response_cache`."
    )
    min_residency: timedelta = Field(
        timedelta(seconds=30), description="What was loaded stays so long at least, whoever else waits."
    )
    preload: str = Field("", description="Models to load at start, separated by commas; all that fit when empty.")
    keep: str = Field("", description="Models that are never evicted, separated by commas.")
    freed_within: timedelta = Field(
        timedelta(seconds=20), description="Memory that is not back by then counts as a leak."
    )
    leaks: int = Field(3, ge=1, description="After so many leaks Triton is drained and restarted.")
    canary_every: timedelta = Field(
        timedelta(seconds=15), description="Each Triton is asked a tiny inference this often."
    )
    canary_within: timedelta = Field(timedelta(seconds=5), description="And has so long to answer.")
    stalled_after: timedelta = Field(
        timedelta(seconds=60), description="A model with pending requests that runs none for so long has stalled."
    )
    watch: timedelta = Field(timedelta(seconds=60), description="A new release is watched so long at each weight.")
    slower: float = Field(2.0, gt=1, description="So many times slower a new release may be than the one it replaces.")
    old_kept: timedelta = Field(
        timedelta(minutes=10), description="The release before stays resident so long after a swap, for a roll back."
    )
    release_bytes: int = Field(8 * 1024**3, ge=1, description="The largest release that may be pushed, all its files.")
