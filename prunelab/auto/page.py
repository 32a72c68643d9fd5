"""Pictures of a compression on one page: shown in a notebook, or written as one HTML file that needs nothing else."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunelab.errors import OptionError, unknown_name
from prunelab.evaluate import sensitivity
from prunelab.graph import trace

if TYPE_CHECKING:
    from prunelab.auto.auto import AutoCompression

NAME = "autocompression.html"
_RATIOS = (0.2, 0.4, 0.6, 0.8)
_MASKS = 8  # pictures of layers: those that lose most


@dataclass(frozen=True)
class Page:
    """Sections of a title and HTML; ``path`` is the file they were written to, if any."""

    title: str
    sections: tuple[tuple[str, str], ...]
    path: Path | None = None

    def _repr_html_(self) -> str:
        return "".join(f"<h3>{escape(title)}</h3>{body}" for title, body in self.sections)

    def __repr__(self) -> str:
        told = ", ".join(title for title, _ in self.sections)
        return f"{self.title}: {told}" + (f", in {self.path}" if self.path is not None else "")

    def save(self, path: str | Path) -> Path:
        """Write one HTML file.

        Raises:
            OptionError: a place that cannot be written.
        """
        target = Path(path)
        text = (f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{escape(self.title)}</title><style>"
                "body{font-family:system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
                f"</style></head><body><h2>{escape(self.title)}</h2>{self._repr_html_()}</body></html>\n")
        try:
            target.write_text(text, encoding="utf-8")
        except OSError as error:
            raise OptionError(f"the page cannot be written to '{target}': {error.strerror}; give path=, a file in a "
                              "folder that exists") from error
        return target


def open_page(auto: AutoCompression, plots: Sequence[str], path: Path | None) -> Page:
    """The pictures, on a page; written where a path is given, or where nobody would see it otherwise.

    Raises:
        UnknownNameError: a picture nobody knows.
        OptionError: one that shows what is not found yet.
    """
    for plot in plots:
        if not isinstance(plot, str) or plot not in PLOTS:
            raise unknown_name("plot_type", plot, PLOTS, place="visualize")
    if not plots:
        raise OptionError(f"plot_type is empty; give some of {', '.join(PLOTS)}")
    page = Page(f"AutoCompression of {type(auto.lab.model).__name__}", tuple((p, PLOTS[p](auto)) for p in plots))
    target = path if path is not None else None if _in_notebook() else Path(NAME)
    return page if target is None else Page(page.title, page.sections, page.save(target))


def _in_notebook() -> bool:
    """Whether a cell is running: IPython puts a function of that name among the builtins while it does."""
    return "IPython" in sys.modules and hasattr(builtins, "get_ipython")


def _graph(auto: AutoCompression) -> str:
    return str(auto.lab.graph._repr_html_())


def _curves(auto: AutoCompression) -> str:
    auto._check_fitted("the plot 'curves'")
    return str(auto.lab.curves()._repr_html_())


def _front(auto: AutoCompression) -> str:
    auto._check_fitted("the plot 'front'")
    if auto.study is None:
        raise OptionError("the plot 'front' shows trials, and nothing varied in this search space; leave it out")
    return str(auto.study._repr_html_())


def _masks(auto: AutoCompression) -> str:
    auto._check_fitted("the plot 'masks'")
    cut = sorted((g for g in auto.lab.plan.groups if g.n_removed), key=lambda g: -g.n_removed)[:_MASKS]
    return "".join(str(auto.lab.masks(g.name)._repr_html_()) for g in cut) or "<p>nothing was cut</p>"


def _sensitivity(auto: AutoCompression) -> str:
    """Of the dense model, also where the Lab is in a cut state: what was chosen is understood by it."""
    lab = auto.lab
    if not lab.plan:
        return str(lab.sensitivity(confidence=0.9, ratios=_RATIOS)._repr_html_())
    dense = trace(lab._bench.dense(lab.states[0]), list(lab.graph.input_specs))
    return str(sensitivity(dense, auto._data, metric=auto._metric, loss=lab._task.loss, criterion=lab.criterion,
                           confidence=0.9, ratios=_RATIOS, seed=auto.wishes.seed)._repr_html_())


def _plan(auto: AutoCompression) -> str:
    auto._check_fitted("the plot 'plan'")
    return str(auto.lab.plan._repr_html_())


PLOTS: Mapping[str, Callable[[Any], str]] = {
    "graph": _graph,
    "curves": _curves,
    "front": _front,
    "masks": _masks,
    "sensitivity": _sensitivity,
    "plan": _plan,
}
