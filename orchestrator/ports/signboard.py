"""What the children of a worker tell their parent without speaking: who they are, and that they are not stuck."""

from dataclasses import dataclass
from typing import Protocol

from orchestrator.domain.owner import Owner


@dataclass(frozen=True, slots=True)
class Sign:
    """A child that holds a pulse, and when it last showed that it is not stuck, by the clock of its node."""

    owner: Owner
    shown_s: float


class SignBoard(Protocol):
    """One row per child, written by the child and read by the parent. Nothing here ever waits."""

    def show(self, owner: Owner) -> None:
        """``owner``, this child, holds a pulse and is not stuck now."""
        ...

    def rest(self) -> None:
        """This child holds no pulse any more: it may be silent as long as it likes."""
        ...

    def read(self) -> tuple[Sign, ...]:
        """The last sign of every child that holds a pulse."""
        ...
