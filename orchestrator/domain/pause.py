"""A pause: what may not be claimed until somebody resumes it, who said so, and why."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from orchestrator.domain.errors import InvalidParams

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,127}|\*")


class Kind(StrEnum):
    """What can be paused."""

    LANE = "lane"
    PROJECT = "project"
    TYPE = "type"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class Pausable:
    """A thing by its kind and name, written ``lane:video``. A lane is meant with the tasks of it that run alone."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` writes.

        Raises:
            InvalidParams: it is nothing of the kind.
        """
        kind, _, name = text.partition(":")
        if kind not in set(Kind) or not NAME.fullmatch(name):
            raise InvalidParams("only lane:NAME, project:NAME, type:NAME and model:NAME can be paused")
        return cls(Kind(kind), name)


EVERY_LANE = Pausable(Kind.LANE, "*")  # while the records are made anew; nobody else pauses it


@dataclass(frozen=True, slots=True)
class Pause:
    """Since when and by whom (an API key) something is paused.

    ``by_operator`` says that the project it concerns has not done it itself, and cannot undo it.
    """

    what: Pausable
    since_ms: int
    by: str
    reason: str
    by_operator: bool
