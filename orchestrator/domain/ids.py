"""Names for new things: unique, short, and in the order of their making; and where what is made for a task lies."""

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
ENTROPY_BYTES = 10
BITS_PER_DIGIT = 5
DIGITS = 26


def sortable_id(kind: str, *, at_ms: int, entropy: bytes) -> str:
    """``<kind>_`` and 26 digits: 48 bits of time, then 80 bits of chance, in lower-case Crockford base 32.

    The layout is that of a ULID (github.com/ulid/spec): ids of later milliseconds sort later as text.
    """
    if len(entropy) != ENTROPY_BYTES:
        raise ValueError(f"entropy must be {ENTROPY_BYTES} bytes")
    number = at_ms << (8 * ENTROPY_BYTES) | int.from_bytes(entropy)
    digits = (ALPHABET[number >> (BITS_PER_DIGIT * place) & 31] for place in reversed(range(DIGITS)))
    return f"{kind}_{''.join(digits)}"


def first_id(kind: str, *, at_ms: int) -> str:
    """No id that was made at ``at_ms`` or later sorts before it."""
    return sortable_id(kind, at_ms=at_ms, entropy=bytes(ENTROPY_BYTES))


def made_at_ms(made_id: str) -> int:
    """When an id was made; zero for one that is not of ours."""
    number = 0
    for digit in made_id.rpartition("_")[2]:
        if digit not in ALPHABET:
            return 0
        number = number << BITS_PER_DIGIT | ALPHABET.index(digit)
    return number >> (8 * ENTROPY_BYTES)


def part_id(task_id: str, number: int) -> str:
    """Of the ``number``-th part, from 1. No id of a task has a full stop: nobody can ask for a part by it."""
    return f"{task_id}.{number}"


def task_prefix(project: str, task_id: str) -> str:
    """The storage prefix of everything made for a task, its parts' beneath it."""
    task, _, number = task_id.partition(".")
    prefix = f"projects/{project}/tasks/{task}/"
    return f"{prefix}parts/{number}/" if number else prefix
