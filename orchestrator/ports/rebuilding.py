"""What the store of records does when it is made anew from the journal."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from orchestrator.domain.journal import Restoration, Tenant


class StoreState(StrEnum):
    """A store that is not open takes no submit that is journaled. A new one knows of nothing, or has lost it."""

    NEW = "new"
    REBUILDING = "rebuilding"
    OPEN = "open"


class Rebuilding(Protocol):
    """Every call is safe to repeat, by anybody, after a rebuild that broke off as well."""

    def state(self) -> StoreState:
        """Where it stands."""
        ...

    def begin(self) -> None:
        """From now on nothing is accepted and nothing is claimed, until `end`."""
        ...

    def end(self) -> None:
        """Everything is here: accept and claim again."""
        ...

    def open_new(self) -> None:
        """Accept, if the store is a new one."""
        ...

    def tenant(self, slug: str) -> Tenant:
        """A project with its keys, as it is now."""
        ...

    def restore_tenant(self, tenant: Tenant) -> None:
        """Make it again; what is there stays as it is."""
        ...

    def restore(
        self, tasks: Sequence[Restoration], *, tell_again_s: float = 0, dry_run: bool = False
    ) -> tuple[str, ...]:
        """Make tasks again, and answer the repeats of their submits; what is there stays as it is.

        Ends of the last ``tell_again_s``, and those of which nobody knows when they were, are told to destinations.

        Of each, what it is now: its status, `deleted` for one that only the sweep still knows, or `known` for one that
        was there before. A dry run changes nothing and answers the same.
        """
        ...
