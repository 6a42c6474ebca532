"""What the fault proxy reads of Redis's protocol, RESP2 and RESP3, however the bytes arrive."""

import pytest
from redis_faults import Incomplete, frame_end, parse_command, split_frames

VALUES = [
    b"+OK\r\n",
    b"-ERR no\r\n",
    b":7\r\n",
    b"$-1\r\n",
    b"$0\r\n\r\n",
    b"$3\r\na\r\n\r\n",
    b"_\r\n",
    b"#t\r\n",
    b",1.5\r\n",
    b"*-1\r\n",
    b"*0\r\n",
    b"*2\r\n$1\r\na\r\n*1\r\n:1\r\n",
    b"%1\r\n+key\r\n~2\r\n:1\r\n:2\r\n",
    b">2\r\n+message\r\n+text\r\n",
    b"|1\r\n+ttl\r\n:3\r\n$1\r\nx\r\n",
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_is_found_however_it_is_cut(value: bytes) -> None:
    for size in range(len(value)):
        with pytest.raises(Incomplete):
            frame_end(value[:size], 0)
        assert split_frames(b"+OK\r\n" + value[:size]) == ([b"+OK\r\n"], value[:size])
    assert split_frames(value + b"+OK\r\n") == ([value, b"+OK\r\n"], b"")


def test_a_command_is_its_words() -> None:
    assert parse_command(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\n\r\n$1\r\n") == (b"SET", b"k", b"\r\n$1")
