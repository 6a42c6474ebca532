"""Rotate a signing secret: the new one leaves this service once, the old one signs beside it for a while."""

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.domain.project import Project
from orchestrator.domain.webhook import SigningSecret
from orchestrator.ports.webhooks import Webhooks


@dataclass(frozen=True, slots=True)
class RotateSecret:
    """Of an endpoint, or a project's own, for the webhooks that its tasks name."""

    webhooks: Webhooks
    new_secret: Callable[[], bytes]
    overlap_s: float

    def rotate(
        self, project: Project, endpoint_id: str | None = None, *, overlap_s: float | None = None
    ) -> SigningSecret:
        """A new secret; the old one ends after ``overlap_s``, or the usual time.

        Raises:
            WebhookNotFound: there is no such endpoint, or it is another project's.
        """
        wait_s = self.overlap_s if overlap_s is None else overlap_s
        secrets = self.webhooks.rotate(project.slug, endpoint_id, secret=self.new_secret(), overlap_s=wait_s)
        return SigningSecret.show(secrets)
