"""What a cut would do, as four numbers: units, params, MACs, and the latency where it was measured."""

from __future__ import annotations

from html import escape

from prunelab.graph import Cost
from prunelab.jupyter.panels.part import span
from prunelab.jupyter.words import FORECAST as WORDS
from prunelab.lab import Previews
from prunelab.render.numbers import change, count, milliseconds, number

_NAMES = tuple(WORDS[name] for name in ("units", "params", "macs", "latency"))


def stats_html(previews: Previews | None, latency: tuple[float, float] | None, trust: str = "") -> str:
    """The units that would be gone, and what params, MACs and ``latency`` (before, after, in ms) would change by;
    ``trust`` says how far the latency may be off."""
    if previews is None:
        return "".join(_stat(name, "–", "") for name in _NAMES)
    now, then = previews.before, previews.cost
    removed = sum(len(one.removed) for one in previews.layers)
    new, units = sum(len(one.new) for one in previews.layers), sum(one.units for one in previews.layers)
    return "".join([
        _stat(WORDS["units"], WORDS["of"].format(n=removed, units=units), f"+{new}" if new else ""),
        _difference(WORDS["params"], then.params, now.params),
        _difference(WORDS["macs"], then.macs, now.macs),
        _timed(latency, trust),
    ])


def masked_html(name: str, masked: tuple[int, int], now: Cost, then: Cost) -> str:
    """How many pieces, called ``name``, would be masked, of how many, and what of the weights is not zero then."""
    n, units = masked
    return "".join([
        _stat(name, WORDS["of"].format(n=n, units=units), ""),
        _difference(WORDS["nonzero"], then.nonzero, now.nonzero),
        _stat(WORDS["macs"], "±0", WORDS["shapes stay"]),
        _stat(WORDS["latency"], "±0", WORDS["shapes stay"]),
    ])


def _difference(name: str, then: int, now: int) -> str:
    return _stat(name, count(then - now), told_change(then, now)) if then != now else _stat(name, "±0", "")


def _timed(latency: tuple[float, float] | None, trust: str) -> str:
    if latency is None:
        return _stat(WORDS["latency"], "–", WORDS["not timed"], WORDS["not timed hint"])
    now, then = latency
    told = f"{number(then - now, 2)} ms" if then != now else "±0"  # an estimate has no third digit
    hint = WORDS["timed hint"].format(then=milliseconds(then), now=milliseconds(now))
    return _stat(WORDS["latency"], told, told_change(then, now) if then != now else "",
                 f"{hint}; {trust}" if trust else hint)


def told_change(then: float, now: float) -> str:
    """How much less or more, in percent; with a digit where it is below one."""
    return change(then, now, 1 if now and abs(then / now - 1) < 0.01 else 0)


def _stat(name: str, value: str, below: str, title: str = "") -> str:
    return (f'<div class="pl-stat" title="{escape(title)}">{span("quiet", name)}<b>{escape(value)}</b>'
            f'{span("quiet", below)}</div>')
