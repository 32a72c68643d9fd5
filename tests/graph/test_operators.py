"""Every operator between two layers is cut exactly, or freezes them for the reason that the tables say."""

from __future__ import annotations

import paddle
import pytest
from operators import activations, arithmetic, layers, positions
from operators.absent import ELSEWHERE, REFUSED, UNTRACED
from paddle import nn

from prunelab.errors import InputError, TraceError
from prunelab.graph.dims import leaves
from prunelab.graph.rules import RULES
from prunelab.graph.rules.frozen import FREEZES
from prunelab.testing import laws

# Paddle still publishes some of these names and warns that they will go.
pytestmark = pytest.mark.filterwarnings("ignore::paddle.utils.deprecated.VisibleDeprecationWarning")

FAMILIES = {"activations": activations, "arithmetic": arithmetic, "positions": positions, "layers": layers}
ROWS = {f"{family}: {name}": row for family, rows in FAMILIES.items()
        for name, row in {**rows.TABLE, **rows.MORE}.items()}
QUICK = {f"{family}: {name}" for family, rows in FAMILIES.items() for name in rows.TABLE}
# an operator that freezes -> a row that has it
FROZEN_IN: dict[str, str] = {
    "bernoulli": "layers: bernoulli", "poisson": "layers: poisson", "multinomial": "layers: multinomial",
    "binomial": "layers: binomial", "standard_gamma": "layers: standard_gamma",
    "exponential_": "layers: exponential_", "gumbel_softmax": "activations: gumbel_softmax",
    "det": "arithmetic: det", "slogdet": "arithmetic: slogdet", "inverse": "arithmetic: inv",
    "cholesky": "arithmetic: cholesky", "cholesky_solve": "arithmetic: cholesky_solve",
    "matrix_power": "arithmetic: matrix_power", "matrix_rank": "arithmetic: matrix_rank", "qr": "arithmetic: qr",
    "eigh": "arithmetic: eigh", "lu": "arithmetic: lu", "lstsq": "arithmetic: lstsq",
    "solve": "arithmetic: solve", "triangular_solve": "arithmetic: triangular_solve",
    "histogram": "arithmetic: histogram", "bincount": "arithmetic: bincount",
    "masked_select": "positions: masked_select", "nonzero": "positions: nonzero", "unique": "layers: unique of units",
    "cross_entropy_with_softmax": "layers: cross_entropy", "hsigmoid_loss": "layers: hsigmoid_loss",
    "warpctc": "layers: ctc_loss", "warprnnt": "layers: rnnt_loss", "nll_loss": "layers: nll_loss",
    "equal_all": "arithmetic: equal_all", "allclose": "arithmetic: allclose", "is_empty": "activations: is_empty",
    "multi_dot": "arithmetic: multi_dot", "gather_tree": "positions: gather_tree",
}


def makers_units(graph):
    """How many units of the first layer can go, and the reasons of those that cannot."""
    axis = 1 if type(graph.model.a) is nn.Linear else 0
    groups = [g for g in graph.groups if any((m.parameter, m.axis) == ("a.weight", axis) for m in g.members)]
    return sum(g.units for g in groups if g.prunable), {g.reason for g in groups}


def traced(row, summed=False):
    model, shape = row.network(summed)
    return laws.trace(laws.stir(model).eval() or model, shape)


@pytest.mark.parametrize("name", [
    name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in ROWS])
def test_what_stands_between_two_layers(name):
    row = ROWS[name]
    graph = traced(row)
    assert not {op.name for op in graph.program.ops} - RULES.keys()
    units, reasons = makers_units(graph)
    assert units == row.units, f"{units} of 8 units can go, not {row.units}: {reasons}"
    assert not row.why or row.why in reasons
    laws.check_runs(graph)
    laws.check_exact(graph, laws.half_of_every_group(graph))


# Paddle's backward of topk ends the process where only the numbers are used, the model's own backward too.
NO_BACKWARD = {"arithmetic: topk, indices", "layers: max_pool2d, mask"}


@pytest.mark.parametrize("name", [name for name in ROWS if name not in NO_BACKWARD])
@pytest.mark.slow
def test_all_laws_between_two_layers(name):
    model, shape = ROWS[name].network()
    laws.check_all(laws.stir(model), shape)


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.slow
def test_a_sum_of_what_came_out_finds_zeros(name):
    graph = traced(ROWS[name], summed=True)
    for seed in (0, 1):
        laws.check_exact(graph, laws.half_of_every_group(graph, seed), form="graph")


@pytest.mark.parametrize("operator", FREEZES)
def test_what_freezes_says_why(operator):
    graph = traced(ROWS[FROZEN_IN[operator]])
    op = next(op for op in graph.program.ops if op.name == operator)
    given = [graph.structure.solution.dims.get(v) for v in (*op.inputs, *op.outputs)]
    given = [d for dims in given if dims for d in dims if not isinstance(d, list)]
    reasons = {leaf.reason for d in given for leaf in leaves(d) if leaf.size > 1}
    assert FREEZES[operator] in reasons or all(reasons), reasons


def named(public):
    return {name for name in public if not name.startswith("ClipGrad")}


@pytest.mark.parametrize("module", [nn, nn.functional])
def test_the_tables_hold_all_of_paddle(module):
    held = {name.partition(": ")[2].partition(",")[0] for name in ROWS}
    missing = set(module.__all__) - held - ELSEWHERE.keys() - UNTRACED.keys() - REFUSED.keys()
    assert not missing, sorted(missing)
    assert not {n for n in ELSEWHERE.values() if n not in held and not n.startswith("tests/")}


@pytest.mark.parametrize("name", REFUSED)
def test_what_paddle_cannot_read_is_refused(name):
    row = REFUSED[name]
    model, shape = row.network()
    with pytest.raises((TraceError, InputError)):  # some do not run by themselves either
        laws.trace(model, shape)


def test_numbers_of_units_that_stay_are_written_out():
    """A rotary table's frequencies, an index, a roll: cut with the units they belong to."""
    row = ROWS["positions: index_select some"]
    graph = traced(row)
    small = laws.check_exact(graph, laws.half_of_every_group(graph), form="graph")
    x = paddle.randn([5, 6])
    assert tuple(small(x).shape) == (5, 3)
