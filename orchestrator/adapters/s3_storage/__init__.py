"""Cloudflare R2, or any S3, through boto3."""

from orchestrator.adapters.s3_storage.bucket import S3Address, S3Storage

__all__ = ["S3Address", "S3Storage"]
