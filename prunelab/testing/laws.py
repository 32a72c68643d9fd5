"""The engine's laws, as functions that raise `AssertionError` with what differs.

DESIGN's numbers are in the names' docstrings.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import paddle

from prunelab.graph import Graph, trace
from prunelab.graph.model_copy import copy_of
from prunelab.graph.nests import call
from prunelab.graph.program import Program, TensorSpec, flatten
from prunelab.plan import Plan
from prunelab.surgery import compact, mask, relative_error
from prunelab.surgery.compare import random_inputs

EXACT = 1e-4


def stir(model: Any, seed: int = 0) -> Any:
    """Random gains, biases and statistics, in place. Gives the model.

    Fresh ones (ones and zeros) would hide a wrong cut.
    """
    rng = np.random.default_rng(seed)
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if not tensor._is_initialized() or len(tensor.shape) != 1 or "float" not in str(tensor.dtype):
            continue
        low, high = (0.5, 1.5) if "variance" in name or name.endswith("weight") else (-0.3, 0.3)
        values = rng.uniform(low, high, tuple(tensor.shape)).astype("float32")
        with paddle.no_grad():
            paddle.assign(paddle.to_tensor(values, place=tensor.place).astype(tensor.dtype), output=tensor)
    return model


def bits(model: Any) -> str:
    """A hash of all parameters and buffers, the modes, and what hangs on the model itself."""
    digest = hashlib.sha256()
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if tensor._is_initialized():
            digest.update(name.encode() + tensor.numpy().tobytes() + str(tensor.stop_gradient).encode())
    for name, layer in model.named_sublayers(include_self=True):
        digest.update(f"{name}{layer.training}{'forward' in vars(layer)}{sorted(vars(layer))}".encode())
    return digest.hexdigest()


def half_of_every_group(graph: Graph, seed: int = 0) -> Plan:
    """A random half of the units of every prunable group removed."""
    rng = np.random.default_rng(seed)
    removed = {g.name: rng.permutation(g.units)[: g.units - max(1, round(g.units / 2))] for g in graph.prunable}
    return Plan.empty(graph).with_removed(graph, removed)


def at_batch(specs: Sequence[TensorSpec], n: int) -> tuple[TensorSpec, ...]:
    """The same inputs with a batch of ``n``, where the batch is free."""
    return tuple(replace(s, shape=s.at_batch(n)) for s in specs)


def alike(*runs: Callable[[], Any]) -> list[Any]:
    """What each run gives, all from one random state: a forward may draw numbers in eval mode too."""
    state = paddle.get_rng_state()
    found = []
    for run in runs:
        paddle.set_rng_state(state)
        found.append(run())
    return found


def check_runs(graph: Graph, batches: Sequence[int] = (1, 3)) -> None:
    """Law 8: the graph gives the model's outputs bit for bit, at any batch."""
    free = any(s.batch_axis is not None for s in graph.input_specs)
    for n in batches if free else (0,):
        inputs = random_inputs(at_batch(graph.input_specs, n), graph.place)
        with paddle.no_grad():
            # the graph first, so that it reads nothing that the model's own run wrote
            ours, theirs = map(flatten, alike(partial(graph.run, *inputs),
                                              partial(call, graph.model, graph.input_specs, inputs)))
        assert len(theirs) == len(ours), f"batch {n}: {len(theirs)} outputs of the model, {len(ours)} of the graph"
        for k, (a, b) in enumerate(zip(theirs, ours, strict=True)):
            if isinstance(a, paddle.Tensor):
                where = f"output {k} at batch {n}"
                assert tuple(a.shape) == tuple(b.shape), f"{where}: {a.shape} of the model, {b.shape} of the graph"
                same = np.array_equal(a.numpy(), b.numpy(), equal_nan=True)
                assert same, f"{where} differs by {relative_error(b, a)}"


def _loss(outputs: Any) -> Any:
    """Of all outputs that are no whole numbers; a half one may have no product on a CPU."""
    numbers = [o.astype("float32") for o in flatten(outputs)
               if isinstance(o, paddle.Tensor) and "float" in str(o.dtype)]
    return sum((o * o).mean() for o in numbers)


def _gradients(model: Any, outputs: Any) -> dict[str, np.ndarray[Any, Any]]:
    _loss(outputs).backward()
    found = {n: p.grad.numpy().copy() for n, p in model.named_parameters() if p.grad is not None}
    model.clear_gradients()
    return found


