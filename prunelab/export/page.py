"""``report.html``: the exported folder for a person who opens it in a browser; from the manifest and the plan alone."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from prunelab.render.numbers import change, count, milliseconds, number, percent, size
from prunelab.render.page import Cell, Section, chips, code, facts, page, table
from prunelab.render.strip import Strip

if TYPE_CHECKING:
    from prunelab.plan import Plan

NAME = "report.html"
_ABSENT = Cell("–", -1.0)


def export_page(told: Mapping[str, Any], plan: Plan | None) -> str:
    """The page."""
    sections = [Section("files", "Files", _files(told))]
    if any(f["validation"] for f in told["formats"].values()):
        sections.append(Section("validation", "On validation data", _validation(told)))
    if plan is not None and any(g.n_removed for g in plan.groups):
        sections.append(Section("layers", "What was cut", _layers(plan)))
    sections.append(Section("verify", "Verify", _verify(told)))
    return page(f"{told['model']}, exported", f'<p class="lead">{escape(_summary(told, plan))}</p>{_chips(told, plan)}',
                sections, f"Written by prunelab {told['versions']['prunelab']} on {told['created'][:10]}.")


def _summary(told: Mapping[str, Any], plan: Plan | None) -> str:
    n = len(told["formats"])
    formats = f"{told['model']} in {n} format{'s' if n != 1 else ''}: {', '.join(told['formats'])}."
    if plan is None:
        return formats
    return (f"{formats} It was pruned from {count(plan.dense_cost.params)} to {count(plan.cost.params)} parameters "
            f"({change(plan.cost.params, plan.dense_cost.params)}).")


def _chips(told: Mapping[str, Any], plan: Plan | None) -> str:
    shown = []
    if plan is not None:
        for name, new, old in (("parameters", plan.cost.params, plan.dense_cost.params),
                               ("MACs a sample", plan.cost.macs, plan.dense_cost.macs)):
            shown.append((name, count(new), change(new, old), f"dense {count(old)}"))
    for name, f in list(told["formats"].items())[:3]:
        if f["latency"]:
            ms = f["latency"]["median_ms"]
            dense_ms = ((f["dense"] or {}).get("latency") or {}).get("median_ms")
            moved = ("", "") if dense_ms is None else (change(ms, dense_ms), f"dense {milliseconds(dense_ms)}")
            shown.append((f"latency, {name}", milliseconds(ms), *moved))
    return chips(shown) if shown else ""


def _files(told: Mapping[str, Any]) -> str:
    rows = [_format(name, f, told) for name, f in told["formats"].items()]
    headers = ["format", "files", "size", "dense", "latency", "dense", "largest error"]
    threads = told["options"]["threads"]
    note = (f"Latency: the median of single calls on {threads} thread{'s' if threads != 1 else ''} of "
            f"{told['machine']['system']}, {told['machine']['processor']}, the dense model's in turn with it. Error: "
            "the largest relative one of the outputs, beside the model's own in Paddle.")
    notes = [f"{name}: {text}" for name, f in told["formats"].items() for text in f["notes"]]
    more = "".join(f"<p>{escape(text)}</p>" for text in notes)
    return f'{table(headers, rows, sorts=True)}<p class="quiet">{escape(note)}</p>{more}'


def _format(name: str, f: Mapping[str, Any], told: Mapping[str, Any]) -> list[Cell]:
    dense = f["dense"] or {}
    files = ", ".join(file["path"] for file in told["files"] if file["format"] == name)
    error = f["parity"] and f["parity"]["max_relative_error"]
    return [Cell(name), Cell(files), Cell(size(f["size_bytes"]), f["size_bytes"]), _size(dense.get("size_bytes")),
            _ms(f["latency"]), _ms(dense.get("latency")),
            Cell("not compared") if error is None else Cell(number(error), error)]


def _size(n: int | None) -> Cell:
    return _ABSENT if n is None else Cell(size(n), n)


def _ms(latency: Mapping[str, Any] | None) -> Cell:
    return Cell(milliseconds(latency["median_ms"]), latency["median_ms"]) if latency else _ABSENT


def _validation(told: Mapping[str, Any]) -> str:
    judged = {name: f["validation"] for name, f in told["formats"].items() if f["validation"]}
    names = list(next(iter(judged.values()))["metrics"])
    rows = [[Cell(name), Cell(f"{v['n_samples']:,}", v["n_samples"]),
             _ABSENT if v["same_class"] is None else Cell(percent(v["same_class"], 2), v["same_class"]),
             *(_metric(v, name, of) for name in names for of in ("file", "model"))] for name, v in judged.items()]
    return table(["format", "samples", "same class", *(text for n in names for text in (n, f"{n}, in Paddle"))], rows)


def _metric(judged: Mapping[str, Any], name: str, of: str) -> Cell:
    value = judged["metrics"][name][of]
    return Cell(percent(value) if name == "accuracy" else number(value, 4), value)


def _layers(plan: Plan) -> str:
    groups = [g for g in plan.groups if g.n_removed and hasattr(g, "renumbered")]
    strips = "".join(_strip(g) for g in groups)
    legend = ('<p class="legend"><i class="key" style="background:var(--teal)"></i>stays '
              '<i class="key" style="background:var(--orange)"></i>is gone</p>')
    text = f"<p>{len([g for g in plan.groups if g.n_removed])} of {len(plan.groups)} layers lost units.</p>"
    return f'{text}{legend}<div class="strips" data-filter="Filter layers">{strips}</div>'


def _strip(group: Any) -> str:
    strip = Strip(group.name, group.granularity, np.where(group.renumbered < 0, 0, -1), ("the plan",))
    told = f"{group.units - group.n_removed:,} of {group.units:,} {group.granularity}s left"
    return (f'<div class="strip" data-name="{escape(group.name)}"><div class="name">{escape(group.name)}'
            f"<span>{escape(told)}</span></div>{strip.to_svg()}</div>")


def _verify(told: Mapping[str, Any]) -> str:
    versions = [(name, str(value or "not installed")) for name, value in told["versions"].items()]
    commands = code("\n".join(told["commands"]))
    return ("<p>manifest.json has the hash of every file, and all numbers of this page. MODEL_CARD.md says how each "
            f"file is used. These commands repeat the numbers elsewhere:</p>{commands}{facts(versions)}")
