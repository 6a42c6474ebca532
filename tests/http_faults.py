"""Faults that only one who understands HTTP can make: the lost reply of one request, or a refusal in its place."""

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from faults import Faults

HttpFaults = Faults[bytes]  # of request lines: b"PUT /media/key HTTP/1.1"

GO_ON = b"HTTP/1.1 100"
END_OF_HEAD = b"\r\n\r\n"


@dataclass(frozen=True)
class Head:
    """What a request says before its body; names of headers are in small letters."""

    line: bytes
    headers: Mapping[str, str]

    @property
    def method(self) -> str:
        return self.line.split(b" ")[0].decode()

    @property
    def target(self) -> str:
        return self.line.split(b" ")[1].decode()


def parse_head(head: bytes) -> Head:
    line, *rest = head.split(b"\r\n")
    pairs = (header.decode("latin-1").partition(":") for header in rest)
    return Head(line, {name.strip().lower(): value.strip() for name, _, value in pairs})


def is_request(pattern: bytes) -> Callable[[bytes], bool]:
    """A request line with ``pattern``, a regular expression, in it."""
    return lambda line: re.search(pattern, line) is not None


class HttpScreen:
    """Reads HTTP/1.1 requests with a length, one after another, as S3 clients send them."""

    def __init__(self, faults: HttpFaults) -> None:
        self._faults = faults
        self._unread = b""
        self.head = Head(b"", {})
        self._left = 0  # bytes of the request that passes, or is refused
        self._refused = False

    def request(self, data: bytes) -> tuple[bytes, bytes]:
        self._unread += data
        onward, back = b"", b""
        while self._unread:
            if self._left == 0:
                if not self._read_head():
                    break
                answer = self.refuse(self.head)
                self._refused = answer is not None
                back += answer or b""
            passing, self._unread = self._unread[: self._left], self._unread[self._left :]
            self._left -= len(passing)
            onward += b"" if self._refused else passing
        return onward, back

    def refuse(self, head: Head) -> bytes | None:
        """The answer in place of the server's, if there is one."""
        return self._faults.refuse(head.line)

    def reply(self, data: bytes) -> bytes:
        if not data.startswith(GO_ON):
            self._faults.lose(self.head.line, data)
        return data

    def _read_head(self) -> bool:
        """Whether the whole head of the next request is here."""
        head, blank, _ = self._unread.partition(END_OF_HEAD)
        if not blank:
            return False
        self.head = parse_head(head)
        if "transfer-encoding" in self.head.headers:
            self._left = sys.maxsize  # without a length it is all that comes
        else:
            self._left = len(head) + len(END_OF_HEAD) + int(self.head.headers.get("content-length", 0))
        return True
