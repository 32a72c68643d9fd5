"""Each entry of a framework's table computes what Paddle's operator does, or refuses by name before any work."""

from __future__ import annotations

import paddle
import pytest
from drawn import ACTIVATIONS, ARITHMETIC, CASES, PRODUCTS, RECURRENT, REDUCTIONS, Alone, Shape
from graph.test_operators import QUICK, ROWS
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from paddle import nn
from table_frameworks import EVERY, FRAMEWORKS, HERE, batches_of, by_tensorflow, check, errors_at, numbers
from table_refusals import ALIASED, REFUSALS

from prunelab.errors import ExportError
from prunelab.export import TOLERANCE
from prunelab.export.base import LongSpec
from prunelab.export.lengths import read_listing
from prunelab.export.listing import listing
from prunelab.export.parity import relative_error
from prunelab.export.translate import NoWordsError
from prunelab.graph.program import flatten
from prunelab.testing import laws

pytestmark = pytest.mark.filterwarnings("ignore::paddle.utils.deprecated.VisibleDeprecationWarning")

# every sixth of the quick rows; `make slow` tries all
SAMPLE = set(sorted(QUICK)[::6])


# what TensorFlow's table has no words for, and what it says for some attributes only: the others are refused by name
NOT_IN_TENSORFLOW = {"deform_conv2d", "unique", "cummax", "median"}
SOME_IN_TENSORFLOW = {"conv transpose", "interpolate, size", "interpolate, scale", "topk", "pad", "avg_pool2d",
                      "max_pool2d", "adaptive_max_pool2d", "local_response_norm"}


@pytest.mark.parametrize("framework", HERE)
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

    graph = laws.trace(model, inputs(2))
    if framework == "tensorflow" and name in NOT_IN_TENSORFLOW:
        with pytest.raises(NoWordsError):
            check(framework, graph, inputs)
        return
    try:
        check(framework, graph, inputs)
    except ExportError as error:
        assume("last window holds nothing" not in str(error))  # ceil_mode, refused by name
        assume(framework != "tensorflow" or name not in SOME_IN_TENSORFLOW or not isinstance(error, NoWordsError)
               or is_slip(error))
        raise


# of these every table must say any length
FOLLOW_THE_LENGTH = {*set(ACTIVATIONS) - {"maxout", "prelu"}, "sum", "mean", "max", "amax", "argmax", "cumsum", "tile",
                     "layer_norm", "flatten", "transpose", "flip", "chunk", "stack", "tril", "matmul",
                     "einsum", "attention", "LSTM", "GRU", "SimpleRNN", "add", "where", "pad", "batch_norm",
                     "index_select", "adaptive_avg_pool1d"}
# an axis that may have any length -> what is tried along it; the rest of CASES names a number on each of its axes
LENGTHS = {
    1: [*set(ACTIVATIONS) - {"maxout", "prelu"}, *REDUCTIONS, *ARITHMETIC, *PRODUCTS, *RECURRENT, "layer_norm",
        "normalize", "adaptive_avg_pool1d", "flatten", "transpose", "roll", "flip", "tile", "expand",
        "repeat_interleave", "slice", "slice, backwards", "chunk", "stack", "tril", "diag_embed", "one_hot",
        "index_select", "set a region"],
    2: ["conv2d", "conv2d, same", "conv transpose", "avg_pool2d", "pad", "batch_norm", "instance_norm", "group_norm",
        "pixel_shuffle", "channel_shuffle", "interpolate, scale", "interpolate, size", "adaptive_avg_pool2d"],
}


def is_slip(error: ExportError) -> bool:
    """Whether an entry failed on what it should have refused, or taken."""
    return isinstance(error.__cause__, (TypeError, ValueError, IndexError))


@pytest.mark.parametrize("framework", HERE)
@pytest.mark.parametrize(("name", "axis"), [(name, axis) for axis, names in LENGTHS.items() for name in sorted(names)])
@settings(max_examples=2, phases=[Phase.generate])
@given(data=st.data())
def test_an_operator_alone_at_any_length_or_refused_by_name(framework, name, axis, data):
    drawn = data.draw(CASES[name].strategy)
    found = [s for s in drawn if isinstance(s, Shape)]
    model = laws.stir(Alone(CASES[name].function, [a for a in drawn if not isinstance(a, Shape)])).eval()
    # what is of size 1 beside another is stretched to it
    long = [len(s) >= axis and (s[axis - 1] != 1 or len(found) == 1) for s in found]
    assume(any(long))
    length = next(s[axis - 1] for s, free in zip(found, long, strict=True) if free)
    shapes = [(*s[:axis - 1], length, *s[axis:]) if free else s for s, free in zip(found, long, strict=True)]

    def inputs(n, more):
        return [numbers((n, *s[:axis - 1], s[axis - 1] + more * free, *s[axis:]) if len(s) >= axis else (n, *s), k)
                for k, (s, free) in enumerate(zip(shapes, long, strict=True))]

    specs = tuple(LongSpec(f"x{k or ''}", (2, *s), "float32", 0, length_axis=axis if free else None)
                  for k, (s, free) in enumerate(zip(shapes, long, strict=True)))
    try:
        run = EVERY[framework](read_listing(model, specs))
    except ExportError as error:  # names the operator, or the shape, that cannot follow
        if name in FOLLOW_THE_LENGTH or is_slip(error):
            raise
        return
    for n, more in ((2, 0), (3, 4)):
        tensors = inputs(n, more)
        reference = [t.numpy() for t in flatten(model(*tensors)) if isinstance(t, paddle.Tensor)]
        assert relative_error(run([t.numpy() for t in tensors]), reference) <= TOLERANCE, (n, more)


@pytest.mark.parametrize("name", [name for name in ROWS if name not in ALIASED])
@pytest.mark.slow
def test_tensorflow_says_it_right_or_refuses(name):
    model, shape = ROWS[name].network()
    model.eval()
    graph = laws.trace(laws.stir(model), shape)
    try:
        run = by_tensorflow(listing(graph))
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
            FRAMEWORKS[framework](listing(graph))


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
