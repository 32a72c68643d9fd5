"""`Thought`: the cut that one panel thinks of: which layers, how much, by which criterion, and what it would do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunelab.criteria import criterion_of, needs_of
from prunelab.errors import PrunelabError
from prunelab.jupyter.panels.choices import Choices
from prunelab.jupyter.panels.masking import WHOLE, Masking, can_be_mixed, of_layers
from prunelab.jupyter.words import STEP as WORDS
from prunelab.lab.cuts import gone

if TYPE_CHECKING:
    from prunelab.graph import Group
    from prunelab.lab import Lab, Preview, Previews
    from prunelab.plan import Plan

_RATIO = 0.3  # at first, as `Lab.step` has it


class Thought:
    """Thought of anew after every change; nothing is done to the Lab."""

    def __init__(self, lab: Lab, layer: str | None = None) -> None:
        self.lab = lab
        first = next((g.name for g in lab.graph.groups if g.prunable), "")
        self.layer = first if layer is None else lab.graph.group(layer).name  # what everything is about
        self.layers: tuple[str, ...] = (self.layer,) if self.layer else ()  # what a step cuts, this one among them
        self.ratio, self.choices = _RATIO, Choices(lab)
        self.thinks = True
        self.previews: Previews | None = None
        self.masking: Masking | None = None  # instead of a cut: weights that are masked in their place
        self.masked: Plan | None = None  # what would be masked then
        self.unseen = ""  # why nobody knows yet which units go
        self.problem = ""  # what is wrong with it; what went wrong in the work is the worker's outcome

    @property
    def group(self) -> Group | None:
        """The chosen group; None in a network without any."""
        return self.lab.graph.group(self.layer) if self.layer else None

    @property
    def criterion(self) -> str | None:
        """What makes a unit worth keeping; None for the Lab's own."""
        return self.choices.criterion or None

    @property
    def criterion_name(self) -> str:
        """What it is called."""
        return criterion_of(self.criterion or self.lab.criterion).name

    @property
    def counting(self) -> str | None:
        """A criterion that tells what a cut costs at once: that depends on how many units go, and not on which."""
        return "l1_weight" if self._needs else self.criterion

    @property
    def _needs(self) -> tuple[str, ...]:
        return tuple(needs_of(criterion_of(self.criterion or self.lab.criterion)))

    @property
    def preview(self) -> Preview | None:
        """What a step would do to the chosen layer; None where nobody knows which units it would take."""
        return None if self.previews is None or self.unseen else self.previews.of(self.layer)

    def gone(self, layer: str) -> int:
        """How many units of a layer are gone."""
        return len(gone(self.lab.plan, layer))

    def latency(self) -> tuple[float, float] | None:
        """Of the current state and with the cut that is thought of, in ms; None where it was not measured."""
        table = self.lab.timed()
        if table is None or self.previews is None:
            return None
        now = {name: units for name in table.levels if (units := gone(self.lab.plan, name))}
        return table.ms(now), table.ms({**now, **{one.layer: one.removed for one in self.previews.layers}})

    def rethink(self) -> None:
        """Look at what a step would do now."""
        self.previews, self.problem, self.unseen = None, "", ""
        self.masking = self.masked = None
        group, plan = self.group, self.lab.plan
        if group is None or not group.prunable or not self.thinks:
            return
        if self.choices.pieces != WHOLE:
            self._mask()
            return
        if not can_be_mixed(plan, WHOLE):
            self.unseen = WORDS["in place"]
            return
        self.unseen = WORDS["unseen"].format(needs=WORDS["and"].join(self._needs)) if self._needs else ""
        try:
            self.previews = self.lab.previews(self.layers, self.ratio, self.counting)
        except PrunelabError as error:
            self.problem = str(error)

    def _mask(self) -> None:
        try:
            masking = of_layers(self.lab, self.choices.pieces, self.layers, self.ratio)
            self.masking, self.masked = masking, masking.plan(self.lab, self.criterion)
        except PrunelabError as error:
            self.masking, self.problem = None, str(error)
