"""A name server of the test's own: every name leads to one address, which the test changes at will (RFC 1035)."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

HEADER_BYTES = 12
TYPE_A = 1
POINTER_TO_THE_NAME = 0xC000 | HEADER_BYTES
ANSWERED = 0x8180


@dataclass
class NameServer:
    """``leads_to`` is the address that it tells from now on."""

    port: int
    leads_to: str

    def name(self, host: str, port: int) -> str:
        """The name as gRPC looks it up here."""
        return f"dns://127.0.0.1:{self.port}/{host}:{port}"

    def answer(self, question: bytes) -> bytes:
        """To whatever else but an address of version 4 is asked there is no answer."""
        end = question.index(b"\0", HEADER_BYTES) + 5
        (kind,) = struct.unpack("!H", question[end - 4 : end - 2])
        has_answer = int(kind == TYPE_A)
        header = question[:2] + struct.pack("!5H", ANSWERED, 1, has_answer, 0, 0)
        record = struct.pack("!HHHIH", POINTER_TO_THE_NAME, TYPE_A, 1, 0, 4) + socket.inet_aton(self.leads_to)
        return header + question[HEADER_BYTES:end] + record * has_answer


@contextmanager
def name_server(leads_to: str) -> Iterator[NameServer]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        door.bind(("127.0.0.1", 0))
        server = NameServer(door.getsockname()[1], leads_to)

        def serve() -> None:
            while question := door.recvfrom(4096):
                if not question[0]:
                    return
                door.sendto(server.answer(question[0]), question[1])

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                last.sendto(b"", ("127.0.0.1", server.port))
            thread.join()
