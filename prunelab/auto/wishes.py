"""`Wishes`: a search space given as a dict, read and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prunelab.auto.keys import check_keys
from prunelab.criteria import CRITERIA
from prunelab.errors import OptionError, check_positive, check_ratio, check_seed, check_whole, shown, unknown_name
from prunelab.evaluate.eight_bits import QUANTIZATIONS
from prunelab.search import SAMPLERS
from prunelab.search.constraints import read_constraints

OF = ("params", "macs")
# criteria -> the objective of a search; performance is the model's own metric
CRITERION_OF = {"performance": None, "params": "params", "macs": "macs", "latency": "latency_ms", "size": "size_bytes",
                "energy": "energy"}
_MOST = 0.95  # of a group's units


@dataclass(frozen=True)
class Strategy:
    """One way to choose what goes."""

    name: str
    criteria: tuple[str, ...]
    criterion: str


@dataclass(frozen=True)
class Part:
    """Some groups of the network, and how much of each goes: from ``low`` to ``high``, both included."""

    op_types: tuple[str, ...]
    names: tuple[str, ...]
    low: float
    high: float


@dataclass(frozen=True)
class Wishes:
    """What is asked for; `prunelab.auto.keys` says what each key means."""

    total_ratio: float | None
    of: str
    quantization: tuple[str, ...]
    max_lost: float | None
    strategies: tuple[Strategy, ...]
    options: Mapping[str, Any]
    parts: tuple[Part, ...]
    sampler: str
    trials: int
    seed: int
    samples: int | None
    constraints: tuple[str, ...]
    repaired_trials: bool
    trial_epochs: int
    epochs: int
    lr: float | None
    repair: bool

    @classmethod
    def of_dict(cls, space: Any) -> Wishes:
        """Read a dict.

        Raises:
            OptionError: a value that cannot be; its place is named.
            UnknownNameError: a key, criterion, sampler or kind nobody knows.
        """
        given = check_keys(space)
        sparsity, quantization = given.get("sparsity", {}), given.get("quantization", {})
        search, finetune = given.get("search", {}), given.get("finetune", {})
        total = sparsity.get("total_ratio")
        place = "search_space['{}']['{}']".format
        return cls(
            None if total is None else check_ratio(total, place=place("sparsity", "total_ratio")),
            _one_of(sparsity.get("of", "params"), OF, place("sparsity", "of")),
            _quantization(quantization.get("type", "none")),
            _optional(check_positive, quantization.get("max_lost"), place("quantization", "max_lost")),
            _strategies(given.get("prune", [{}])), _options(given.get("prune", [])),
            tuple(_part(p, f"search_space['structure'][{k}]") for k, p in enumerate(given.get("structure", []))),
            _one_of(search.get("sampler", "annealing"), SAMPLERS, place("search", "sampler")),
            check_whole(search.get("trials", 30), place("search", "trials"), 1),
            check_seed(search.get("seed", 0), place("search", "seed")),
            _optional(lambda v, p: check_whole(v, p, 1), search.get("samples"), place("search", "samples")),
            _constraints(search.get("constraints", ())),
            _switch(search.get("repair", False), place("search", "repair")),
            check_whole(search.get("epochs", 0), place("search", "epochs")),
            check_whole(finetune.get("epochs", 0), place("finetune", "epochs")),
            _optional(check_positive, finetune.get("lr"), place("finetune", "lr")),
            _switch(finetune.get("repair", True), place("finetune", "repair")))

    @property
    def objectives(self) -> tuple[str | None, ...]:
        """What trials are judged by, each once; None for the model's own metric. What is to be small is one of them
        where nothing says how small."""
        asked = [CRITERION_OF[c] for s in self.strategies for c in s.criteria]
        if self.total_ratio is None and asked == [None] * len(asked) and not self.constraints:
            asked.append("params")
        if len(self.quantization) > 1 and "size_bytes" not in asked:
            asked.append("size_bytes")
        return tuple(dict.fromkeys(asked))

    @property
    def limits(self) -> tuple[str, ...]:
        """The constraints in a search's words."""
        total = () if self.total_ratio is None else (f"{self.of} <= {100 * (1 - self.total_ratio):.10g} %",)
        return (*total, *self.constraints)

    def strategy_of(self, criterion: str) -> Strategy:
        """The strategy that has this criterion."""
        return next(s for s in self.strategies if s.criterion == criterion)


