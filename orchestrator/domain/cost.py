"""What a task will cost, learned from the runs of its kind: those of the same type with an input of about its size."""

from dataclasses import dataclass

from orchestrator.domain.task import JsonObject

ENOUGH_RUNS = 5
LEAST_S = 0.001  # what costs nothing would let its project start as much as it likes


@dataclass(frozen=True, slots=True)
class Cost:
    """Mean seconds of a run, learned from ``runs`` of its kind; from none, it is what the task type says of itself."""

    predicted_s: float
    runs: int = 0


def kind_of(task_type: str, model: str, *, source: JsonObject) -> str:
    """The type, the model, and to a factor of four the size of the input where it is known at submit."""
    size_bytes = source.get("size_bytes")
    return f"{task_type}:{model}:{size_bytes.bit_length() // 2}" if size_bytes else f"{task_type}:{model}"


def predict(learned: Cost | None, prior_s: float) -> Cost:
    """What was learned, once that is more than chance."""
    if learned is None or learned.runs < ENOUGH_RUNS:
        return Cost(prior_s)
    return Cost(max(LEAST_S, learned.predicted_s), learned.runs)
