"""Describe: what the model of a run takes and gives, before anything is sent to it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from orchestrator.domain.errors import Category, Refused
from orchestrator.domain.model import ModelNotFound, Placement, Release
from orchestrator.domain.signature import Signature
from orchestrator.domain.task import Run
from orchestrator.ports.inference import InferenceServer
from orchestrator.ports.releases import Releases


@dataclass(frozen=True, slots=True)
class DescribeModel:
    """``server`` gives an instance by its address. The manifest of a release says what one does with pictures."""

    server: Callable[[str], InferenceServer]
    releases: Releases | None = None

    def describe(self, run: Run) -> Signature:
        """Of the release that the run was sent to, which is loaded.

        Raises:
            Unavailable: nobody can be asked, or the release is not served any more.
            Refused: its configuration is not what it should be.
        """
        placement = run.placement or Placement(run.task.model, "")
        try:
            signature = Signature.parse(self.server(placement.instance).control.config(placement.release))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            message = "the configuration of the model cannot be read"
            raise Refused(message, service="triton", category=Category.INTERNAL) from error
        return self._with_picture(signature, Release.parse(placement.release))

    def _with_picture(self, signature: Signature, release: Release) -> Signature:
        if self.releases is None or not release.version:
            return signature
        try:
            manifest = self.releases.find(release)
        except ModelNotFound:  # served still, and deleted since
            return signature
        picture = manifest.picture
        if picture is None:
            return signature
        labels = self.releases.read(manifest, picture.labels).decode(errors="replace") if picture.labels else ""
        return replace(signature, picture=picture, labels=tuple(labels.splitlines()))
