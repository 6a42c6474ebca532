"""Questions that say whether this node is fit to serve. Each returns, or raises what is wrong."""

from collections.abc import Callable, Mapping
from functools import partial

from orchestrator.adapters.redis.connection import API, connect
from orchestrator.adapters.redis.health import RedisHealth
from orchestrator.adapters.triton.control import TritonControl
from orchestrator.domain.errors import Category, Unavailable
from orchestrator.pipelines.registry import MODELS
from orchestrator.settings import Settings
from orchestrator.wiring.outside import build_storage

Check = Callable[[], None]


def build_checks(settings: Settings) -> Mapping[str, Check]:
    """One check per dependency, for `/readyz`."""
    redis = connect(settings.redis.url.get_secret_value(), API)
    return {
        "redis": RedisHealth(redis, require_durable=settings.redis.require_durable).check,
        "storage": build_storage(settings).check,
        "triton": partial(_check_triton, _control(settings)),
    }


def build_model_checks(settings: Settings) -> Mapping[str, Check]:
    """One check per model that a task type needs."""
    control = _control(settings)
    return {f"model {model}": partial(_check_model, control, model) for model in sorted(MODELS)}


def _control(settings: Settings) -> TritonControl:
    return TritonControl(settings.triton.instances[0], control_key=settings.triton.control_key.get_secret_value())


def _check_triton(control: TritonControl) -> None:
    if not control.is_live():
        raise Unavailable("the inference server does not answer", service="triton", category=Category.NETWORK)


def _check_model(control: TritonControl, model: str) -> None:
    if not control.is_ready(model):
        raise Unavailable(
            "not loaded; the first task that needs it loads it", service="triton", category=Category.MODEL_UNAVAILABLE
        )
