"""From measured losses and costs to the ratios that lose least within a budget: a mixed-integer programme.

Each group takes one of a few levels. The loss of a plan is the sum of its groups' measured losses; its cost is a sum of
terms, each of the levels of one or two groups (a convolution costs its inputs times its outputs), which become exact
linear constraints. HiGHS solves it (through `scipy.optimize.milp`) and proves how near the best it is.

The idea is NVIDIA Model Optimizer's Puzzletron (Bercovich et al.: Puzzle: Distillation-Based NAS for
Inference-Optimized LLMs, 2024, arXiv:2411.19146), there for blocks of transformers, here for the groups of any network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from prunelab.errors import OptionError
from prunelab.plan.allocation import Array, Clock, Field, Limits, n_removed
from prunelab.plan.bearable import Losses, checked, curve
from prunelab.render.numbers import percent

if TYPE_CHECKING:
    from prunelab.graph import Graph

# Levels of a group at most: the target is met within a fraction of one step of one group
LEVELS = 17
# Seconds for one programme; what is found by then is taken, with its gap
TIME_LIMIT_S = 20.0
# A gap that is good enough to stop
GAP = 1e-3
# How often a latency's programme is asked again at most: each time the rest is a fraction of the one before
_LATENCY_ROUNDS = 6


@dataclass(frozen=True)
class Term:
    """A part of the cost: ``cost`` has an axis for each of ``groups`` (one or two), over their levels."""

    groups: tuple[str, ...]
    cost: Array


@dataclass(frozen=True)
class Assignment:
    """A solved budget: how many units of each group go, the ``loss`` that their table promises, the cost, and the
    proven ``gap`` between that loss and the best one (0 for proven optimal)."""

    n_removed: Mapping[str, int]
    ratios: Mapping[str, float]
    loss: float
    cost: float
    allowed: float
    gap: float

    def __repr__(self) -> str:
        proven = "proven optimal" if self.gap <= GAP else f"within {percent(self.gap)} of the best"
        return (f"Assignment: loss {self.loss:.4g}, cost {self.cost:.6g} of {self.allowed:.6g} allowed, {proven}; " +
                ", ".join(f"{n} {percent(r, 0)}" for n, r in self.ratios.items() if r))


@dataclass(frozen=True)
class Budget:
    """The allocation: solved once for its target, units of lowest score first."""

    scores: Mapping[str, Array]
    limits: Limits
    assignment: Assignment

    @classmethod
    def over(cls, field: Field) -> Budget:
        """The allocation of a field; needs measured losses and a target of MACs, params or bytes."""
        assert field.graph is not None
        kind, value = field.target
        if kind not in ("macs", "params", "bytes", "latency"):
            raise OptionError(f"the scope budget meets macs=, params=, memory= or latency=, and {kind or 'none'} is "
                              "asked for; for units choose the scope global")
        units = {name: len(s) for name, s in field.scores.items()}
        losses = checked(field.losses, field.scores)
        if field.clock is not None:
            found = assign_latency(field.clock, units, losses, field.limits, value)
        else:
            found = assign_cost(field.graph, units, losses, field.limits, kind, value)
        return cls(field.scores, field.limits, found)

    def removed(self, amount: float) -> dict[str, tuple[int, ...]]:
        return {name: self.limits.choose(name, s, self.assignment.n_removed[name])
                for name, s in self.scores.items()}


def levels_of(units: Mapping[str, int], losses: Losses, limits: Limits) -> dict[str, Array]:
    """By group, the numbers of removed units that are chosen among: from what is gone to what the floor and the
    measured ratios allow."""
    out = {}
    for name, n in units.items():
        most = min(n - limits.least(n), n_removed(max(losses[name], default=0.0), n))
        asked = np.unique(np.round(np.linspace(0, most, LEVELS)).astype(int))
        out[name] = np.unique([n - limits.n_kept(name, n, int(k)) for k in asked])
    return out


def level_losses(units: Mapping[str, int], losses: Losses, levels: Mapping[str, Array]) -> dict[str, Array]:
    """By group, the loss at each level; straight lines between measured ratios."""
    return {name: np.interp(k / units[name], *curve(losses[name])) for name, k in levels.items()}


def assign_cost(graph: Graph, units: Mapping[str, int], losses: Losses, limits: Limits, kind: str,
                fraction: float) -> Assignment:
    """The assignment that takes ``fraction`` of the dense network's "macs", "params" or "bytes".

    Raises:
        OptionError: a fraction that cannot be met: the nearest that can, and the groups whose floors bind.
    """
    levels = levels_of(units, losses, limits)
    structure = graph.structure

    def cost(removed: Mapping[str, int]) -> float:
        return float(getattr(structure.cost(structure.kept({n: range(k) for n, k in removed.items()})), kind))

    dense = cost({})
    allowed = (1 - fraction) * dense
    terms, fixed = cost_terms(graph, units, levels, kind)
    found = assign(level_losses(units, losses, levels), levels, terms, allowed - fixed, units)
    if found is None:
        least = cost({n: int(k[-1]) for n, k in levels.items()})
        held = sorted(units, key=lambda n: cost({m: int(k[-1]) for m, k in levels.items() if m != n}) - least)[::-1]
        raise OptionError(f"{kind}={fraction:g} cannot be met: at most {1 - least / dense:.3f} go; the floors (or the "
                          f"largest measured ratios) of {', '.join(held[:3])} bind first: ask for less, lower floor=, "
                          "or measure higher ratios")
    filled = _fill(found, units, losses, limits, cost, allowed)
    return _assignment(filled, found, units, losses, cost(filled), allowed)


def assign_latency(clock: Clock, units: Mapping[str, int], losses: Losses, limits: Limits,
                   fraction: float) -> Assignment:
    """The assignment that takes ``fraction`` of the dense network's latency, by a table of operators' times.

    The programme sees straight lines between measured widths; its answer is looked up at its own widths, and the
    programme is asked again for as much more or less, until it is met within 1 %.

    Raises:
        OptionError: a fraction that cannot be met: the nearest that can.
    """
    levels = levels_of(units, losses, limits)
    lost = level_losses(units, losses, levels)
    terms, fixed = clock.terms(levels)

    def cost(removed: Mapping[str, int]) -> float:
        return clock.ms({n: range(k) for n, k in removed.items()})

    dense = cost({})
    allowed = bound = (1 - fraction) * dense
    best: tuple[tuple[dict[str, int], float], float] | None = None
    for _ in range(_LATENCY_ROUNDS):
        found = assign(lost, levels, terms, bound - fixed, units)
        if found is None:
            break
        now = cost(found[0])
        if now <= allowed and (best is None or now > best[1]):
            best = (found, now)
        if 0.99 * allowed <= now <= allowed:
            break
        bound += 0.995 * allowed - now
    if best is None:
        least = cost({n: int(k[-1]) for n, k in levels.items()})
        raise OptionError(f"latency={fraction:g} cannot be met: at most {1 - least / dense:.3f} of {dense:.3g} ms go; "
                          "ask for less, lower floor=, or measure higher ratios")
    removed = best[0][0]
    if best[1] < 0.99 * allowed:
        removed = _fill(best[0], units, losses, limits, cost, allowed)
    return _assignment(removed, best[0], units, losses, cost(removed), allowed)


def _assignment(removed: Mapping[str, int], found: tuple[dict[str, int], float], units: Mapping[str, int],
                losses: Losses, cost: float, allowed: float) -> Assignment:
    ratios = {name: k / units[name] for name, k in removed.items()}
    loss = sum(float(np.interp(r, *curve(losses[n]))) for n, r in ratios.items())
    return Assignment(removed, ratios, loss, cost, allowed, found[1])


def _fill(found: tuple[dict[str, int], float], units: Mapping[str, int], losses: Losses, limits: Limits,
          cost: Callable[[Mapping[str, int]], float], allowed: float) -> dict[str, int]:
    """Give units back while they fit: levels are coarse, and what is left of the budget buys back loss."""
    removed, curves = dict(found[0]), {n: curve(losses[n]) for n in units}
    step = limits.round_to
    while True:
        now, best = cost(removed), None
        for name, k in removed.items():
            if k < step or (limits.gone and k - step < len(limits.gone.get(name, ()))):
                continue
            spent = cost({**removed, name: k - step}) - now
            if now + spent > allowed:
                continue
            saved = np.interp(k / units[name], *curves[name]) - np.interp((k - step) / units[name], *curves[name])
            worth = float(saved) / max(spent, 1e-12)
            if best is None or worth > best[0]:
                best = (worth, name)
        if best is None:
            return removed
        removed[best[1]] -= step


def cost_terms(graph: Graph, units: Mapping[str, int], levels: Mapping[str, Array],
               kind: str) -> tuple[list[Term], float]:
    """The network's cost as terms of levels, and the part that no group changes.

    A term of more than two groups (attention's heads x width in a residual width) has the others at their middle level.
    """
    from prunelab.graph.dims import find, leaves

    structure = graph.structure
    owner = {id(find(structure.atoms[name])): name for name in units}
    fixed, gathered = 0.0, dict[tuple[str, ...], Array]()
    for term in getattr(structure.costs, kind):
        factor, dims = term.factor, term.dims
        names = tuple(sorted({owner[id(leaf)] for d in dims for leaf in leaves(d) if id(leaf) in owner},
                             key=list(units).index))
        free, still = names[:2], names[2:]
        middle = {n: int(levels[n][len(levels[n]) // 2]) for n in still}

        def value(removed: Mapping[str, int], factor: int = factor, dims: Sequence[Any] = dims) -> float:
            kept = structure.kept({n: range(k) for n, k in removed.items()})
            return float(factor) * float(np.prod([float(kept.number(d)) for d in dims]))

        if not free:
            fixed += value({})
        elif len(free) == 1:
            table = np.array([value({free[0]: int(i), **middle}) for i in levels[free[0]]])
            gathered[free] = gathered.get(free, 0.0) + table
        else:
            table = np.array([[value({free[0]: int(i), free[1]: int(j), **middle}) for j in levels[free[1]]]
                              for i in levels[free[0]]])
            gathered[free] = gathered.get(free, 0.0) + table
    return [Term(names, cost) for names, cost in gathered.items()], fixed


def assign(losses: Mapping[str, Array], levels: Mapping[str, Array], terms: Sequence[Term], allowed: float,
           units: Mapping[str, int]) -> tuple[dict[str, int], float] | None:
    """The removed units of each group that lose least with ``terms`` of at most ``allowed``, and the proven gap; None
    if nothing fits.

    One binary a group and level, one of each group; a pair's term has a weight for each pair of levels that sums to
    both groups' binaries, which makes the product exact.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import lil_matrix

    names = list(levels)
    starts = dict(zip(names, np.cumsum([0, *(len(levels[n]) for n in names)])[:-1], strict=True))
    n_binary = sum(len(levels[n]) for n in names)
    pairs = [t for t in terms if len(t.groups) == 2]
    n = n_binary + sum(t.cost.size for t in pairs)
    objective, price = np.zeros(n), np.zeros(n)
    for name in names:
        objective[starts[name]: starts[name] + len(levels[name])] = losses[name]
    for t in terms:
        if len(t.groups) == 1:
            price[starts[t.groups[0]]: starts[t.groups[0]] + t.cost.size] += t.cost
    rows, bounds, at = [], [], n_binary
    for name in names:
        rows.append({starts[name] + k: 1.0 for k in range(len(levels[name]))})
        bounds.append(1.0)
    for t in pairs:
        (a, b), (na, nb) = t.groups, t.cost.shape
        price[at: at + t.cost.size] = t.cost.ravel()
        rows += [{**{at + i * nb + j: 1.0 for j in range(nb)}, starts[a] + i: -1.0} for i in range(na)]
        rows += [{**{at + i * nb + j: 1.0 for i in range(na)}, starts[b] + j: -1.0} for j in range(nb)]
        bounds += [0.0] * (na + nb)
        at += t.cost.size
    matrix = lil_matrix((len(rows), n))
    for k, row in enumerate(rows):
        for column, value in row.items():
            matrix[k, column] = value
    scale = max(abs(allowed), 1.0)
    integrality = np.concatenate([np.ones(n_binary), np.zeros(n - n_binary)])
    result = milp(objective, integrality=integrality, bounds=Bounds(0, 1),
                  constraints=[LinearConstraint(matrix.tocsr(), bounds, bounds),
                               LinearConstraint(price[None] / scale, -np.inf, allowed / scale)],
                  options={"time_limit": TIME_LIMIT_S, "mip_rel_gap": GAP})
    if result.x is None:
        return None
    chosen = {name: int(levels[name][int(result.x[starts[name]: starts[name] + len(levels[name])].argmax())])
              for name in names}
    return chosen, float(result.mip_gap or 0.0)
