"""The two choices that a step and a run have in common: the criterion and the epochs of fine-tuning."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets
import traitlets

from prunelab.jupyter.panels.actions import Cure
from prunelab.jupyter.panels.part import box
from prunelab.lab.cuts import weight_criteria


class Choices(traitlets.HasTraits):
    """One row of controls wherever it is asked for; all of them show and change the same two values."""

    criterion = traitlets.Unicode()
    epochs = traitlets.Int()

    def __init__(self) -> None:
        super().__init__(criterion=weight_criteria()[0])

    @property
    def cure(self) -> Cure:
        """The values."""
        return Cure(self.criterion, self.epochs)

    def row(self) -> Any:
        """The controls, in a row."""
        criterion = widgets.Dropdown(options=weight_criteria(), value=self.criterion, description="criterion",
                                     tooltip="what makes a unit worth keeping")
        epochs = widgets.BoundedIntText(self.epochs, min=0, max=1000, description="fine-tune",
                                        tooltip="epochs of training after the cut")
        traitlets.link((self, "criterion"), (criterion, "value"))
        traitlets.link((self, "epochs"), (epochs, "value"))
        return box("row", criterion, epochs, widgets.Label("epochs"))
