"""Two states side by side, as three tables next to each other: numbers, layers, weights."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from prunelab.jupyter.words import COMPARISON as WORDS
from prunelab.lab.comparison import Comparison
from prunelab.lab.state import State, metric_text
from prunelab.render.numbers import change, count, number, signed

_MOST = 12  # rows of layers and of weights; `lab.compare` has all of them


def comparison_html(found: Comparison) -> str:
    """The tables; what two states have in common is said in words."""
    a, b = found.a, found.b
    layers = [[row.name, f"{row.cut_a}/{row.units}", f"{row.cut_b}/{row.units}"] for row in found.layers]
    far = sorted(found.weights.items(), key=lambda item: -item[1])
    weights = [[name, number(distance)] for name, distance in far]
    predictions = "" if found.predictions is None else f'<p class="pl-quiet">{escape(str(found.predictions))}</p>'
    cut_in = [WORDS["cut in"].format(state=state.id) for state in (a, b)]
    return "".join([
        _table([WORDS["numbers"], a.id, b.id, WORDS["change"]], _numbers(found), "", predictions),
        _table([WORDS["layers"], *cut_in], layers, WORDS["alike"]),
        _table([WORDS["weights"], WORDS["distance"]], weights, found.why_no_weights or WORDS["same weights"]),
    ])


def _numbers(found: Comparison) -> Iterable[list[str]]:
    for name, (a, b) in found.metrics.items():
        told = ["–" if value is None else metric_text(name, value) for value in (a, b)]
        yield [name, *told, "–" if a is None or b is None else _moved(name, b - a)]
    for name, cost in ((WORDS["params"], _params), (WORDS["macs"], _macs)):
        old, new = cost(found.a), cost(found.b)
        yield [name, count(old), count(new), change(new, old) or "–"]


def _params(state: State) -> int:
    return state.cost.params


def _macs(state: State) -> int:
    return state.cost.macs


def _moved(name: str, difference: float) -> str:
    if not difference:
        return "±0"
    return signed(f"{100 * difference:+.1f}" if name == "accuracy" else f"{difference:+.3g}")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], nothing: str, below: str = "") -> str:
    rows = list(rows)
    if not rows:
        return f'<div><b>{escape(head[0])}</b><p class="pl-quiet">{escape(nothing)}</p>{below}</div>'
    heads = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows[:_MOST])
    more = f'<p class="pl-quiet">{WORDS["more"].format(n=len(rows) - _MOST)}</p>' if len(rows) > _MOST else ""
    return f"<div><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>{more}{below}</div>"


def _cell(text: str) -> str:
    return f'<td title="{escape(text)}">{escape(text)}</td>'
