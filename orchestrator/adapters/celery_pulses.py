"""Celery as our bell: the app with its settings (stack facts A.16), and the sender of pulses."""

import time

import structlog
from celery import Celery
from kombu.entity import Queue
from kombu.exceptions import KombuError
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from orchestrator.domain.errors import Category, Unavailable

log = structlog.get_logger()

PULSE = "orchestrator.pulse"
PULSES_WAITING = 8
# A child stays for a second once a pulse has woken it, so what was enough a moment ago still is.
ENOUGH_FOR_S = 0.1
KEY_PREFIX = "mq:"


def queue_of(lane: str) -> str:
    """The Celery queue of a lane."""
    return f"orchestrator.{lane}"


def build_celery(broker_url: str) -> Celery:
    """A Celery app whose messages carry nothing: losing, repeating or delaying one is harmless."""
    app = Celery("orchestrator", broker=broker_url, backend=broker_url, set_as_current=False)
    app.conf.update(
        task_serializer="json",
        result_serializer="json",
        accept_content=["json"],
        task_acks_late=True,
        task_reject_on_worker_lost=False,
        task_ignore_result=True,
        task_create_missing_queues=False,
        task_publish_retry=True,
        task_publish_retry_policy={"max_retries": 1, "interval_start": 0, "interval_step": 0.1, "interval_max": 0.3},
        worker_prefetch_multiplier=1,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        result_expires=3600,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_channel_error_retry=True,  # else a Redis that refuses a write ends the worker: OOM, READONLY, MISCONF
        broker_pool_limit=10,
        broker_pool_acquire_timeout=2,
        broker_transport_options={
            "visibility_timeout": 3600,
            "unacked_restore_interval": 10,
            "unacked_restore_throttle": 1,
            "socket_timeout": 10,
            "socket_connect_timeout": 3,
            "socket_keepalive": True,
            "health_check_interval": 10,
            "global_keyprefix": KEY_PREFIX,
            "max_connections": 50,
        },
        redis_socket_timeout=10,
        redis_socket_connect_timeout=3,
        redis_retry_on_timeout=True,
        redis_backend_health_check_interval=25,
    )
    return app


class CeleryPulses:
    """Implements `ports.pulses.PulseSender`."""

    def __init__(self, app: Celery, broker_url: str) -> None:
        self._app = app
        self._broker: Redis = Redis.from_url(
            broker_url, socket_connect_timeout=1, socket_timeout=1, retry=Retry(NoBackoff(), 0)
        )
        self._enough_until_s: dict[str, float] = {}

    def ring(self, lane: str) -> None:
        now_s = time.monotonic()
        if now_s < self._enough_until_s.get(lane, 0):
            return
        try:
            if self._waiting(lane) >= PULSES_WAITING:
                self._enough_until_s[lane] = now_s + ENOUGH_FOR_S
                return
            # A declared queue, or publishing raises QueueNotFound (stack facts, head of page).
            self._app.send_task(PULSE, args=[lane], queue=Queue(queue_of(lane)), ignore_result=True)
        except (RedisError, KombuError, OSError) as error:
            log.warning("pulse.lost", lane=lane, error=str(error))

    def waiting(self, lane: str) -> int:
        """How many pulses nobody has taken yet.

        Raises:
            Unavailable: the broker does not say.
        """
        try:
            return self._waiting(lane)
        except RedisError as error:
            raise Unavailable("the broker does not answer", service="broker", category=Category.NETWORK) from error

    def _waiting(self, lane: str) -> int:
        return int(self._broker.llen(KEY_PREFIX + queue_of(lane)))
