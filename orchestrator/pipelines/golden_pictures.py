"""Whether a model can be shown the golden pictures of its release, and can answer with those that are expected."""

from collections.abc import Iterator, Sequence

from orchestrator.domain.errors import FieldError, InvalidParams
from orchestrator.domain.manifest import TensorSpec
from orchestrator.domain.push import Push
from orchestrator.domain.signature import Signature
from orchestrator.pipelines.model_io import find_picture_input, require_picture_output

TENSORS = ".npz"


def find_unfit_pictures(
    push: Push, *, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]
) -> Iterator[FieldError]:
    """Why a swap could only refuse it: said while it is pushed, to whom has pushed it."""
    signature = Signature(tuple(inputs), tuple(outputs), picture=push.picture)
    for at, golden in enumerate(push.goldens):
        for field, path, require in (
            ("sample", golden.sample, find_picture_input),
            ("expected", golden.expected, require_picture_output),
        ):
            try:
                if not path.endswith(TENSORS):
                    require(signature)
            except InvalidParams as error:
                yield FieldError(f"goldens.{at}.{field}", f"{path}: {error}")
