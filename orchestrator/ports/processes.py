"""The processes of this node, as far as one of ours may know and end them."""

from typing import Protocol

from orchestrator.domain.owner import Owner


class Processes(Protocol):
    """Processes that share this node: one kernel since its boot, and one space of pids in it."""

    @property
    def node(self) -> str:
        """The name of this node; no other node, container or boot ever has the same."""
        ...

    def this(self) -> Owner:
        """The process that asks."""
        ...

    def memory_bytes(self) -> int:
        """The resident memory of the process that asks."""
        ...

    def is_alive(self, owner: Owner) -> bool:
        """Whether ``owner``, a process of this node, still runs: one that has died may have left its pid to another."""
        ...

    def kill(self, owner: Owner) -> None:
        """End ``owner`` whatever it does; nothing happens when it is dead already."""
        ...
