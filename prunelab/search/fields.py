"""The fields of a space beside its ratios, each with what its values are checked by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from prunelab.criteria import CRITERIA
from prunelab.errors import OptionError, check_positive, check_ratio, check_whole, shown, unknown_name
from prunelab.evaluate.eight_bits import QUANTIZATIONS
from prunelab.graph.removals import GRANULARITIES, PATTERNS
from prunelab.graph.sparse import Pattern
from prunelab.plan.scopes import SCOPES
from prunelab.search.variables import Among, Between, Plain, Variable
from prunelab.train import OPTIMIZERS

TARGETS = ("sparsity", "macs", "params")

# a value, the field's name, names of the user's own -> an error where it cannot be
Check = Callable[[Any, str, Mapping[str, Any]], object]


def ends(value: Variable | Plain) -> tuple[Any, ...]:
    """All values, or the ends between which they are; none where nothing is asked."""
    if isinstance(value, Between):
        return (int(value.low), int(value.high)) if value.whole else (value.low, value.high)
    return value.choices if isinstance(value, Among) else () if value is None else (value,)


def _known(table: Iterable[str]) -> Check:
    names = list(table)

    def check(value: Any, place: str, own: Mapping[str, Any]) -> None:
        if value not in names and value not in own:
            raise unknown_name(place, value, [*names, *own])

    return check


def _granularity(value: Any, place: str, own: Mapping[str, Any]) -> None:
    if value not in GRANULARITIES and (not isinstance(value, str) or Pattern.parse(value) is None):
        raise unknown_name(place, value, [*GRANULARITIES, *PATTERNS])
    if value == "layer":
        raise OptionError("granularity 'layer' takes whole branches and has no ratio a group; leave it out of a space")


def _switch(value: Any, place: str, own: Mapping[str, Any]) -> None:
    if not isinstance(value, bool):
        raise OptionError(f"{place} is {shown(value)}; give True, False or both in a list")


def _words(value: Any, place: str, own: Mapping[str, Any]) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not (
            0 <= value < 1 or (value >= 2 and value == int(value))):
        raise OptionError(f"{place} is {shown(value)}; give the fraction of the words that go, in [0, 1), or how many "
                          "stay, such as 500")


# field -> what each of its values is checked by
CHECKS: Mapping[str, Check] = {
    "sparsity": lambda value, place, own: check_ratio(value, place=place),
    "macs": lambda value, place, own: check_ratio(value, place=place),
    "params": lambda value, place, own: check_ratio(value, place=place),
    "criterion": _known(CRITERIA),
    "scope": _known(SCOPES),
    "granularity": _granularity,
    "round_to": lambda value, place, own: check_whole(value, place, 1),
    "clusters": lambda value, place, own: check_positive(value, place),
    "spatial": lambda value, place, own: check_ratio(value, place=place),
    "vocabulary": _words,
    "sentences": lambda value, place, own: value is None or check_whole(value, place, 1),
    "repair": _switch,
    "epochs": lambda value, place, own: check_whole(value, place),
    "lr": lambda value, place, own: check_positive(value, place),
    "optimizer": _known(OPTIMIZERS),
    "quantization": _known(QUANTIZATIONS),
}
VARYING = tuple(CHECKS)
WHOLE = ("round_to", "epochs", "sentences")
