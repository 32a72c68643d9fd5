"""What a cut would do, as four numbers: units, params, MACs, and the latency where it was measured."""

from __future__ import annotations

from html import escape

from prunelab.jupyter.panels.part import span
from prunelab.lab import Previews
from prunelab.render.numbers import change, count, milliseconds, number

_NAMES = ("units cut", "params", "MACs", "latency")
_NOT_TIMED = "not measured on this machine: Measure latency is in the header"


def stats_html(previews: Previews | None, latency: tuple[float, float] | None, trust: str = "") -> str:
    """The units that would be gone, and what params, MACs and ``latency`` (before, after, in ms) would change by;
    ``trust`` says how far the latency may be off."""
    if previews is None:
        return "".join(_stat(name, "–", "") for name in _NAMES)
    now, then = previews.before, previews.cost
    removed = sum(len(one.removed) for one in previews.layers)
    new, units = sum(len(one.new) for one in previews.layers), sum(one.units for one in previews.layers)
    return "".join([
        _stat("units cut", f"{removed} of {units}", f"+{new}" if new else ""),
        _difference("params", then.params, now.params),
        _difference("MACs", then.macs, now.macs),
        _timed(latency, trust),
    ])


def _difference(name: str, then: int, now: int) -> str:
    return _stat(name, count(then - now), told_change(then, now)) if then != now else _stat(name, "±0", "")


def _timed(latency: tuple[float, float] | None, trust: str) -> str:
    if latency is None:
        return _stat("latency", "–", "not timed", _NOT_TIMED)
    now, then = latency
    told = f"{number(then - now, 2)} ms" if then != now else "±0"  # an estimate has no third digit
    return _stat("latency", told, told_change(then, now) if then != now else "",
                 f"estimated from operators at batch 1: {milliseconds(then)} instead of {milliseconds(now)}"
                 f"{'; ' * bool(trust)}{trust}")


def told_change(then: float, now: float) -> str:
    """How much less or more, in percent; with a digit where it is below one."""
    return change(then, now, 1 if now and abs(then / now - 1) < 0.01 else 0)


def _stat(name: str, value: str, below: str, title: str = "") -> str:
    return (f'<div class="pl-stat" title="{escape(title)}">{span("quiet", name)}<b>{escape(value)}</b>'
            f'{span("quiet", below)}</div>')
