"""An upload: one file on its way from a client into the project's storage, in one piece or in equal parts."""

from dataclasses import dataclass

from orchestrator.domain.errors import InvalidParams, UploadIncomplete

MIB = 1024**2
MOST_NAMED = 10
MOST_PARTS = 10_000  # of S3 and R2 (stack facts D)


@dataclass(frozen=True, slots=True)
class UploadSizes:
    """Up to ``one_put_bytes`` a file goes in one piece. Parts have ``part_bytes``, more if there would be too many."""

    one_put_bytes: int = 100 * 1000**2
    part_bytes: int = 16 * MIB

    def part_bytes_of(self, size_bytes: int) -> int:
        """The size of every part but the last; zero for a file that goes in one piece."""
        if size_bytes <= self.one_put_bytes:
            return 0
        least = -(-size_bytes // MOST_PARTS)
        return max(self.part_bytes, -(-least // MIB) * MIB)


UPLOAD_SIZES = UploadSizes()


@dataclass(frozen=True, slots=True)
class Part:
    """A part that the store has. Numbers begin at 1."""

    number: int
    size_bytes: int
    etag: str


@dataclass(frozen=True, slots=True)
class Upload:
    """What was offered to a project. ``parts_id`` is the store's own name of an upload in parts, else empty."""

    id: str
    project: str
    key: str
    content_type: str
    size_bytes: int
    part_bytes: int = 0
    parts_id: str = ""
    expires_at_s: float = 0.0

    @property
    def part_count(self) -> int:
        return -(-self.size_bytes // self.part_bytes) if self.part_bytes else 0

    def size_of_part(self, number: int) -> int:
        """How long part ``number`` must be.

        Raises:
            InvalidParams: there is no such part.
        """
        if not 1 <= number <= self.part_count:
            raise InvalidParams(f"the upload has {self.part_count} parts, and none with the number {number}")
        return min(self.part_bytes, self.size_bytes - (number - 1) * self.part_bytes)

    def require_whole(self, parts: tuple[Part, ...]) -> None:
        """Return when ``parts`` are the file.

        Raises:
            UploadIncomplete: some are not there, or not as long as they were signed for.
        """
        there = {part.number: part.size_bytes for part in parts}
        missing = [n for n in range(1, self.part_count + 1) if there.get(n) != self.size_of_part(n)]
        if missing:
            named = ", ".join(map(str, missing[:MOST_NAMED]))
            raise UploadIncomplete(f"{len(missing)} of {self.part_count} parts are missing, first of all {named}")
