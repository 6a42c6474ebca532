"""What the front door knows of models, and whom it asks."""

from dataclasses import dataclass

from orchestrator.adapters.redis.residency import RedisResidency
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.ports.residency import Residency
from orchestrator.services.models.show_models import ShowModels
from orchestrator.services.residency.ask_owners import AskOwners
from orchestrator.settings import Settings
from orchestrator.wiring.instances import build_figures
from orchestrator.wiring.releases import ReleaseParts, ReleaseStorage, build_releases
from orchestrator.wiring.swaps import SwapParts, build_swap_parts


@dataclass(frozen=True, slots=True)
class ModelParts:
    """What is resident, how it is shown, and how owners are asked to change it."""

    residency: Residency
    show: ShowModels
    ask: AskOwners
    releases: ReleaseParts
    swaps: SwapParts


def build_model_parts(settings: Settings, scripts: Scripts, *, files: ReleaseStorage) -> ModelParts:
    residency = RedisResidency(scripts)
    pushed = build_releases(files, residency)
    return ModelParts(
        residency,
        ShowModels(residency, build_figures(settings)),
        AskOwners(residency),
        pushed,
        build_swap_parts(settings, scripts, releases=pushed.releases),
    )
