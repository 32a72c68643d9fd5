"""A cut network that goes on from what stands before the cut computes what the masked model does, on every network."""

from __future__ import annotations

from typing import Any

import numpy as np
import paddle
import pytest
from networks import NETWORKS as SMALL
from sequence_networks import SEQUENCE
from vision_networks import VISION

import prunelab as pl
from prunelab.criteria import CRITERIA
from prunelab.evaluate.cuts import Cuts
from prunelab.evaluate.prefix import Prefixes, first_touched
from prunelab.surgery.compare import as_tensors, close, example_arrays
from prunelab.testing.laws import stir

NETWORKS: dict[str, tuple[Any, Any]] = {
    **SMALL, **{name: row[:2] for name, row in {**SEQUENCE, **VISION}.items()}}


def flat(outputs: Any) -> list[Any]:
    return [t for t in paddle.utils.flatten(outputs) if isinstance(t, paddle.Tensor)]


@pytest.mark.parametrize("name", NETWORKS)
def test_it_computes_what_the_masked_model_does(name: str) -> None:
    make, inputs = NETWORKS[name]
    paddle.seed(0)
    model = stir(make())
    model.eval()
    graph = pl.trace(model, inputs)
    batch = tuple(as_tensors(graph.input_specs, example_arrays(graph.input_specs), graph.place))
    rng = np.random.default_rng(0)
    groups = [g for g in graph.prunable if g.units > 1]
    base = pl.Plan.empty(graph)
    if groups:  # one unit of the first group is gone already
        base = base.with_removed(graph, {groups[0].name: [0]})
    cuts = Cuts(graph, base, CRITERIA["l1_weight"], 0, None)
    held = {p.value: graph.tensor(p.name) for p in graph.program.parameters} | cuts.tensors()
    prefixes = Prefixes(graph, [batch], cuts.tensors(), 2**30)
    places = {g.name: first_touched(graph, (m.parameter for m in g.members)) for g in groups}
    with paddle.no_grad():
        for group in sorted(groups, key=lambda g: places[g.name]):
            gone = set(base.removed(group.name))
            units = tuple(sorted(gone | set(rng.permutation(group.units)[: group.units // 2].tolist())))
            if len(units) == group.units:
                continue
            with pl.mask(model, base.with_removed(graph, {group.name: units})):
                masked = flat(model(*batch))
            found = flat(cuts.network(group, units, held).run(batch, prefixes.at(0, places[group.name])))
            assert close(found, masked), group.name
