"""Questions that say whether this node is fit to serve. Each returns, or raises what is wrong."""

from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
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
        "triton": partial(_check_any_lives, _controls(settings)),
    }


def build_instance_checks(settings: Settings) -> Mapping[str, Check]:
    """One check per inference server, by its address."""
    return {address: partial(_check_lives, control) for address, control in _controls(settings).items()}


def build_model_checks(settings: Settings) -> Mapping[str, Check]:
    """One check per model that a task type needs: some server must have it."""
    controls = _controls(settings).values()
    return {f"model {model}": partial(_check_model, controls, model) for model in sorted(MODELS)}


def _controls(settings: Settings) -> Mapping[str, TritonControl]:
    key = settings.triton.control_key.get_secret_value()
    return {address: TritonControl(address, control_key=key) for address in settings.triton.instances}


def _check_any_lives(controls: Mapping[str, TritonControl]) -> None:
    if not _any_says_yes(control.is_live for control in controls.values()):
        raise Unavailable(f"no answer of {', '.join(controls)}", service="triton", category=Category.NETWORK)


def _check_lives(control: TritonControl) -> None:
    if not control.is_live():
        raise Unavailable("the inference server does not answer", service="triton", category=Category.NETWORK)


def _check_model(controls: Collection[TritonControl], model: str) -> None:
    if not _any_says_yes(partial(control.is_ready, model) for control in controls):
        raise Unavailable(
            "not loaded; the first task that needs it loads it", service="triton", category=Category.MODEL_UNAVAILABLE
        )


def _any_says_yes(questions: Iterable[Callable[[], bool]]) -> bool:
    """Asked at once, and the first "yes" is enough: one that hangs must not keep the others' word back."""
    pool = ThreadPoolExecutor(thread_name_prefix="instances")
    try:
        return any(asked.result() for asked in as_completed([pool.submit(ask) for ask in questions]))
    finally:
        pool.shutdown(wait=False)
