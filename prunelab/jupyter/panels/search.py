"""The search: plans that are tried, as they are tried; the front that nobody beats; one of them adopted."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets

from prunelab.jupyter.panels import actions
from prunelab.jupyter.panels.desk import Desk
from prunelab.jupyter.panels.front import FrontChart
from prunelab.jupyter.panels.parallel import ParallelCoordinates, n_shown, told
from prunelab.jupyter.panels.part import Part, box, html, span
from prunelab.jupyter.panels.shy import Shy
from prunelab.jupyter.words import SEARCH as WORDS
from prunelab.lab import Progress
from prunelab.render.numbers import counted
from prunelab.search import SAMPLERS, Study, Trial
from prunelab.search.objectives import COSTS

_FRONT, _PARALLEL = WORDS["front"], WORDS["parallel"]


class Search(Part):
    """Trials as they finish: the front, and parallel coordinates; a click picks a trial, which can be adopted."""

    title, place, asks_for_work = WORDS["title"], "view", True

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        metrics = list(self.lab.state.metrics)
        self._sampler = widgets.Dropdown(options=list(SAMPLERS), description=WORDS["sampler"],
                                         tooltip=WORDS["sampler hint"])
        self._metric = widgets.Dropdown(options=metrics, description=WORDS["metric"], tooltip=WORDS["metric hint"])
        self._cost = widgets.Dropdown(options=[(WORDS[name], name) for name in COSTS], description=WORDS["cost"],
                                      tooltip=WORDS["cost hint"])
        self._trials = widgets.BoundedIntText(50, min=1, max=10_000, description=WORDS["trials"],
                                              tooltip=WORDS["trials hint"])
        self._within = widgets.Text(description=WORDS["within"], placeholder=WORDS["within example"],
                                    tooltip=WORDS["within hint"], continuous_update=True)
        self._go = widgets.Button(description=WORDS["search"], button_style="primary", tooltip=WORDS["search hint"])
        self._what = widgets.ToggleButtons(options=[_FRONT, _PARALLEL],
                                           tooltips=[WORDS["front hint"], WORDS["parallel hint"]])
        self._told, self._empty, self._caption = html("note"), html("search-empty"), html("note")
        self.front, self.parallel = FrontChart(self.pick), ParallelCoordinates()
        self._shy = Shy(self.front.figure)
        self._best = widgets.Dropdown(description=WORDS["trial"], tooltip=WORDS["trial hint"])
        self._adopt = widgets.Button(description=WORDS["adopt"], tooltip=WORDS["adopt hint"])
        self._picked: int | None = None  # by a person; before that the knee is shown
        self._shown: int | None = None
        self._filling = False
        self._hear()
        self._results = box("search-results", box("row", self._caption, self._what), self._shy, self.parallel,
                            box("row adopt", self._best, self._told, self._adopt), vertical=True)
        self.widget = box("search", box("row", self._sampler, self._metric, self._cost, self._trials),
                          box("row", self._within, self._go), self._empty, self._results, vertical=True)

    def _hear(self) -> None:
        self._go.on_click(lambda _: self.desk.do(actions.search(
            self._sampler.value, [self._metric.value, self._cost.value], self._trials.value, self._constraints())))
        self._adopt.on_click(lambda _: self.desk.do(actions.adopt(self._shown)) if self._shown is not None else None)
        self._best.observe(lambda change: self._listed(change["new"]), "value")
        self._what.observe(lambda _: self._look(), "value")
        self.parallel.on_msg(lambda _, content, buffers: self.pick(int(content["pick"])))

    def _constraints(self) -> list[str]:
        return [told for part in self._within.value.split(",") if (told := part.strip())]

    # news

    def changed(self) -> None:
        self._look()

    def progressed(self, progress: Progress) -> None:
        if self._searching:
            self._look()

    def worked(self) -> None:
        self._look()

    def still(self) -> Any:
        return self.lab.study if self.lab.study is not None and len(self.lab.study) else None

    # looking

    @property
    def _searching(self) -> bool:
        return self.lab.working.startswith("search")

    def _look(self) -> None:
        study = self.lab.study
        trials = [] if study is None else [trial for trial in study
                                           if all(o.name in trial.values for o in study.objectives)]
        self._go.disabled = self._searching or not self.lab.state.metrics or not self.lab.graph.prunable
        self._empty.layout.display = None if not trials else "none"
        self._results.layout.display = None if trials else "none"
        self._empty.value = span("quiet", WORDS["empty" if self.lab.state.metrics else "no data"])
        if study is not None and trials:
            self._show(study, trials)

    def _show(self, study: Study, trials: list[Trial]) -> None:
        front = study.front_trials
        chosen = next((trial for trial in trials if trial.number == self._picked), study.knee() if front else None)
        self._shown = None if chosen is None else chosen.number
        parallel = self._what.value == _PARALLEL
        self._shy.layout.display = "none" if parallel else None
        self.parallel.layout.display = None if parallel else "none"
        (self.parallel if parallel else self.front).show(study, trials, front, chosen)
        caption = WORDS["caption"].format(trials=counted(len(study), "trial"), sampler=study.sampler, front=len(front))
        shown, there = n_shown(study)
        if parallel and shown < there:
            caption = WORDS["some choices"].format(shown=shown, there=there, metric=study.objectives[0].name)
        self._caption.value = span("quiet", caption, caption)
        self._list(study, front, chosen)
        self._told.value = "" if chosen is None else span("quiet", told(study, chosen), told(study, chosen))
        self._adopt.disabled = chosen is None or chosen.made is None

    def _list(self, study: Study, front: list[Trial], chosen: Trial | None) -> None:
        """The front's trials by name: what is clicked in the pictures can be had by the keys, too."""
        listed = list(front) if chosen is None or chosen in front else [chosen, *front]
        self._filling = True
        try:
            self._best.options = [(WORDS["listed"].format(number=trial.number, value=study.objectives[0].text(
                trial.values[study.objectives[0].name])), trial.number) for trial in listed]
            self._best.value = None if chosen is None else chosen.number
        finally:
            self._filling = False

    def _listed(self, number: int | None) -> None:
        if number is not None and not self._filling:
            self.pick(number)

    def pick(self, number: int) -> None:
        """Look at a trial."""
        self._picked = number
        self._look()
