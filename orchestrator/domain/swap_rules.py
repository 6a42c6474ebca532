"""What decides about a swap before any run asks the new release: room beside the old one, and the same tensors."""

from collections.abc import Iterable, Sequence

from orchestrator.domain.errors import Category, OrchestratorError, Refused, RequestError, StageTimeout, Unavailable
from orchestrator.domain.manifest import TensorSpec
from orchestrator.domain.model import Instance, Resident, ResidentState
from orchestrator.domain.swap import Fault

ANY = -1
THERE = frozenset(ResidentState) - {ResidentState.UNLOADED, ResidentState.FAILED}


def on_instance(instance: Instance, release: str) -> Resident | None:
    """The release, as far as it takes memory there."""
    return next((found for found in instance.residents if found.release == release and found.state in THERE), None)


def homes_of(instances: Iterable[Instance], release: str) -> tuple[tuple[Instance, Resident], ...]:
    """Where the release is."""
    return tuple((instance, found) for instance in instances if (found := on_instance(instance, release)))


def serving_homes(instances: Iterable[Instance], release: str) -> tuple[str, ...]:
    """The addresses at which it can be asked."""
    homes = homes_of(instances, release)
    return tuple(where.address for where, found in homes if where.is_well and found.state is ResidentState.READY)


def may_serve(instances: Iterable[Instance], release: str) -> bool:
    """Whether it is worth waiting for: the first release of a model takes the place of one that there never was."""
    states = {found.state for where in instances for found in where.residents if found.release == release}
    return bool(states - {ResidentState.FAILED})


def has_failed(instances: Iterable[Instance], release: str) -> bool:
    """Whether whoever has tried to load it could not: nobody else will."""
    return {found.state for where in instances for found in where.residents if found.release == release} == {
        ResidentState.FAILED
    }


def fits_beside(instance: Instance, old: str, *, need_bytes: int) -> bool:
    """Whether ``need_bytes`` have room beside ``old``, if everything else goes that may."""
    if instance.budget_bytes is None:
        return True
    stays = [found for found in instance.residents if found.state in THERE and (found.is_kept or found.release == old)]
    return sum(found.bytes for found in stays) + need_bytes <= instance.budget_bytes


def find_mismatch(*, what: str, old: Sequence[TensorSpec], new: Sequence[TensorSpec]) -> str:
    """Why ``new`` inputs (or outputs, as ``what`` says) cannot take the place of ``old``; empty if they can."""
    named = {spec.name: spec for spec in new}
    for spec in old:
        other = named.pop(spec.name, None)
        if other is None:
            return f"it has no {what} {spec.name!r}"
        if other.datatype != spec.datatype or not _may_stand_for(other.dims, spec.dims):
            return f"its {what} {_shown(other)} differs from {_shown(spec)} of the release that serves"
    return f"its {what} {next(iter(named))!r} is new" if named else ""


def blame(error: OrchestratorError) -> Fault | None:
    """What an error of a release that was asked says of it; None of one that is not its own."""
    if isinstance(error, RequestError) or error.code == "request_mismatch":
        return Fault.WRONG_DIMS
    if isinstance(error, StageTimeout):
        return Fault.SLOW
    ours = {Category.MODEL_UNAVAILABLE, Category.GPU_MEMORY}
    if isinstance(error, Refused) or (isinstance(error, Unavailable) and error.category in ours):
        return Fault.CRASHES
    return None


def _may_stand_for(new: Sequence[int], old: Sequence[int]) -> bool:
    pairs = zip(new, old, strict=False)
    return len(new) == len(old) and all(one == other or ANY in {one, other} for one, other in pairs)


def _shown(spec: TensorSpec) -> str:
    return f"{spec.name!r} {spec.datatype} {list(spec.dims)}"
