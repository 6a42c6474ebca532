"""What people have is made to fit a model, or refused with a word on each tensor that does not."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fakes_codec import FakePictures
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import DTypeLike, NDArray

from orchestrator.domain.errors import InvalidParams
from orchestrator.domain.manifest import PictureSpec, TensorSpec
from orchestrator.domain.signature import Signature
from orchestrator.pipelines.model_io import (
    best_labels,
    cut_batches,
    find_picture_input,
    fit_tensors,
    join_batches,
    picture_of,
    tensor_of,
)
from orchestrator.pipelines.tensor_files import UNNAMED

SOUND = TensorSpec("sound", "FP32", (-1, 2))
RATE = TensorSpec("rate", "INT64", (1,))
COLOURS = TensorSpec("image", "UINT8", (3, -1, -1))
BATCHING = Signature((SOUND,), (), max_batch=4)
PICTURES = FakePictures()
EYE = PictureSpec(4, 2, scale=1 / 255, mean=(0.5, 0.4, 0.3), std=(0.1, 0.2, 0.3))


def zeros(*shape: int, dtype: DTypeLike = np.float32) -> NDArray[Any]:
    return np.zeros(shape, dtype)


@pytest.mark.parametrize(
    ("signature", "shape", "fitted"),
    [
        (BATCHING, (5, 2), (1, 5, 2)),
        (BATCHING, (9, 5, 2), (9, 5, 2)),
        (Signature((SOUND,), ()), (5, 2), (5, 2)),
        (Signature((TensorSpec("sound", "FP32", (1, 5, 2)),), ()), (5, 2), (1, 5, 2)),
        (Signature((TensorSpec("sound", "FP32", (-1, 5, 2)),), ()), (7, 5, 2), (7, 5, 2)),
    ],
)
def test_a_single_sample_gets_the_batch_that_the_model_has(
    signature: Signature, shape: tuple[int, ...], fitted: tuple[int, ...]
) -> None:
    assert fit_tensors({"sound": zeros(*shape)}, signature)["sound"].shape == fitted
    assert fit_tensors({UNNAMED: zeros(*shape)}, signature)["sound"].shape == fitted


def test_what_is_optional_may_be_left_out() -> None:
    signature = Signature((SOUND, RATE), (), optional=frozenset({"rate"}))
    assert set(fit_tensors({UNNAMED: zeros(5, 2)}, signature)) == {"sound"}
    assert set(fit_tensors({"sound": zeros(5, 2), "rate": zeros(1, dtype=np.int64)}, signature)) == {"sound", "rate"}


@pytest.mark.parametrize(
    ("tensors", "signature", "says"),
    [
        ({"sound": zeros(5, 3)}, BATCHING, r"'sound' is FP32 \[1, 5, 3\], the model takes FP32 \[-1, -1, 2\]"),
        ({"sound": zeros(5, 2, dtype=np.float64)}, BATCHING, r"'sound' is FP64 \[1, 5, 2\], the model takes FP32"),
        ({"sound": zeros(2)}, BATCHING, r"'sound' is FP32 \[2\]"),
        ({"sounds": zeros(5, 2)}, BATCHING, r"'sounds' is no input of the model; 'sound' is missing"),
        ({UNNAMED: zeros(5, 2)}, Signature((SOUND, RATE), ()), "send an npz"),
        (
            {"sound": zeros(2, 5, 2), "rate": zeros(3, 1, dtype=np.int64)},
            Signature((SOUND, RATE), (), max_batch=8),
            "'sound' has 2 samples; 'rate' has 3 samples",
        ),
    ],
)
def test_what_does_not_fit_is_named(tensors: dict[str, Any], signature: Signature, says: str) -> None:
    with pytest.raises(InvalidParams, match=says):
        fit_tensors(tensors, signature)


@given(total=st.integers(1, 40), max_batch=st.integers(0, 9))
def test_batches_are_joined_as_they_were(total: int, max_batch: int) -> None:
    sent = np.arange(total * 3).reshape(total, 3)
    batches = list(cut_batches({"x": sent}, max_batch))
    assert all(len(tensors["x"]) <= (max_batch or total) for _, tensors in batches)
    assert np.array_equal(join_batches(batches, total if max_batch else 0)["x"], sent)


def test_batches_whose_outputs_differ_in_shape_are_refused() -> None:
    with pytest.raises(InvalidParams, match="'boxes' of different shapes"):
        join_batches([(0, {"boxes": zeros(1, 3)}), (1, {"boxes": zeros(1, 4)})], 2)


@pytest.mark.parametrize(
    ("dims", "spec"),
    [
        ((3, -1, -1), PictureSpec(0, 0, "chw")),
        ((1, 3, 20, 30), PictureSpec(30, 20, "chw")),
        ((20, 30, 3), PictureSpec(30, 20, "hwc")),
    ],
)
def test_pixels_need_no_word_of_the_manifest(dims: tuple[int, ...], spec: PictureSpec) -> None:
    assert find_picture_input(Signature((TensorSpec("image", "UINT8", dims),), ()))[1] == spec


def test_a_picture_goes_where_nothing_else_is_given() -> None:
    signature = Signature((RATE, COLOURS), ())
    assert find_picture_input(signature, given=["rate"])[0] == COLOURS
    with pytest.raises(InvalidParams, match="one of them, not all"):
        find_picture_input(signature)
    with pytest.raises(InvalidParams, match="neither manifest nor configuration"):
        find_picture_input(BATCHING)


def test_the_manifest_says_size_layout_and_scale() -> None:
    rgb = np.full((8, 8, 3), (51, 102, 255), np.uint8)
    planes = tensor_of(rgb, target=TensorSpec("x", "FP32", (3, 2, 4)), spec=EYE, pictures=PICTURES)
    assert planes.shape == (3, 2, 4)
    assert planes.dtype == np.float32
    assert planes[:, 0, 0].tolist() == pytest.approx([(0.2 - 0.5) / 0.1, (0.4 - 0.4) / 0.2, (1 - 0.3) / 0.3], abs=1e-5)
    half = tensor_of(rgb, target=TensorSpec("x", "FP16", (3, 2, 4)), spec=EYE, pictures=PICTURES)
    assert half.dtype == np.float16


@pytest.mark.parametrize(
    ("datatype", "spec"),
    [("UINT8", PictureSpec()), ("UINT8", PictureSpec(layout="hwc")), ("FP32", replace(EYE, width=0))],
)
def test_a_picture_comes_back_as_it_went(datatype: str, spec: PictureSpec) -> None:
    rgb = np.random.default_rng(1).integers(0, 256, (5, 7, 3), np.uint8)
    tensor = tensor_of(rgb, target=TensorSpec("x", datatype, (-1, -1, -1)), spec=spec, pictures=PICTURES)
    assert np.array_equal(picture_of(tensor[np.newaxis], spec).rgb, rgb)
    with pytest.raises(InvalidParams, match="no picture"):
        picture_of(zeros(2, 5, 7, 3), spec)


def test_the_best_labels_come_first() -> None:
    scores = np.array([[0.1, np.nan, 0.7, 0.2]], np.float32)
    assert best_labels(scores, ("cat", "dog", "owl"), top=2) == [
        {"label": "owl", "index": 2, "score": pytest.approx(0.7)},
        {"label": "3", "index": 3, "score": pytest.approx(0.2)},
    ]
    assert best_labels(scores, (), top=9)[-1] == {"label": "1", "index": 1, "score": None}


def test_a_configuration_is_read_as_triton_tells_it() -> None:
    told = {
        "name": "m",
        "max_batch_size": 8,
        "input": [{"name": "a", "data_type": "TYPE_FP32", "dims": ["3", "-1"], "optional": True}],
        "output": [{"name": "b", "data_type": "TYPE_UINT8", "dims": ["1"]}],
        "instance_group": [{"name": "m_0", "count": 2}, {"name": "m_1"}],
        "parameters": {"picture": {"string_value": json.dumps({"width": 4, "mean": [0.5, 0.5, 0.5]})}},
    }
    assert Signature.parse(json.dumps(told)) == Signature(
        (TensorSpec("a", "FP32", (3, -1)),),
        (TensorSpec("b", "UINT8", (1,)),),
        max_batch=8,
        instances=3,
        optional=frozenset({"a"}),
        picture=PictureSpec(width=4, mean=(0.5, 0.5, 0.5)),
    )