def _strategies(entries: Sequence[Mapping[str, Any]]) -> tuple[Strategy, ...]:
    found = []
    for k, entry in enumerate(entries):
        place = f"search_space['prune'][{k}]"
        criterion = _one_of(entry.get("params", {}).get("pruning_strategy", "l1_weight"), CRITERIA,
                            f"{place}['params']['pruning_strategy']")
        criteria = _texts(entry.get("criteria", "performance"))
        for name in criteria:
            _one_of(name, CRITERION_OF, f"{place}['criteria']")
        found.append(Strategy(str(entry.get("name", criterion)), criteria, criterion))
    names = [s.criterion for s in found]
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice is not None:
        raise OptionError(f"search_space['prune'] has the pruning_strategy '{twice}' twice; give each once")
    if not found:
        raise OptionError("search_space['prune'] is empty; give at least one strategy, or leave it out")
    return tuple(found)


def _options(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What else strategies say: the same for all of them."""
    out: dict[str, Any] = {}
    for k, entry in enumerate(entries):
        for key, value in entry.get("params", {}).items():
            if key != "pruning_strategy" and out.setdefault(key, value) != value:
                raise OptionError(f"search_space['prune'][{k}]['params'] has {key} {shown(value)}, and another "
                                  f"strategy {shown(out[key])}; give all the same")
    if out.get("granularity") == "spatial":
        raise OptionError("search_space['prune'] has granularity 'spatial', a region of the inputs, which no weights "
                          "can hold; search for it by pl.search(model, data, pl.space(spatial=(0.0, 0.5))), and take "
                          "study.model(trial)")
    return out


def _part(entry: Mapping[str, Any], place: str) -> Part:
    share = dict(entry.get("sparsity", {}))
    if len(share) != 1:
        raise OptionError(f"{place}['sparsity'] has {', '.join(share) or 'nothing'}; give one of target_sparsity, "
                          "range and ratio")
    (key, value), = share.items()
    where = f"{place}['sparsity']['{key}']"
    if key == "range":
        if not isinstance(value, (list, tuple)) or len(value) != 2:
            raise OptionError(f"{where} is {shown(value)}; give two fractions, [low, high]")
        low, high = (check_ratio(v, place=where) for v in value)
    else:
        asked = check_ratio(value, place=where)
        low, high = (asked, asked) if key == "ratio" else (asked / 2, min(1.5 * asked, _MOST))
    if low > high:
        raise OptionError(f"{where} is {shown(value)}; the lower end comes first")
    op_types, names = (_texts(entry.get(name, ())) for name in ("op_types", "names"))
    if not op_types and not names:
        raise OptionError(f"{place} says of nothing how sparse it is to be; give op_types, such as ['default'], or "
                          "names")
    return Part(op_types, names, low, high)


def _quantization(given: Any) -> tuple[str, ...]:
    kinds = _texts(given)
    for kind in kinds:
        _one_of(kind, QUANTIZATIONS, "search_space['quantization']['type']")
    return kinds or ("none",)


def _texts(given: Any) -> tuple[str, ...]:
    if isinstance(given, str):
        return (given,)
    if not isinstance(given, (list, tuple)) or not all(isinstance(v, str) for v in given):
        raise OptionError(f"{shown(given)} is given where names are wanted; give one, or several in a list")
    return tuple(given)


def _constraints(given: Any) -> tuple[str, ...]:
    texts = _texts(given)
    try:
        read_constraints(texts)
    except OptionError as error:
        raise OptionError(f"search_space['search']['constraints']: {error}") from error
    return texts


def _one_of(value: Any, names: Any, place: str) -> str:
    if value not in names:
        raise unknown_name("value", value, names, place=place)
    return str(value)


def _switch(value: Any, place: str) -> bool:
    if not isinstance(value, bool):
        raise OptionError(f"{place} is {shown(value)}; give True or False")
    return value


def _optional(check: Any, value: Any, place: str) -> Any:
    return None if value is None else check(value, place)