def check_gradients(graph: Graph, tolerance: float = 1e-3) -> None:
    """Law 8: the graph has the model's gradients, to rounding (of the largest gradient of each parameter)."""
    inputs = random_inputs(graph.input_specs, graph.place)
    theirs, ours = alike(lambda: _gradients(graph.model, call(graph.model, graph.input_specs, inputs)),
                         lambda: _gradients(graph.model, graph.run(*inputs)))
    assert theirs.keys() == ours.keys(), f"gradients of {theirs.keys() ^ ours.keys()} on one side only"
    top = max((float(np.abs(g).max()) for g in theirs.values()), default=0.0)
    for name, a in theirs.items():
        if np.array_equal(a, ours[name], equal_nan=True):
            continue  # also a division by zero, which is the same in both
        error = float(np.abs(a - ours[name]).max()) / (max(float(np.abs(a).max()), 1e-3 * top) or 1.0)
        assert error <= tolerance, f"the gradient of {name} differs by {error:.2e}"


def inputs_of_both(graph: Graph, plan: Plan, batch: int = 3) -> tuple[list[Any], list[Any]]:
    """Random inputs of the masked model and of the smaller one. Ids are of words that stay: each model has its own
    numbers for them."""
    graph = graph.opened_for(plan)
    kept, solution = graph.kept(plan), graph.structure.solution
    dense = random_inputs(at_batch(graph.input_specs, batch), graph.place)
    cut = list(dense)
    for k, value in enumerate(graph.program.inputs):
        words = solution.counted.get(value)
        if words is not None and kept.changes(words):
            stay = kept.positions(words)
            ids = np.random.default_rng(k).integers(0, len(stay), tuple(dense[k].shape))
            dense[k] = paddle.to_tensor(stay[ids], dtype=dense[k].dtype, place=graph.place)
            cut[k] = paddle.to_tensor(ids, dtype=dense[k].dtype, place=graph.place)
    return dense, cut


def kept_outputs(graph: Graph, plan: Plan, outputs: Any) -> list[Any]:
    """What stays of the masked model's outputs: the scores of words that go are no output of the smaller model."""
    graph = graph.opened_for(plan)
    kept, solution = graph.kept(plan), graph.structure.solution
    values = iter(graph.program.output_values)
    found = []
    for leaf in flatten(outputs):
        if isinstance(leaf, paddle.Tensor):
            for axis, d in enumerate(solution.dims[next(values)]):
                if kept.changes(d):
                    stays = paddle.to_tensor(kept.positions(d).astype(np.int64), place=leaf.place)
                    leaf = paddle.index_select(leaf, stays, axis=axis)
        found.append(leaf)
    return found


def check_exact(graph: Graph, plan: Plan, form: str = "auto") -> Any:
    """Law 1: the smaller model computes what the masked one does. Gives the smaller model."""
    small = compact(graph.model, plan, form=form)
    dense_inputs, inputs = inputs_of_both(graph, plan)
    with paddle.no_grad():
        error = relative_error(*alike(lambda: call(small, graph.input_specs, inputs),
                                      lambda: _masked(graph, plan, dense_inputs)))
    assert error <= EXACT, f"the {type(small).__name__} differs from the masked model by {error:.2e}"
    return small


def _masked(graph: Graph, plan: Plan, inputs: list[Any]) -> list[Any]:
    """What stays of the masked model's outputs."""
    with mask(graph.model, plan):
        return kept_outputs(graph, plan, call(graph.model, graph.input_specs, inputs))


def check_cost(graph: Graph, plan: Plan, small: Any) -> None:
    """Law 2: the plan's cost is the cost of the smaller model, traced."""
    real = trace(small, list(graph.input_specs)).cost()
    told = graph.cost(plan)
    assert (real.params, real.macs) == (told.params, told.macs), f"told {told}, really {real}"
    counted = sum(int(np.prod(p.shape)) for p in small.parameters() if not p.stop_gradient)
    used = {p.name for p in graph.program.parameters}
    unused = sum(int(np.prod(p.shape)) for n, p in small.named_parameters() if n not in used and not p.stop_gradient)
    assert counted - unused == told.params, f"told {told.params} params, counted {counted - unused}"


# Where one of their results is not used, Paddle's backward of these crashes; that of qr always does.
_CRASHING = ("qr", "meshgrid", "broadcast_tensors", "unstack")


