"""`SignBoard` in a mapping that a worker and its children share: it is made before the fork."""

import mmap
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from orchestrator.domain.owner import Owner
from orchestrator.ports.clock import Clock
from orchestrator.ports.signboard import Sign

WHO = struct.Struct("=qq")  # pid, start; pid 0 is an empty row
SHOWN = struct.Struct("=d")
ROW = WHO.size + SHOWN.size
EMPTY = WHO.pack(0, 0)


@dataclass(frozen=True, slots=True)
class MmapBoard:
    """Implements `ports.signboard.SignBoard`. ``row`` is the calling child's own, the same for its replacement."""

    node: str
    rows: int
    clock: Clock
    row: Callable[[], int]
    _shared: mmap.mmap = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_shared", mmap.mmap(-1, self.rows * ROW))

    def show(self, owner: Owner) -> None:
        at = self.row() * ROW
        SHOWN.pack_into(self._shared, at + WHO.size, self.clock.monotonic_s())  # first: a name never has an old time
        WHO.pack_into(self._shared, at, owner.pid, owner.start)

    def rest(self) -> None:
        at = self.row() * ROW
        self._shared[at : at + WHO.size] = EMPTY

    def read(self) -> tuple[Sign, ...]:
        rows = (self._read(row * ROW) for row in range(self.rows))
        return tuple(sign for sign in rows if sign.owner.pid)

    def _read(self, at: int) -> Sign:
        pid, start = WHO.unpack_from(self._shared, at)
        (shown_s,) = SHOWN.unpack_from(self._shared, at + WHO.size)
        return Sign(Owner(self.node, pid, start), shown_s)
