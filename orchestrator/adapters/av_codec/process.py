"""The parent's end of one decoder process: starts it, reads its records, and never outlives or trusts it."""

import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import structlog

import orchestrator
from orchestrator.adapters.av_codec.wire import HEADER, Kind, Record, Request, Verdict
from orchestrator.domain.errors import MediaTooLarge, RequestError, StageTimeout, UnsupportedMedia

DECODER = "orchestrator.adapters.av_codec.decoder"
# No secret of ours is in it. One malloc arena a thread would eat the address space that RLIMIT_AS grants.
ENVIRONMENT = {"PYTHONPATH": str(Path(orchestrator.__file__).parents[1]), "MALLOC_ARENA_MAX": "2", "LC_ALL": "C.UTF-8"}

PIPE_BYTES = 1024 * 1024
SMALL_PAYLOAD_BYTES = 1024 * 1024
LOG_TAIL_BYTES = 2000

log = structlog.get_logger()


def decode_failed() -> UnsupportedMedia:
    return UnsupportedMedia("the media is damaged: it cannot be decoded", code="decode_failed")


REFUSALS: Mapping[bytes, Callable[[], RequestError]] = {
    Verdict.UNREADABLE.encode(): lambda: UnsupportedMedia("the file is no film or sound that this node can read"),
    Verdict.NO_VIDEO.encode(): lambda: UnsupportedMedia("the file has no video stream"),
    Verdict.NO_AUDIO.encode(): lambda: UnsupportedMedia("the file has no audio stream"),
    Verdict.TOO_LONG.encode(): lambda: MediaTooLarge("the media is longer than this node accepts"),
    Verdict.TOO_WIDE.encode(): lambda: MediaTooLarge("the film has larger frames than this node accepts"),
    Verdict.TOO_HUNGRY.encode(): lambda: MediaTooLarge("the media needs more memory to decode than this node grants"),
    Verdict.TOO_FAST.encode(): lambda: MediaTooLarge("the film has more frames a second than this node accepts"),
    Verdict.TOO_MANY_STREAMS.encode(): lambda: MediaTooLarge("the file has more streams than this node accepts"),
    Verdict.DAMAGED.encode(): decode_failed,
}


@contextmanager
def decoding(source: Path, request: Request, *, silence_s: float) -> Iterator[Iterator[Record]]:
    """Run the decoder on ``source``; leaving the context kills it.

    The iterator of records raises:
        UnsupportedMedia, MediaTooLarge: the decoder's verdict; ``decode_failed`` also when it dies or talks nonsense.
        StageTimeout: it has said nothing for ``silence_s``.
    """
    with source.open("rb") as media, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter, and numbers as JSON
            [sys.executable, "-P", "-B", "-m", DECODER, request.render()],
            stdin=media,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=ENVIRONMENT,
            cwd="/",
            bufsize=0,
            pipesize=PIPE_BYTES,
            start_new_session=True,  # a signal to our process group must not look like damaged media
        )
        with process:
            try:
                largest_bytes = max(SMALL_PAYLOAD_BYTES, request.width * request.height * 3)
                yield _Decoder(process, errors, silence_s).records(largest_bytes)
            finally:
                process.kill()


class _Decoder:
    """A decoder process as its reader sees it: a pipe, and a file of what it said on standard error."""

    def __init__(self, process: subprocess.Popen[bytes], errors: IO[bytes], silence_s: float) -> None:
        if process.stdout is None:
            raise ValueError("the decoder needs a pipe")
        self._process, self._errors, self._pipe = process, errors, process.stdout
        self._silence_s = silence_s
        self._readable = select.poll()
        self._readable.register(self._pipe, select.POLLIN)

    def records(self, largest_bytes: int) -> Iterator[Record]:
        """Frames and samples up to the end or the verdict; a payload larger than this is nonsense."""
        while True:
            kind, time_s, size_bytes = HEADER.unpack(self._read(HEADER.size))
            if size_bytes > largest_bytes or kind not in list(Kind):
                raise self._broken()
            payload = self._read(size_bytes)
            if kind == Kind.END:
                return
            if kind == Kind.VERDICT:
                raise self._refusal(bytes(payload))
            yield Record(Kind(kind), payload, time_s)

    def _read(self, size_bytes: int) -> bytearray:
        payload = bytearray(size_bytes)
        missing = memoryview(payload)
        while missing:
            if not self._readable.poll(self._silence_s * 1000):
                raise StageTimeout("the media decoder has given nothing for a long time")
            got = os.readv(self._pipe.fileno(), [missing])
            if got == 0:
                raise self._broken()
            missing = missing[got:]
        return payload

    def _refusal(self, verdict: bytes) -> RequestError:
        log.info("decoder.refused", verdict=verdict.decode(errors="replace"), stderr=self._said())
        return REFUSALS.get(verdict, decode_failed)()

    def _broken(self) -> RequestError:
        try:
            status = self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:  # it lives and talks nonsense; leaving the context ends it
            status = None
        log.warning("decoder.died", exit_status=status, stderr=self._said())
        return decode_failed()

    def _said(self) -> str:
        size = os.fstat(self._errors.fileno()).st_size
        tail = os.pread(self._errors.fileno(), LOG_TAIL_BYTES, max(0, size - LOG_TAIL_BYTES))
        return tail.decode(errors="replace")