def without_backward(graph: Graph, *, training: bool) -> str:
    """Why Paddle itself has no gradients of what the graph is made of, in this mode; "" where it has."""
    program = graph.program
    if not training and any(op.name == "rnn" for op in program.ops):
        return "Paddle's recurrent layers have no backward in eval mode"
    read = {*program.consumers, *program.output_values}
    trained = {p.value for p in program.parameters if p.trainable}
    for op in program.ops:
        if op.name in _CRASHING:
            results = [v for u in op.outputs for v in _opened(program, u)]
            if op.name == "qr" or not read.issuperset(results):
                return f"Paddle's backward of {op.name} ends the process"
        if op.name == "grid_sample" and trained.isdisjoint(op.inputs[:1]):
            return "Paddle's backward of grid_sample ends the process where the maps need no gradient"
        if not trained.isdisjoint(op.inputs):
            trained.update(op.outputs)
    return ""


def own_backward_fails(graph: Graph, *, training: bool) -> str:
    """What Paddle's backward of the model itself raises in this mode; "" where it runs.

    A forward may write over what its own backward reads, which Paddle tells only then.
    """
    model = copy_of(graph.model)
    model.train() if training else model.eval()
    inputs = random_inputs(graph.input_specs, graph.place)
    try:
        _loss(call(model, graph.input_specs, inputs)).backward()
    except RuntimeError as error:
        return f"the model's own backward fails: {str(error).strip().splitlines()[0]}"
    return ""


def _opened(program: Program, value: int) -> tuple[int, ...]:
    """The values of a list; the value itself where it is none."""
    split = next((op for op in program.consumers.get(value, ()) if op.name == "builtin.split"), None)
    return (value,) if split is None else split.outputs


def check_lives(graph: Graph, plan: Plan, small: Any, fresh: Any | None = None) -> None:
    """Law 6: the smaller model trains, saves, loads into a fresh cut one, traces and is cut again."""
    specs = graph.input_specs
    inputs = random_inputs(specs, graph.place)
    if not without_backward(graph, training=True):
        try:
            _check_trains(small, specs, inputs)
        except RuntimeError:  # of Paddle's backward, which the model it was cut from may not have either
            if not own_backward_fails(graph, training=True):
                raise
    small.eval()
    other = plan.apply(fresh if fresh is not None else copy_of(graph.model))
    missing, unexpected = other.set_state_dict(small.state_dict())
    assert not missing, f"missing {missing} in the saved state"
    assert not unexpected, f"unexpected {unexpected} in the saved state"
    other.eval()
    with paddle.no_grad():
        error = relative_error(*alike(lambda: call(other, specs, inputs), lambda: call(small, specs, inputs)))
        assert error <= EXACT, "the loaded model computes something else"
    again = trace(small, list(specs))
    check_exact(again, half_of_every_group(again, seed=1))


def _check_trains(small: Any, specs: Sequence[TensorSpec], inputs: Sequence[Any]) -> None:
    small.train()
    optimizer = paddle.optimizer.SGD(1e-3, parameters=small.parameters())
    before = {n: p.numpy().copy() for n, p in small.named_parameters()}
    _loss(call(small, specs, inputs)).backward()
    optimizer.step()
    optimizer.clear_grad()
    changed = any(not np.array_equal(before[n], p.numpy()) for n, p in small.named_parameters())
    assert changed, "training changes no parameter"


def check_all(model: Any, inputs: Any, *, seed: int = 0) -> dict[str, Any]:
    """All laws on one model in eval mode, half of every group gone; what is gone and the groups are given back.

    Raises:
        AssertionError: a law that does not hold, with what differs.
    """
    model.eval()
    before = bits(model)
    graph = trace(model, inputs)
    assert bits(model) == before, "trace changed the model"
    check_runs(graph)
    if not without_backward(graph, training=False):
        check_gradients(graph)
    before = bits(model)  # weight norm and its kin write their weight anew at every run
    plan = half_of_every_group(graph, seed)
    small = check_exact(graph, plan)
    assert bits(model) == before, "mask or compact changed the model"
    check_exact(graph, plan, form="graph")
    check_cost(graph, plan, small)
    check_lives(graph, plan, small)
    assert bits(model) == before, "the smaller model shares something with the model"
    gone = 1 - graph.cost(plan).params / max(1, graph.cost().params)
    n_groups = len(graph.prunable)
    return {"gone": gone, "form": type(small).__name__, "groups": n_groups, "frozen": len(graph.groups) - n_groups,
            "graph": graph}
