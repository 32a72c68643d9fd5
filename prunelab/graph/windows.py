"""Windows: how convolutions and pools see the positions of an axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunelab.errors import PlanError
from prunelab.graph.dims import Dim, atom, find

if TYPE_CHECKING:
    from prunelab.graph.solver import Step

CONVOLUTIONS = frozenset("conv2d conv3d depthwise_conv2d".split())
POOLS = frozenset(("pool2d", "pool3d"))
_TRANSPOSED = frozenset("conv2d_transpose conv3d_transpose depthwise_conv2d_transpose".split())


@dataclass(frozen=True)
class Window:
    """How positions ``out`` come from positions ``into``: each from ``extent`` of them, ``stride`` apart, with
    ``before`` and ``after`` zeros around; or, ``up``, each position becomes ``stride`` of them."""

    into: Dim
    out: Dim
    stride: int
    extent: int = 1
    before: int = 0
    after: int = 0
    up: bool = False

    def stretch(self, start: int, end: int) -> tuple[int, int]:
        """The positions that are computed from those between two bounds.

        Raises:
            PlanError: bounds that a stride does not hit, or too few positions for a window.
        """
        if self.up:
            return start * self.stride, end * self.stride
        first = start // self.stride
        n = (end - start + self.before + self.after - self.extent) // self.stride + 1
        if start % self.stride or n < 1 or first + n > find(self.out).size:
            raise PlanError(f"a region of positions {start} to {end - 1} does not fit a window of {self.extent} "
                            f"positions at a stride of {self.stride}; keep more of it, or other bands")
        return first, first + n


def do_not_meet(step: Step, place: int, n: int, n_out: int) -> bool:
    """Whether an operator sees an axis through windows that lie side by side, each in one of ``n_out`` parts."""
    name = step.op.name
    if name not in POOLS | CONVOLUTIONS or any(step.attribute(a) for a in ("adaptive", "global_pooling")):
        return False
    kernel, before, after = _extent(step, place)
    stays = name in POOLS or kernel == 1
    return stays and kernel == step.attribute("strides")[place] and not before and not after and n == kernel * n_out


def _extent(step: Step, place: int) -> tuple[int, int, int]:
    """A window's positions, and how many of padding stand before and after the map."""
    kernel = (step.constant("kernel_size") if step.op.name in POOLS else
              [find(d).size for d in step.dims("filter")[2:]])[place]
    padding = step.attribute("paddings")
    pairs = len(padding) == 2 * len(step.attribute("strides"))
    before, after = padding[2 * place: 2 * place + 2] if pairs else [padding[place]] * 2
    return kernel, before, after


def window_of(step: Step, place: int, dim: Dim, n_out: int) -> Window | None:
    """How an operator sees an axis, the ``place``-th in space; None where a region could not be followed."""
    name, out = step.op.name, atom(n_out)
    if name == "nearest_interp":
        factor = n_out // dim.size
        even = factor * dim.size == n_out and not step.attribute("align_corners", False)
        return Window(dim, out, factor, up=True) if even and factor >= 1 else None
    if name in POOLS and (step.attribute("adaptive") or step.attribute("global_pooling") or step.attribute(
            "ceil_mode")):
        return None
    known = name in POOLS | CONVOLUTIONS | _TRANSPOSED
    if not known or step.attribute("padding_algorithm", "EXPLICIT") != "EXPLICIT":
        return None
    kernel, before, after = _extent(step, place)
    stride = step.attribute("strides")[place]
    extent = (kernel - 1) * (step.attribute("dilations") or [1] * 3)[place] + 1
    if name in _TRANSPOSED:
        return Window(dim, out, stride, up=True) if dim.size * stride == n_out else None
    average = name in POOLS and step.attribute("pooling_type") != "max"
    if average and (before or after) and step.attribute("exclusive"):
        return None  # it divides by the positions that are no padding, and knows where the map ends
    return Window(dim, out, stride, extent, before, after)
