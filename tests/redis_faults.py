"""Faults that only one who understands Redis can make: a lost reply of one command, or an error in its place."""

import re
from collections import deque
from collections.abc import Callable, Iterator

from faults import Faults, Loss

from orchestrator.adapters.redis.scripts import _sha1, script_text

Command = tuple[bytes, ...]
RedisFaults = Faults[Command]

# What a server says when it cannot write, or cannot answer; the words are those of Valkey 8.1.
ERRORS = {
    "OOM": b"-OOM command not allowed when used memory > 'maxmemory'.\r\n",
    "MISCONF": b"-MISCONF Errors writing to the AOF file: No space left on device\r\n",
    "READONLY": b"-READONLY You can't write against a read only replica.\r\n",
    "LOADING": b"-LOADING Valkey is loading the dataset in memory\r\n",
    "BUSY": b"-BUSY Valkey is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n",
}
NIL = (b"_\r\n", b"*-1\r\n", b"$-1\r\n")  # nothing, in RESP3 and RESP2
HANDED_OUT = re.compile(rb"\*\d+\r\n\*[1-9]")  # the reply of a claim that found tasks
SUBSCRIBING = {b"SUBSCRIBE", b"PSUBSCRIBE", b"SSUBSCRIBE"}


def is_command(*names: bytes) -> Callable[[Command], bool]:
    return lambda command: command[0].upper() in names


def is_script(*names: str) -> Callable[[Command], bool]:
    """A call of one of our scripts, by sha or as a whole."""
    known = {_sha1(name).encode() for name in names} | {script_text(name).encode() for name in names}
    return lambda command: command[0].upper() in {b"EVALSHA", b"EVAL"} and command[1] in known


def lost_pulses(count: int) -> Loss[Command]:
    """Redis has handed the message out, and the worker never gets it."""
    return Loss(matches=is_command(b"BRPOP"), times=count, is_missed=lambda reply: reply not in NIL)


def lost_claims(count: int) -> Loss[Command]:
    """Redis has handed tasks out, and the worker never hears which until it asks again, word for word."""
    asked: set[Command] = set()

    def is_new_claim(command: Command) -> bool:
        is_new = is_claim(command) and command not in asked
        asked.add(command)
        return is_new

    is_claim = is_script("claim")
    return Loss(matches=is_new_claim, times=count, is_missed=lambda reply: HANDED_OUT.match(reply) is not None)


class Incomplete(Exception):
    """More bytes are needed to see where the value ends."""


class RedisScreen:
    """Reads commands and replies in RESP2 and RESP3, and pairs them: a server answers in the order it was asked."""

    def __init__(self, faults: RedisFaults) -> None:
        self._faults = faults
        self._asked = b""
        self._answered = b""
        self._awaited: deque[Command | bytes] = deque()  # commands, and what is answered in place of some
        self._listens = False  # has subscribed: what comes is no longer paired with what was asked

    def request(self, data: bytes) -> tuple[bytes, bytes]:
        frames, self._asked = split_frames(self._asked + data)
        onward = [frame for frame in frames if self._passes(frame)]
        return b"".join(onward), self._answers_due()

    def reply(self, data: bytes) -> bytes:
        frames, self._answered = split_frames(self._answered + data)
        return b"".join(self._pass_reply(frame) for frame in frames)

    def _passes(self, frame: bytes) -> bool:
        command = parse_command(frame)
        answer = self._faults.refuse(command)
        self._awaited.append(command if answer is None else answer)
        self._listens |= command[0].upper() in SUBSCRIBING
        return answer is None

    def _pass_reply(self, frame: bytes) -> bytes:
        if self._listens or frame.startswith(b">"):
            return frame
        command = self._awaited.popleft()
        assert isinstance(command, tuple)
        self._faults.lose(command, frame)
        return frame + self._answers_due()

    def _answers_due(self) -> bytes:
        """What is answered in place of the server, as soon as it has answered everything before that."""
        answers = b""
        while self._awaited and isinstance(self._awaited[0], bytes):
            answers += self._awaited[0]
            self._awaited.popleft()
        return answers


def parse_command(frame: bytes) -> Command:
    """The words of a command, which is an array of blobs: *2 $3 GET $1 k."""
    return tuple(_blobs(frame, frame.index(b"\r\n") + 2))


def _blobs(frame: bytes, at: int) -> Iterator[bytes]:
    while at < len(frame):
        begin = frame.index(b"\r\n", at) + 2
        end = begin + int(frame[at + 1 : begin])
        yield frame[begin:end]
        at = end + 2


def split_frames(data: bytes) -> tuple[list[bytes], bytes]:
    """The whole RESP values at the beginning, and the rest."""
    frames, begin = [], 0
    while begin < len(data):
        try:
            end = frame_end(data, begin)
        except Incomplete:
            break
        frames.append(data[begin:end])
        begin = end
    return frames, data[begin:]


def frame_end(data: bytes, begin: int) -> int:
    """Where the RESP value that begins at ``begin`` ends (redis.io/docs, "Redis serialization protocol")."""
    line_end = data.find(b"\r\n", begin)
    if line_end < 0:
        raise Incomplete
    kind, end = data[begin : begin + 1], line_end + 2
    if kind in b"$=!":  # blobs: their length, and then they themselves
        size = int(data[begin + 1 : line_end])
        end += size + 2 if size >= 0 else 0
    elif kind in b"*~>%|":  # aggregates: so many values, twice as many in maps; attributes come before their value
        count = int(data[begin + 1 : line_end])
        values = max(0, 2 * count if kind in b"%|" else count) + (kind == b"|")
        for _ in range(values):
            end = frame_end(data, end)
    if end > len(data):
        raise Incomplete
    return end
