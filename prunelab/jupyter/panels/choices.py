"""The choices that a step and a run have in common: the criterion, whether to repair and with how many steps on each
block, and the epochs of fine-tuning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as widgets
import traitlets

from prunelab.criteria import CRITERIA, criterion_of, needs_of
from prunelab.jupyter.panels.actions import Cure
from prunelab.jupyter.panels.masking import GRANULARITIES, WHOLE
from prunelab.jupyter.panels.part import box
from prunelab.jupyter.words import CHOICES as WORDS

if TYPE_CHECKING:
    from prunelab.lab import Lab

_OWN = ""  # the Lab's own criterion, where it is an object and has no name that a line of code could give


class Choices(traitlets.HasTraits):
    """Controls wherever they are asked for; all of them show and change the same values."""

    criterion = traitlets.Unicode()
    repair = traitlets.Bool()
    repair_steps = traitlets.Int()
    epochs = traitlets.Int()
    pieces = traitlets.Unicode(WHOLE)

    def __init__(self, lab: Lab) -> None:
        self._lab, own = lab, lab.criterion
        repair = lab.healing.repair
        super().__init__(criterion=own if isinstance(own, str) else _OWN, repair=bool(repair),
                         repair_steps=0 if isinstance(repair, bool) else repair, epochs=lab.healing.epochs)

    @property
    def cure(self) -> Cure:
        """The values."""
        repair = (self.repair_steps or True) if self.repair else False
        said = repair or self._lab.healing.repair
        return Cure(self.criterion, self.epochs, repair if said else None)

    def pieces_control(self) -> Any:
        """What is cut: whole units, or what is masked in its place."""
        control = widgets.Dropdown(options=[(WORDS[name], name) for name in GRANULARITIES], value=self.pieces,
                                   description=WORDS["pieces"], tooltip=WORDS["pieces hint"])
        traitlets.link((self, "pieces"), (control, "value"))
        return control

    def controls(self) -> list[Any]:
        """The controls, in two rows."""
        criterion = widgets.Dropdown(options=criteria(self._lab), value=self.criterion, description=WORDS["criterion"],
                                     tooltip=WORDS["criterion hint"])
        repair = widgets.Checkbox(self.repair, description=WORDS["repair"], indent=False,
                                  disabled=not self._lab.can_repair,
                                  tooltip=WORDS["repair hint" if self._lab.can_repair else "no data"])
        epochs = widgets.BoundedIntText(self.epochs, min=0, max=1000, description=WORDS["finetune"],
                                        disabled=not self._lab.can_train,
                                        tooltip=WORDS["finetune hint" if self._lab.can_train else "no training"])
        steps = widgets.BoundedIntText(self.repair_steps, min=0, max=100_000, description=WORDS["repair steps"],
                                       tooltip=WORDS["repair steps hint"])
        for name, control in (("criterion", criterion), ("repair", repair), ("repair_steps", steps),
                              ("epochs", epochs)):
            traitlets.link((self, name), (control, "value"))
        traitlets.dlink((self, "repair"), (steps, "disabled"), lambda repairs: not repairs)
        return [criterion, box("row then", repair, steps, box("unit", epochs, widgets.Label(WORDS["epochs"])))]


def criteria(lab: Lab) -> list[tuple[str, str]]:
    """What can be chosen: first those that look at weights, then, where there is data, those that look at it."""
    own = lab.criterion
    first = [] if isinstance(own, str) else [(WORDS["own"].format(name=criterion_of(own).name), _OWN)]
    of_weights = [name for name, criterion in CRITERIA.items() if not needs_of(criterion)]
    of_data = [name for name in CRITERIA if name not in of_weights] if lab.can_repair else []
    return [*first, *((name, name) for name in of_weights),
            *((WORDS["of data"].format(name=name), name) for name in of_data)]
