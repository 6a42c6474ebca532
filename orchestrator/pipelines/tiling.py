"""Cuts pictures into overlapping tiles of one size and joins the results, so that every picture fits one model shape.

A network sees its surroundings as far as its receptive field reaches. Each tile is therefore wider than what is kept
of it; only at the border of the picture is it kept whole, where the untiled network sees nothing further either.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator.ports.inference import Pixels


@dataclass(frozen=True, slots=True)
class Span:
    """A tile along one axis: it reaches from ``start`` to ``stop``, of which ``keep_from`` to ``keep_to`` is kept."""

    start: int
    stop: int
    keep_from: int
    keep_to: int


@dataclass(frozen=True, slots=True)
class Tile:
    """A rectangle of a picture, and the part of it that counts."""

    rows: Span
    columns: Span

    def cut(self, picture: Pixels) -> Pixels:
        return picture[self.rows.start : self.rows.stop, self.columns.start : self.columns.stop]

    def paste(self, canvas: Pixels, piece: Pixels, *, scale: int) -> None:
        """Put what counts of ``piece``, which is this tile ``scale`` times as large, where it belongs."""
        into_rows, from_rows = _kept(self.rows, scale)
        into_columns, from_columns = _kept(self.columns, scale)
        canvas[into_rows, into_columns] = piece[from_rows, from_columns]


def tiles(height: int, width: int, *, size: int, overlap: int) -> list[Tile]:
    """Tiles of ``size`` × ``size`` that cover the picture, row by row; ``overlap`` pixels around what is kept are lost.

    A picture smaller than ``size`` gets tiles of its own height or width. Padding it would move its border, and with
    it the pixels that the network makes near the border.
    """
    columns = list(spans(width, size=size, overlap=overlap))
    return [Tile(rows, column) for rows in spans(height, size=size, overlap=overlap) for column in columns]


def spans(length: int, *, size: int, overlap: int) -> Iterator[Span]:
    """What tiles of ``size`` make of one axis. The last one is moved back inside, so that all have the same size."""
    size = min(size, length)
    last = length - size
    step = size - 2 * overlap
    starts = [*range(0, last, step), last] if last else [0]
    seams = [0, *(start + overlap for start in starts[1:]), length]
    for start, keep_from, keep_to in zip(starts, seams, seams[1:], strict=False):
        yield Span(start, start + size, keep_from, keep_to)


def _kept(span: Span, scale: int) -> tuple[slice, slice]:
    """Where the kept part lies in the whole and in the tile, both scaled."""
    whole = slice(span.keep_from * scale, span.keep_to * scale)
    return whole, slice(whole.start - span.start * scale, whole.stop - span.start * scale)
