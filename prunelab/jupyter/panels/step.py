"""The step: one layer and a ratio, with what it would do before it is done."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import ipywidgets as widgets

from prunelab.graph.groups import layer_of
from prunelab.jupyter.panels import actions
from prunelab.jupyter.panels.desk import Desk
from prunelab.jupyter.panels.part import Part, box, html, span
from prunelab.lab import Previews
from prunelab.render.numbers import change, count

_N_TIED = 2  # names of tied layers that are shown; the others are on hover


class Step(Part):
    """One layer: a ratio, and what it would do. Nothing is debounced: a preview takes less than a millisecond."""

    title, place, asks_for_work = "One layer", "doing", True

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._layer = html("layer")
        self._ratio = widgets.FloatSlider(
            desk.ratio, min=0, max=0.99, step=0.01, description="ratio", readout_format=".2f",
            tooltip="the fraction of the layer's dense units that is gone afterwards")
        self._stats = html("stats")
        self._go = widgets.Button(description="Step", button_style="primary",
                                  tooltip="cut, fine-tune, evaluate, record")
        self._note = html("note")
        self._wish = desk.ratio  # what a person set last: a layer of which more is gone moves the slider, not the wish
        self._ratio.observe(lambda _: self._moved(), "value")
        self._go.on_click(lambda _: self._step())
        self.widget = box("card", self._layer, self._ratio, self._stats, desk.choices.row(),
                          box("row", self._go, self._note), vertical=True)

    def changed(self) -> None:
        self.chosen()

    def chosen(self) -> None:
        group = self.desk.group
        self._layer.value = self._told()
        self._ratio.disabled = group is None or not group.prunable
        if group is not None and group.prunable:
            self._show_ratio(max(self._wish, self.lab.plan.ratio(group.name)))
        self.previewed()

    def previewed(self) -> None:
        if round(self._ratio.value, 4) != self.desk.ratio:  # another part said it
            self._ratio.value = min(self.desk.ratio, self._ratio.max)
        previews = self.desk.previews
        going = [] if previews is None else [one.layer for one in previews.layers if one.new]
        self._stats.value = stats_html(previews)
        self._go.disabled = not going
        self._go.description = f"Step {len(going)} layers" if len(going) > 1 else "Step"
        self._note.value = span("quiet", self._why_not(previews))

    def _show_ratio(self, ratio: float) -> None:
        wish = self._wish
        self._ratio.value = min(ratio, self._ratio.max)
        self._wish = wish

    def _moved(self) -> None:
        self._wish = self._ratio.value
        self._think()

    def _think(self) -> None:
        self.desk.think(round(self._ratio.value, 4))

    def _step(self) -> None:
        previews, ratio = self.desk.previews, round(self._ratio.value, 4)
        going = [] if previews is None else [one.layer for one in previews.layers if one.new]
        self.desk.do(*(actions.step(layer, ratio, self.desk.choices.cure) for layer in going))

    def _told(self) -> str:
        group = self.desk.group
        if group is None:
            return f'<div class="pl-field">{span("quiet", "this network has no groups")}</div>'
        if len(self.desk.layers) > 1:
            return _field("layers", self.desk.layers, f"{len(self.desk.layers)} layers", ", ".join(self.desk.layers))
        tied = [layer for layer in dict.fromkeys(layer_of(m.parameter) for m in group.members) if layer != group.name]
        more = f" and {len(tied) - _N_TIED} more" if len(tied) > _N_TIED else ""
        beside = f", tied to {', '.join(tied[:_N_TIED])}{more}" if tied else ""
        told = f"frozen: {group.reason}" if group.reason else f"{group.units} {group.granularity}s{beside}"
        return _field("layer", [group.name, *tied], group.name, told)

    def _why_not(self, previews: Previews | None) -> str:
        if previews is None:
            return "" if self.desk.problem else "nothing to cut here"
        still = [one for one in previews.layers if not one.new]
        if len(previews.layers) > 1:
            return f"{len(still)} of them stay as they are" if still else "one after the other"
        if not still:
            return ""
        gone = len(still[0].removed)
        return f"{gone} of {still[0].units} are gone already" if gone else "takes no unit; move the slider"


def _field(name: str, everything: Sequence[str], short: str, told: str) -> str:
    return (f'<div class="pl-name">{name}</div><div class="pl-field" title="{escape(", ".join(everything))}">'
            f"<b>{escape(short)}</b> {span('quiet', f'· {told}')}</div>")


def stats_html(previews: Previews | None) -> str:
    """Three numbers: the units that would be gone, and what params and MACs would change by."""
    if previews is None:
        return "".join(_stat(name, "–", "") for name in ("units cut", "params", "MACs"))
    now, then = previews.before, previews.cost
    removed, all_units, new = (sum(map(len, each)) for each in (
        [one.removed for one in previews.layers], [range(one.units) for one in previews.layers],
        [one.new for one in previews.layers]))
    units = f"{removed} of {all_units}"
    if not new:
        return _stat("units cut", units, "") + _stat("params", "±0", "") + _stat("MACs", "±0", "")
    return "".join([
        _stat("units cut", units, f"+{new}"),
        _stat("params", count(then.params - now.params), change(then.params, now.params)),
        _stat("MACs", count(then.macs - now.macs), change(then.macs, now.macs)),
    ])


def _stat(name: str, value: str, beside: str) -> str:
    more = f" {span('quiet', beside)}" if beside else ""
    return f'<div class="pl-stat">{span("quiet", name)}<span><b>{escape(value)}</b>{more}</span></div>'
