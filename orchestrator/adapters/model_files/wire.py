"""Protobuf's wire format, as little of it as a look at a file takes: fields, one after the other, nothing copied.

https://protobuf.dev/programming-guides/encoding/
"""

from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
FIXED = {FIXED64: 8, FIXED32: 4}
LONGEST_VARINT = 10
CONTINUES = 0x80

Value = int | memoryview


class NotProtobufError(ValueError):
    """These bytes are no message."""


class Fields:
    """Reads messages, ``most`` fields altogether: a file of tiny ones shall not keep us for hours."""

    def __init__(self, most: int = 5_000_000) -> None:
        self._left = most

    def of(self, message: memoryview) -> Iterator[tuple[int, Value]]:
        """Number and value of each field: an integer, or the bytes of whatever is in it.

        Raises:
            NotProtobufError: the bytes are none, or too many fields.
        """
        at, end = 0, len(message)
        while at < end:
            self._left -= 1
            if self._left < 0:
                raise NotProtobufError
            key, at = _varint(message, at)
            number, kind = key >> 3, key & 7
            if kind == VARINT:
                value, at = _varint(message, at)
                yield number, value
                continue
            if kind == BYTES:
                size, at = _varint(message, at)
            elif kind in FIXED:
                size = FIXED[kind]
            else:
                raise NotProtobufError
            if at + size > end:
                raise NotProtobufError
            yield number, message[at : at + size]
            at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for place in range(LONGEST_VARINT):
        if at + place >= len(message):
            raise NotProtobufError
        byte = message[at + place]
        value |= (byte & ~CONTINUES) << (7 * place)
        if byte < CONTINUES:
            return value, at + place + 1
    raise NotProtobufError
