"""Cloudflare R2, or any S3."""

from orchestrator.adapters.s3_storage.address import S3Address
from orchestrator.adapters.s3_storage.bucket import S3Storage
from orchestrator.adapters.s3_storage.parts import S3Parts

__all__ = ["S3Address", "S3Parts", "S3Storage"]
