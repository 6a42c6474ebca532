"""Cloudflare R2, or any S3."""

from orchestrator.adapters.s3_storage.address import S3Address
from orchestrator.adapters.s3_storage.bucket import S3Storage
from orchestrator.adapters.s3_storage.journal import S3Journal
from orchestrator.adapters.s3_storage.key_file import KeyFile
from orchestrator.adapters.s3_storage.parts import S3Parts
from orchestrator.adapters.s3_storage.small_objects import SmallObjects

__all__ = ["KeyFile", "S3Address", "S3Journal", "S3Parts", "S3Storage", "SmallObjects"]
