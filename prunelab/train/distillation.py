"""Learning from a teacher, as a rule the dense model: its outputs, and what readers of cut groups make of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import paddle
from paddle.nn import functional

from prunelab.errors import DataError, OptionError, check_positive, shown
from prunelab.evaluate.forward import LossFunction, describe, forward, in_mode, main_output
from prunelab.evaluate.loss import cross_entropy, loss_of
from prunelab.evaluate.weighted import Weighted, weighted_operators
from prunelab.graph import Graph, as_layer
from prunelab.graph.nests import Inputs
from prunelab.graph.program import Ref, flatten, rebuild
from prunelab.plan import Plan
from prunelab.train.mixing import mix
from prunelab.train.objective import Objective, Task
from prunelab.train.traced import Traced


@dataclass(frozen=True, kw_only=True)
class Distillation:
    """What is learnt from a teacher beside the labels: ``finetune(teacher=Distillation(teacher=dense, ...))``.

    Args:
        teacher: a model with outputs of the same shape. It is left as it is, and runs in eval mode.
        logits: the part of the loss that its outputs have, in ``[0, 1]``; of 1, labels are not looked at and may be
            absent. ``(1 - a) L(y) + a T^2 KL(softmax(t/T), softmax(s/T))`` for cross entropy (Hinton, Vinyals, Dean:
            Distilling the Knowledge in a Neural Network, 2015, arXiv:1503.02531), else the mean squared difference of
            the outputs in the place of the divergence (Ba, Caruana, 2014, arXiv:1312.6184); of several outputs, which a
            loss of one's own sees all, each relative to its variance in the teacher, the mean over them.
        temperature: T, above 0. Higher ones teach more of how unlikely classes compare; with ``math.inf`` the outputs
            themselves are matched, each less its mean over the classes: the limit of the above (Hinton et al., section
            2.1). A small transformer on Python's docs, repaired at 10 % of its MACs, had 59.4 % (one seed), and after
            ten epochs 55.5 % by labels alone, 52.8 % with 1, 58.1 % with 4, 59.0 % by the squared difference of the
            outputs alone. A small net on digits, cut to 15 %, reached in ten epochs 96.5 % with 1, 95.6 % with 2,
            94.1 % with 4.
        features: the weight of the features' differences, added to the loss: the outputs of convolutions and matrix
            products that read a cut group, squared and relative to the teacher's, the mean over these operators (after
            Romero et al.: FitNets, 2015, arXiv:1412.6550, whose regressors a pruned network does not need).
        mixed: the part of the samples, in ``[0, 1]``, that are mixed with others of their batch before both see them
            (see `prunelab.train.mixing`): what the teacher makes of inputs between those that it knows by heart. They
            have no labels, so it needs ``logits=1``. See ``benchmarks/README.md``.
        plan: what is cut of the teacher. For ``features`` in a smaller model whose readers are cut too; what is trained
            under a plan has that.
    """

    teacher: Any
    logits: float = 0.9
    temperature: float = 1.0
    features: float = 0.0
    mixed: float = 0.0
    plan: Plan | None = None

    def __post_init__(self) -> None:
        for name, value in (("logits", self.logits), ("features", self.features), ("mixed", self.mixed)):
            number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
            if not number or not 0 <= value < float("inf") or (name != "features" and value > 1):
                limits = "of at least 0" if name == "features" else "in [0, 1]"
                raise OptionError(f"{name} is {shown(value)}; it is a number {limits}")
        if self.mixed and self.logits != 1:
            raise OptionError(f"mixed={self.mixed:g} makes inputs that have no labels, and logits={self.logits:g} "
                              "learns from labels too; give logits=1.0")
        if self.temperature != math.inf:
            check_positive(self.temperature, "temperature")
        object.__setattr__(self, "teacher", as_layer(self.teacher))


class Distilled:
    """The objective of a layer that learns from a teacher."""

    def __init__(self, student: Traced, loss: LossFunction, how: Distillation, plan: Any) -> None:
        if how.teacher is student.layer:
            raise OptionError("the teacher is the model that is trained; give the dense one, or a copy: "
                              "copy.deepcopy(model)")
        self.student, self.loss, self.how = student, loss, how
        self.plan = how.plan if how.plan is not None else plan if isinstance(plan, Plan) else None
        self._sites: tuple[_Site, ...] | None = None
        self._teacher = Traced(how.teacher)

    def __call__(self, inputs: Inputs, labels: Any, fraction: float) -> Any:
        if self.how.mixed:
            inputs = mix(inputs, self.how.mixed)
        if self.how.features and self._sites is None:
            self._sites = _sites(self.student.graph(inputs), self._teacher.graph(inputs), self.plan)
        outputs, mine = self._student_run(inputs)
        with paddle.no_grad(), in_mode(self.how.teacher, training=False):
            taught, theirs = self._teacher_run(inputs)
        share = self.how.logits
        total = self._between(outputs, taught) * share
        if share < 1:
            task = loss_of(self.loss, outputs, labels)
            total = total + (1 - share) * task.astype(total.dtype)
        if mine:
            gaps = [site.gap(a, b) for site, a, b in zip(self._sites or (), mine, theirs, strict=True)]
            total = total + self.how.features * paddle.add_n(gaps).astype(total.dtype) / len(gaps)
        return total

    def _student_run(self, inputs: Inputs) -> tuple[Any, list[Any]]:
        if not self._sites:
            return forward(self.student.layer, inputs), []
        return _with_values(self.student.graph(inputs), inputs, [s.student for s in self._sites])

    def _teacher_run(self, inputs: Inputs) -> tuple[Any, list[Any]]:
        if not self._sites:
            return forward(self.how.teacher, inputs), []
        return _with_values(self._teacher.graph(inputs), inputs, [s.teacher for s in self._sites])

    def _between(self, outputs: Any, taught: Any) -> Any:
        if not self._entropy:
            mine, theirs = _numbers(outputs), _numbers(taught)
            if len(mine) == len(theirs) > 1:
                gaps = [_gap(a, b) / _variance(b).astype(a.dtype) for a, b in zip(mine, theirs, strict=True)]
                return sum(gaps, 0.0) / len(gaps)
        return self._between_two(main_output(outputs), main_output(taught))

    @property
    def _entropy(self) -> bool:
        return self.loss is cross_entropy or getattr(self.loss, "__name__", "") == "smoothed" or isinstance(
            self.loss, paddle.nn.CrossEntropyLoss)

    def _between_two(self, mine: Any, theirs: Any) -> Any:
        if not self._entropy:
            return _gap(mine, theirs)
        _check_alike(mine, theirs)
        t = self.how.temperature
        if math.isinf(t):
            gap = mine - theirs.astype(mine.dtype)
            return (gap - gap.mean(-1, keepdim=True)).square().mean() / 2
        taught, told = functional.softmax(theirs / t, axis=-1), functional.log_softmax(mine / t, axis=-1)
        knew = functional.log_softmax(theirs / t, axis=-1)
        return (taught * (knew - told)).sum(-1).mean() * (t * t)


def _numbers(outputs: Any) -> list[Any]:
    return [t for t in flatten(outputs) if isinstance(t, paddle.Tensor) and t.is_floating_point()]


def _gap(mine: Any, theirs: Any) -> Any:
    """The mean squared difference of two outputs."""
    _check_alike(mine, theirs)
    return functional.mse_loss(mine, theirs.astype(mine.dtype))


def _variance(output: Any) -> Any:
    return (output - output.mean()).square().mean().clip(min=1e-12)


def _check_alike(mine: Any, theirs: Any) -> None:
    if tuple(mine.shape) != tuple(theirs.shape):
        raise DataError(f"the teacher's outputs are {describe(theirs)} and the model's {describe(mine)}; give a "
                        "teacher with the same outputs, such as the model before it was cut")


@dataclass(frozen=True)
class _Site:
    """One operator's output in both: value ids, and for each axis the positions that are compared (None: all)."""

    student: int
    teacher: int
    of_student: Mapping[int, Any]
    of_teacher: Mapping[int, Any]

    def gap(self, mine: Any, theirs: Any) -> Any:
        """The mean squared difference, relative to the teacher's mean square."""
        for axis, positions in self.of_student.items():
            mine = paddle.index_select(mine, positions, axis=axis)
        for axis, positions in self.of_teacher.items():
            theirs = paddle.index_select(theirs, positions, axis=axis)
        theirs = theirs.astype(mine.dtype)
        return (mine - theirs).square().mean() / theirs.square().mean().clip(min=1e-12)


