"""The step: one layer or several, and a ratio, with what it would do before it is done."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import ipywidgets as widgets

from prunelab.graph.groups import layer_of
from prunelab.jupyter.panels import actions
from prunelab.jupyter.panels.desk import Desk
from prunelab.jupyter.panels.estimate import estimate_text, sensed
from prunelab.jupyter.panels.forecast import masked_html, stats_html
from prunelab.jupyter.panels.masking import counts, has_ratio
from prunelab.jupyter.panels.part import Part, box, ends, html, span
from prunelab.jupyter.words import CHOICES
from prunelab.jupyter.words import STEP as WORDS
from prunelab.lab import Previews
from prunelab.render.numbers import counted

_N_TIED = 2  # names of tied layers that are shown; the others are on hover


class Step(Part):
    """One layer: a ratio, and what it would do. Nothing is debounced: a preview takes less than a millisecond."""

    title, place, asks_for_work, sets_ratio = WORDS["title"], "doing", True, True

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._layer = html("layer")
        self._ratio = widgets.FloatSlider(
            desk.ratio, min=0, max=0.99, step=0.01, description=WORDS["ratio"], readout_format=".2f",
            tooltip=WORDS["ratio hint"])
        self._stats = html("stats")
        self._go = widgets.Button(description=WORDS["step"], button_style="primary", tooltip=WORDS["step hint"])
        self._note = html("note")
        self._wish = desk.ratio  # what a person set last: a layer of which more is gone moves the slider, not the wish
        self._showing = False
        self._ratio.observe(lambda _: self._moved(), "value")
        self._go.on_click(lambda _: self._step())
        desk.choices.observe(lambda _: self.previewed(), ["repair", "epochs"])
        self.widget = box("card", self._layer, self._ratio, self._stats, desk.choices.pieces_control(),
                          *desk.choices.controls(), box("row", self._go, self._note), vertical=True)

    def changed(self) -> None:
        self.chosen()

    def chosen(self) -> None:
        group = self.desk.group
        self._layer.value = self._told()
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
        group, previews, going = self.desk.group, self.desk.previews, self._going()
        table = self.lab.timed()
        self._ratio.disabled = group is None or not group.prunable or not has_ratio(self.desk.choices.pieces)
        self._stats.value = self._masked() if self.desk.masked is not None else stats_html(
            previews, self.desk.latency(), "" if table is None else table.trust)
        self._go.disabled = not going and not self._masks_something()
        self._go.description = (WORDS["step several"].format(n=len(going)) if len(going) > 1 else
                                WORDS["step"])
        told = self._how_masked() if self.desk.masking else self._why_not(previews) or self._estimate()
        self._note.value = span("quiet", told, told)

    def worked(self) -> None:
        self.previewed()  # the latency or the sensitivity may be known now

    def _estimate(self) -> str:
        previews, known = self.desk.previews, sensed(self.lab, self.desk.criterion)
        if previews is None or known is None:
            return ""
        told = estimate_text(known, self.lab, previews)
        cure = self.desk.choices
        return WORDS["before"].format(estimate=told) if told and (cure.repair or cure.epochs) else told

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
        if self.desk.masking is not None:
            self.desk.do(actions.in_place(self.desk.masking, self.desk.choices.cure))
            return
        going, ratio, cure = self._going(), self.desk.ratio, self.desk.choices.cure
        one = len(going) == 1
        self.desk.do(actions.step(going[0], ratio, cure) if one else
                     actions.cut_several(dict.fromkeys(going, ratio), cure))

    # weights that are masked in their place

    def _masked(self) -> str:
        now, then, masking = self.lab.plan, self.desk.masked, self.desk.masking
        assert then is not None
        assert masking is not None
        return masked_html(CHOICES[self.desk.choices.pieces], counts(then, masking), now.cost, then.cost)

    def _masks_something(self) -> bool:
        masked, masking = self.desk.masked, self.desk.masking
        return (masked is not None and masking is not None and masked.groups != self.lab.plan.groups
                and counts(masked, masking)[0] > 0)

    def _how_masked(self) -> str:
        masking = self.desk.masking
        if masking is not None and masking.start is not None:
            return WORDS["from"].format(state=masking.start)
        return "" if self._masks_something() else WORDS["no piece"]

    def _told(self) -> str:
        group, layers = self.desk.group, self.desk.layers
        if group is None:
            return f'<div class="pl-field">{span("quiet", WORDS["no groups"])}</div>'
        if len(layers) > 1:
            return _field(WORDS["layers"], layers, counted(len(layers), WORDS["layer"]), ", ".join(layers))
        tied = [layer for layer in dict.fromkeys(layer_of(m.parameter) for m in group.members) if layer != group.name]
        beside = WORDS["tied"].format(layers=_some(tied)) if tied else ""
        told = WORDS["units"].format(units=group.units, unit=group.granularity, tied=beside)
        told = WORDS["frozen"].format(reason=group.reason) if group.reason else told
        return _field(WORDS["layer"], [group.name, *tied], group.name, told)

    def _why_not(self, previews: Previews | None) -> str:
        if previews is None:
            return self.desk.unseen or ("" if self.desk.problem else WORDS["nothing"])
        still = [one for one in previews.layers if not one.new]
        if len(previews.layers) > 1:
            return WORDS["some stay"].format(n=len(still)) if still else ""
        if not still:
            return self.desk.unseen
        gone = len(still[0].removed)
        return WORDS["gone"].format(gone=gone, units=still[0].units) if gone else WORDS["no unit"]


def _some(layers: Sequence[str]) -> str:
    shown = ", ".join(layers[:_N_TIED])
    return WORDS["more"].format(layers=shown, n=len(layers) - _N_TIED) if len(layers) > _N_TIED else shown


def _field(name: str, everything: Sequence[str], short: str, told: str) -> str:
    return (f'<div class="pl-name">{name}</div><div class="pl-field" title="{escape(", ".join(everything))}">'
            f"<b>{ends(short)}</b> {span('quiet', f'· {told}')}</div>")
