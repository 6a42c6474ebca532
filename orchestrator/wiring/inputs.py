"""What this node accepts as input, from the settings."""

import ssl
from functools import cache

import httpcore

from orchestrator.adapters.system_resolver import SystemResolver
from orchestrator.adapters.web import HttpFetcher, Pace
from orchestrator.domain.media import MediaLimits
from orchestrator.domain.web_address import Reach
from orchestrator.settings import Settings

BYTES_PER_MIB = 1024**2


def build_limits(settings: Settings) -> MediaLimits:
    media = settings.media
    return MediaLimits(
        size_bytes=media.input_bytes,
        picture_bytes=media.picture_bytes,
        picture_pixels=media.picture_pixels,
        frame_pixels=media.frame_pixels,
        frame_rate=media.frame_rate,
        streams=media.streams,
        duration_s=media.duration.total_seconds(),
        decode_memory_bytes=media.decode_memory_mib * BYTES_PER_MIB,
    )


def build_reach(settings: Settings) -> Reach:
    return Reach(allows_http=settings.fetch.allow_http, private_networks=settings.fetch.private_networks)


def build_fetcher(settings: Settings) -> HttpFetcher:
    fetch = settings.fetch
    pace = Pace(fetch.deadline.total_seconds(), fetch.silence.total_seconds(), fetch.redirects)
    return HttpFetcher(SystemResolver(), build_reach(settings), pace, tls=cache(build_tls))


def build_tls() -> ssl.SSLContext:
    """Certificates are checked against the bundle that httpcore brings, in every container the same."""
    return httpcore.default_ssl_context()