def _sites(student: Graph, teacher: Graph, plan: Plan | None) -> tuple[_Site, ...]:
    """The outputs of the operators whose inputs are cut, where the two can be compared.

    Raises:
        OptionError: there is none.
    """
    by_weight = {w.weight: w for w in weighted_operators(student)}
    kept = None if plan is None else teacher.kept(plan)
    found = []
    for theirs in weighted_operators(teacher):
        mine = by_weight.get(theirs.weight)
        if mine is None or not _reads_less(mine, theirs, teacher, plan):
            continue
        cut = {}
        if kept is not None:
            for axis, dim in enumerate(teacher.structure.solution.dims[theirs.end]):
                if kept.changes(dim):
                    cut[axis] = paddle.to_tensor(kept.positions(dim).astype(np.int64), place=teacher.place)
        full_size = tuple(mine.y_shape[1:]) == tuple(theirs.y_shape[1:])
        fits = full_size or all(len(cut[a]) == n if a in cut else n == theirs.y_shape[a]
                                for a, n in enumerate(mine.y_shape) if a)
        if fits:
            found.append(_Site(mine.end, theirs.end, cut if full_size else {}, cut))
    if not found:
        raise OptionError("no operator that reads a cut group has outputs to compare with the teacher's; give "
                          "Distillation(plan=...), the plan that the model was cut by, or features=0")
    return tuple(found)


def _reads_less(mine: Weighted, theirs: Weighted, teacher: Graph, plan: Plan | None) -> bool:
    if mine.x_shape[1:] != theirs.x_shape[1:]:
        return True
    cut = set() if plan is None else {g.name for g in plan.groups if g.n_removed}
    return any(m.parameter == theirs.weight and m.role == "in" for g in teacher.prunable if g.name in cut
               for m in g.members)


def _with_values(graph: Graph, inputs: Inputs, values: list[int]) -> tuple[Any, list[Any]]:
    """The outputs and some values on the way, in one run."""
    wanted = list(graph.program.output_values)
    found = graph.run(*inputs, until=[*wanted, *values])
    by_value = dict(zip(wanted, found, strict=False))
    outputs = rebuild(graph.program.outputs, lambda leaf: by_value[leaf.value] if isinstance(leaf, Ref) else leaf)
    return outputs, found[len(wanted):]


def objective(student: Traced, loss: LossFunction, teacher: Any, plan: Any) -> Objective:
    """The objective of a training with a teacher, or without (None)."""
    if teacher is None:
        return Task(student.layer, loss)
    how = teacher if isinstance(teacher, Distillation) else Distillation(teacher=teacher)
    return Distilled(student, loss, how, plan)
