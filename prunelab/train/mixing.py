"""Inputs between the samples of a batch, which only a teacher can say something about.

What a network makes of the samples that it learnt by heart says little of the function that it is; a student sees more
of it between them: Beyer, Zhai, Royer, Markeeva, Anil, Kolesnikov: Knowledge distillation: A good teacher is patient
and consistent, 2022 (arXiv:2106.05237), after Zhang, Cisse, Dauphin, Lopez-Paz: mixup, 2018 (arXiv:1710.09412).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import paddle

from prunelab.graph.nests import Inputs, each


def mix(inputs: Inputs, part: float) -> Inputs:
    """The inputs of a batch, where each sample is mixed with another one with the probability ``part``.

    Numbers are ``r x + (1 - r) x'``, r even in [0, 1] and the same for all of a sample. Of whole numbers, such as ids,
    which have nothing between them, a stretch of their second axis is the other's (as images in Yun et al.: CutMix,
    2019, arXiv:1905.04899), of any length and at any place. By NumPy's generator, which a training's ``seed`` sets.
    """
    n = inputs[0].shape[0] if inputs and inputs[0].ndim else 0
    if n < 2:
        return inputs
    # the one after it in a random circle, so that nobody is its own partner
    circle, partner = np.random.permutation(n), np.empty(n, np.int64)
    partner[circle] = np.roll(circle, 1)
    chosen, share, place = np.random.random(n) < part, np.random.random(n), np.random.random(n)
    return each(lambda x: _mixed(x, partner, np.where(chosen, share, 1.0), place)
                if x.ndim and x.shape[0] == n else x, inputs)


def _mixed(x: Any, partner: Any, share: Any, place: Any) -> Any:
    """A tensor's samples, each keeping its ``share`` of itself; what it takes of a stretch begins at ``place``."""
    other = paddle.index_select(x, paddle.to_tensor(partner, place=x.place), axis=0)
    if x.is_floating_point():
        r = paddle.to_tensor(share.reshape(-1, *(1,) * (x.ndim - 1)), dtype=x.dtype, place=x.place)
        return r * x + (1 - r) * other
    if x.ndim < 2:
        return x
    length = np.round((1 - share) * x.shape[1])
    start = np.floor(place * (x.shape[1] - length + 1))
    position = np.arange(x.shape[1])
    taken = (position >= start[:, None]) & (position < (start + length)[:, None])
    mask = paddle.to_tensor(taken.reshape(*taken.shape, *(1,) * (x.ndim - 2)), place=x.place)
    return paddle.where(mask, other, x)
