"""Pause: nothing of a lane, project, type or model is claimed until somebody resumes it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from orchestrator.domain.errors import InvalidParams
from orchestrator.domain.lane import LANE_SLOTS
from orchestrator.domain.pause import Kind, Pausable, Pause
from orchestrator.pipelines.registry import MODELS, PIPELINES
from orchestrator.ports.pauses import Pauses
from orchestrator.ports.projects import Projects

KNOWN: Mapping[Kind, frozenset[str]] = {
    Kind.LANE: frozenset(LANE_SLOTS),
    Kind.TYPE: frozenset(PIPELINES),
    Kind.MODEL: MODELS,
}


@dataclass(frozen=True, slots=True)
class PauseWork:
    """What is misspelt is refused: a pause of nothing would look like one that works.

    ``knows`` says whether there is a model (`services/models/find_models.py`).
    """

    pauses: Pauses
    projects: Projects
    knows: Callable[[str], bool | None]

    def pause(self, what: Pausable, *, by: str, reason: str = "", as_operator: bool = True) -> Pause:
        """Pause it, in the name of the API key ``by``; again changes the name and the reason.

        Raises:
            ProjectNotFound, InvalidParams: there is no such thing on this node.
        """
        if what.kind is Kind.PROJECT:
            self.projects.get(what.name)
        elif _without_pool(what) not in KNOWN[what.kind] and not self._is_other_model(what):
            there_are = ", ".join(sorted(KNOWN[what.kind]))
            raise InvalidParams(f"there is no {what.kind} {what.name!r}; there are {there_are}")
        return self.pauses.pause(what, by=by, reason=reason, as_operator=as_operator)

    def _is_other_model(self, what: Pausable) -> bool:
        """One that only parameters name."""
        return what.kind is Kind.MODEL and bool(self.knows(what.name))


def _without_pool(what: Pausable) -> str:
    return what.name.partition("@")[0] if what.kind is Kind.LANE else what.name
