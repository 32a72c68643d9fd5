"""Each entry of a framework's table computes what Paddle's operator does, or refuses by name before any work."""

from __future__ import annotations

import paddle
import pytest
from drawn import CASES, Alone, Shape
from graph.test_operators import QUICK, ROWS
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from paddle import nn
from table_frameworks import FRAMEWORKS, batches_of, by_tensorflow, check, errors_at, numbers
from table_refusals import ALIASED, REFUSALS

from prunelab.errors import ExportError
from prunelab.export import TOLERANCE
from prunelab.testing import laws

pytestmark = pytest.mark.filterwarnings("ignore::paddle.utils.deprecated.VisibleDeprecationWarning")

# every sixth of the quick rows; `make slow` tries all
SAMPLE = set(sorted(QUICK)[::6])


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("name", CASES)
@settings(max_examples=3, phases=[Phase.generate])  # no shrinking: what is drawn is small
@given(data=st.data())
def test_an_operator_alone_with_whatever_shape_and_attributes(framework, name, data):
    drawn = data.draw(CASES[name].strategy)
    shapes = [s for s in drawn if isinstance(s, Shape)]
    model = Alone(CASES[name].function, [a for a in drawn if not isinstance(a, Shape)])
    laws.stir(model).eval()

    def inputs(n):
        return [numbers((n, *s), k) for k, s in enumerate(shapes)]

    try:
        check(framework, laws.trace(model, inputs(2)), inputs)
    except ExportError as error:
        assume("last window holds nothing" not in str(error))  # ceil_mode, refused by name
        raise


@pytest.mark.parametrize("name", [name for name in ROWS if name not in ALIASED])
@pytest.mark.slow
def test_tensorflow_says_it_right_or_refuses(name):
    model, shape = ROWS[name].network()
    model.eval()
    graph = laws.trace(laws.stir(model), shape)
    try:
        run = by_tensorflow(graph)
    except ExportError:
        return  # its table is shorter: what it lacks is named
    found = errors_at(graph, run, lambda n: [numbers((n, *shape[1:]))], batches_of(graph))
    assert max(found.values()) <= TOLERANCE, found


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("name", [
    name if name in SAMPLE else pytest.param(name, marks=pytest.mark.slow) for name in ROWS if name not in ALIASED])
def test_what_stands_between_two_layers(framework, name):
    model, shape = ROWS[name].network()
    model.eval()
    graph = laws.trace(laws.stir(model), shape)
    refusal = REFUSALS[framework].get(name)
    if refusal is None:
        check(framework, graph, lambda n: [numbers((n, *shape[1:]))])
    else:
        with pytest.raises(ExportError, match=refusal):
            FRAMEWORKS[framework](graph)


@settings(max_examples=8, phases=[Phase.generate])
@given(st.sampled_from([paddle.vision.ops.roi_align, paddle.vision.ops.roi_pool]), st.integers(1, 3), st.integers(1, 3),
       st.sampled_from([0.5, 1.0]), st.sampled_from([-1, 2]), st.booleans())
def test_regions_of_boxes_in_onnx(function, height, width, scale, ratio, aligned):
    """Several boxes a sample, none of the second; one reaches beyond the edge, one has hardly any size."""
    boxes = paddle.to_tensor([[0.0, 1.0, 5.5, 6.0], [1.0, 1.0, 1.2, 1.1], [2.0, -3.0, 20.0, 4.0]])
    more = {"sampling_ratio": ratio, "aligned": aligned} if function is paddle.vision.ops.roi_align else {}
    model = Alone(lambda x: function(nn.functional.relu(x), boxes, paddle.to_tensor([2, 0, 1], dtype="int32"),
                                     (height, width), scale, **more), [])
    check("onnx", laws.trace(model, [numbers((3, 4, 8, 9))]), lambda n: [numbers((n, 4, 8, 9))], (3,))
