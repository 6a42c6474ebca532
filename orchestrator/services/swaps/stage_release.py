"""The first half of a swap: a release is brought, checked, loaded, warmed up and judged before any run asks it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator.domain.errors import Category, OrchestratorError, Refused, Unavailable
from orchestrator.domain.foreign_words import quote, quote_cause
from orchestrator.domain.manifest import Manifest, TensorSpec
from orchestrator.domain.model import STOCK, ModelNotFound, Placement, Release, ResidentState
from orchestrator.domain.swap import ALL, Fault, Step, Swap, Turn
from orchestrator.domain.swap_rules import blame, find_mismatch, fits_beside, homes_of, serving_homes
from orchestrator.domain.traffic import Bounds, Traffic
from orchestrator.pipelines.golden_gate import GoldenGate
from orchestrator.ports.releases import Releases
from orchestrator.ports.residency import Requests
from orchestrator.ports.swaps import Standing

Tensors = tuple[Sequence[TensorSpec], Sequence[TensorSpec]]  # inputs, outputs


@dataclass(frozen=True, slots=True)
class StageRelease:
    """Each method is a step: one turn, or None to come again. All are safe to repeat.

    ``bring`` a release's files to an instance, ``problems`` with them as its warden opens them there; ``traffic`` of a
    release so far.
    """

    residency: Requests
    releases: Releases
    gate: GoldenGate
    bring: Callable[[str, Manifest], None]
    problems: Callable[[str, str], Sequence[str]]
    traffic: Callable[[str], Traffic]
    bounds: Bounds = field(default_factory=Bounds)

    def fetch(self, standing: Standing) -> Turn | None:
        swap = standing.swap
        try:
            manifest = self._manifest(swap.new)
            if manifest:
                for address in self._homes(swap):
                    self.bring(address, manifest)
        except (Refused, ModelNotFound) as error:
            return swap.fail(Fault.NOT_FETCHED, str(error))
        return Turn(Step.CHECKING)

    def check(self, standing: Standing) -> Turn | None:
        swap, manifest = standing.swap, self._manifest(standing.swap.new)
        if manifest:
            problems = [problem for address in self._homes(swap)[:1] for problem in self.problems(address, swap.new)]
            if problems:
                return swap.fail(Fault.BROKEN, "; ".join(problems))
            mismatch = self._mismatch(swap, manifest)
            if mismatch:
                return swap.fail(Fault.WRONG_DIMS, mismatch)
        return Turn(Step.LOADING if self._fits(swap, manifest) else Step.HANDING_OVER)

    def hand_over(self, standing: Standing) -> Turn | None:
        """Its runs end, no new ones begin: the weights say so already."""
        homes = homes_of(self.residency.instances(), standing.swap.old)
        for instance, _ in homes:
            self.residency.close(instance.address, standing.swap.old)
        return None if homes else Turn(Step.LOADING)

    def load(self, standing: Standing) -> Turn | None:
        swap, instances = standing.swap, self.residency.instances()
        homes = serving_homes(instances, swap.new)
        if homes:
            for address in homes:
                self.residency.keep(address, swap.new, is_kept=True)
            return Turn(Step.WARMING)
        failed = [
            (instance.address, found.error or "it does not load")
            for instance in instances
            for found in instance.residents
            if (found.release, found.state) == (swap.new, ResidentState.FAILED) and found.since_ms >= standing.since_ms
        ]
        for address, error in failed[:1]:
            return swap.fail(Fault.NOT_LOADED, f"{error}{self._words(address, swap.new)}")
        self.residency.want(Release.parse(swap.new).wanted_name)
        return None

    def warm_up(self, standing: Standing) -> Turn | None:
        swap, manifest = standing.swap, self._manifest(standing.swap.new)
        if manifest is None:
            return Turn(Step.JUDGING)
        try:
            took_ms = self.gate.warm_up(self.gate.subject(manifest, self._home(swap)))
        except OrchestratorError as error:
            return swap.fail(self._blame(swap, error), f"a sample of its warm-up: {error}{quote_cause(error)}")
        return Turn(Step.JUDGING, figures=took_ms)

    def judge(self, standing: Standing) -> Turn | None:
        swap, manifest = standing.swap, self._manifest(standing.swap.new)
        figures: dict[str, float] = {}
        if manifest and manifest.goldens:
            try:
                verdicts = self.gate.judge(self.gate.subject(manifest, self._home(swap)))
                times = self._times(swap, manifest)
            except OrchestratorError as error:
                return swap.fail(self._blame(swap, error), f"a golden sample: {error}{quote_cause(error)}")
            figures = {**{f"{found.golden.sample} {found.golden.metric}": found.value for found in verdicts}, **times}
            flaws = [found.flaw for found in verdicts if found.flaw]
            if flaws:
                return swap.fail(Fault.WRONG_OUTPUT, "; ".join(flaws), figures=figures)
            if "old ms" in times and self.bounds.is_slow(times["old ms"], times["new ms"]):
                reason = f"a golden sample takes {times['new ms']:.0f} ms, the old release takes {times['old ms']:.0f}"
                return swap.fail(Fault.SLOW, reason, figures=figures)
        step = Step.WATCHING if swap.hands_over or swap.canary == ALL else Step.SHIFTING
        return Turn(step, figures=figures, base=self.traffic(swap.new))

    def _manifest(self, name: str) -> Manifest | None:
        """None of a stock release: nobody has pushed it."""
        release = Release.parse(name)
        return None if release.version == STOCK else self.releases.find(release)

    def _homes(self, swap: Swap) -> tuple[str, ...]:
        """Where the new release is needed: where the old one is, or anywhere."""
        instances = self.residency.instances()
        return serving_homes(instances, swap.old) or tuple(found.address for found in instances if found.is_well)

    def _home(self, swap: Swap) -> Placement:
        """Where it can be asked.

        Raises:
            Unavailable: nowhere.
        """
        homes = serving_homes(self.residency.instances(), swap.new)
        if not homes:
            message = f"{swap.new} is not loaded any more"
            raise Unavailable(message, service="triton", category=Category.MODEL_UNAVAILABLE)
        return Placement(swap.new, homes[0])

    def _blame(self, swap: Swap, error: OrchestratorError) -> Fault:
        """What an error of the release itself says of it.

        Raises:
            OrchestratorError: it is not the release's fault; the step is tried again. A server that stops calls every
                release unavailable (stack facts C.4).
        """
        fault = blame(error)
        is_live = self.gate.servers(self._home(swap).instance).control.is_live()
        if fault is None or not is_live:
            raise error
        return fault

    def _words(self, address: str, release: str) -> str:
        """Why the server there could not load it, as that says itself."""
        states = self.gate.servers(address).control.index()
        return next((quote(state.reason) for state in states if state.name == release), "")

    def _mismatch(self, swap: Swap, manifest: Manifest) -> str:
        homes = serving_homes(self.residency.instances(), swap.old)
        if not homes:
            return ""
        served = self.gate.subject(manifest, Placement(swap.old, homes[0])).signature
        inputs = find_mismatch(what="input", old=served.inputs, new=manifest.inputs)
        return inputs or find_mismatch(what="output", old=served.outputs, new=manifest.outputs)

    def _fits(self, swap: Swap, manifest: Manifest | None) -> bool:
        """By what it was seen to take, else by what the old one takes or its own files, whichever is more."""
        homes = homes_of(self.residency.instances(), swap.old)
        if not homes or homes_of(self.residency.instances(), swap.new):
            return True
        files = sum(file.size_bytes for file in manifest.files) if manifest else 0
        guess = max(files, *(found.bytes for _, found in homes))
        need = self.residency.learned(swap.new).get("resident", guess)
        return any(fits_beside(instance, swap.old, need_bytes=need) for instance, _ in homes)

    def _times(self, swap: Swap, manifest: Manifest) -> Mapping[str, float]:
        """The same samples through both releases on the same instance, where both are there."""
        home = self._home(swap)
        times = {"new ms": self.gate.time_ms(self.gate.subject(manifest, home))}
        if home.instance in serving_homes(self.residency.instances(), swap.old):
            times["old ms"] = self.gate.time_ms(self.gate.subject(manifest, Placement(swap.old, home.instance)))
        return times
