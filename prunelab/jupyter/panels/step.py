"""The step: one layer or several, and a ratio, with what it would do before it is done."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import ipywidgets as widgets

from prunelab.graph.groups import layer_of
from prunelab.jupyter.panels import actions
from prunelab.jupyter.panels.desk import Desk
from prunelab.jupyter.panels.estimate import estimate_text, sensed
from prunelab.jupyter.panels.forecast import stats_html
from prunelab.jupyter.panels.part import Part, box, html, span
from prunelab.lab import Previews

_N_TIED = 2  # names of tied layers that are shown; the others are on hover


class Step(Part):
    """One layer: a ratio, and what it would do. Nothing is debounced: a preview takes less than a millisecond."""

    title, place, asks_for_work, sets_ratio = "One layer", "doing", True, True

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._layer = html("layer")
        self._ratio = widgets.FloatSlider(
            desk.ratio, min=0, max=0.99, step=0.01, description="ratio", readout_format=".2f",
            tooltip="the fraction of the layer's dense units that is gone afterwards")
        self._stats = html("stats")
        self._go = widgets.Button(description="Step", button_style="primary",
                                  tooltip="cut, repair and fine-tune as chosen, evaluate, record")
        self._note = html("note")
        self._wish = desk.ratio  # what a person set last: a layer of which more is gone moves the slider, not the wish
        self._showing = False
        self._ratio.observe(lambda _: self._moved(), "value")
        self._go.on_click(lambda _: self._step())
        desk.choices.observe(lambda _: self.previewed(), ["repair", "epochs"])
        self.widget = box("card", self._layer, self._ratio, self._stats, *desk.choices.controls(),
                          box("row", self._go, self._note), vertical=True)

    def changed(self) -> None:
        self.chosen()

    def chosen(self) -> None:
        group = self.desk.group
        self._layer.value = self._told()
        self._ratio.disabled = group is None or not group.prunable
        if group is not None and group.prunable:
            gone = 0.0 if len(self.desk.layers) > 1 else self.desk.gone(group.name) / group.units
            self._show(max(self._wish, gone))
            if self._ratio.value != self.desk.ratio:
                self.desk.think(self._ratio.value)
        self.previewed()

    def previewed(self) -> None:
        if self._ratio.value != self.desk.ratio:  # another part moved it
            self._wish = self.desk.ratio
            self._show(self._wish)
        previews, going = self.desk.previews, self._going()
        table = self.lab.timed()
        self._stats.value = stats_html(previews, self.desk.latency(), "" if table is None else table.trust)
        self._go.disabled = not going
        self._go.description = f"Step {len(going)} layers" if len(going) > 1 else "Step"
        told = self._why_not(previews) or self._estimate()
        self._note.value = span("quiet", told, told)

    def worked(self) -> None:
        self.previewed()  # the latency or the sensitivity may be known now

    def _estimate(self) -> str:
        previews, known = self.desk.previews, sensed(self.lab, self.desk.criterion)
        if previews is None or known is None:
            return ""
        told = estimate_text(known, self.lab, previews)
        cure = self.desk.choices
        healed = " before it heals" if cure.repair or cure.epochs else ""
        return f"{told}{healed}" if told else ""

    def _show(self, ratio: float) -> None:
        self._showing = True
        self._ratio.value = round(min(ratio, self._ratio.max), 4)
        self._showing = False

    def _moved(self) -> None:
        if not self._showing:
            self._wish = round(self._ratio.value, 4)
            self.desk.think(self._wish)

    def _going(self) -> list[str]:
        previews = self.desk.previews
        return [] if previews is None else [one.layer for one in previews.layers if one.new]

    def _step(self) -> None:
        going, ratio, cure = self._going(), self.desk.ratio, self.desk.choices.cure
        one = len(going) == 1
        self.desk.do(actions.step(going[0], ratio, cure) if one else
                     actions.cut_several(dict.fromkeys(going, ratio), cure))

    def _told(self) -> str:
        group, layers = self.desk.group, self.desk.layers
        if group is None:
            return f'<div class="pl-field">{span("quiet", "this network has no groups")}</div>'
        if len(layers) > 1:
            return _field("layers", layers, f"{len(layers)} layers", ", ".join(layers))
        tied = [layer for layer in dict.fromkeys(layer_of(m.parameter) for m in group.members) if layer != group.name]
        more = f" and {len(tied) - _N_TIED} more" if len(tied) > _N_TIED else ""
        beside = f", tied to {', '.join(tied[:_N_TIED])}{more}" if tied else ""
        told = f"frozen: {group.reason}" if group.reason else f"{group.units} {group.granularity}s{beside}"
        return _field("layer", [group.name, *tied], group.name, told)

    def _why_not(self, previews: Previews | None) -> str:
        if previews is None:
            return self.desk.unseen or ("" if self.desk.problem else "nothing to cut here")
        still = [one for one in previews.layers if not one.new]
        if len(previews.layers) > 1:
            return f"{len(still)} of them stay as they are" if still else ""
        if not still:
            return self.desk.unseen
        gone = len(still[0].removed)
        return f"{gone} of {still[0].units} are gone already" if gone else "takes no unit; move the slider"


def _field(name: str, everything: Sequence[str], short: str, told: str) -> str:
    return (f'<div class="pl-name">{name}</div><div class="pl-field" title="{escape(", ".join(everything))}">'
            f"<b>{escape(short)}</b> {span('quiet', f'· {told}')}</div>")
