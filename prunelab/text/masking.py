"""Words by what the loss rises by where the unknown word stands in their place."""

from __future__ import annotations

from typing import Any

import numpy as np
import paddle

from prunelab.errors import OptionError
from prunelab.evaluate.forward import forward, in_mode
from prunelab.graph.nests import Inputs, like
from prunelab.text.losses import sample_losses
from prunelab.text.task import SAMPLES, WordTask

Array = np.ndarray[Any, Any]

_ROWS = 512  # sentences that are run at once


def masking(task: WordTask) -> Array:
    """``sum over sentences of L(s without w) - L(s)``: (words,); 0 for words that are in none.

    Li, Monroe, Jurafsky: Understanding Neural Networks through Representation Erasure, 2016 (arXiv:1612.08220). Each
    sentence is run once for each of its words.
    """
    if task.unknown is None:
        raise OptionError("masking puts the unknown word in a word's place, and there is none; give unknown= (a word's "
                          "id), or a tokenizer that has one")
    scores = np.zeros(task.table.n_words)
    with in_mode(task.table.graph.model, training=False), paddle.no_grad():
        for inputs, labels in task.batches(SAMPLES):
            plain = sample_losses(task.loss, forward(task.table.graph.model, inputs), labels)
            rows, words = _pairs(task, inputs)
            for start in range(0, len(rows), _ROWS):
                part = slice(start, start + _ROWS)
                without = _without(task, inputs, labels, rows[part], words[part])
                np.add.at(scores, words[part], without - plain[rows[part]])
    return scores


def _pairs(task: WordTask, inputs: Inputs) -> tuple[Array, Array]:
    """Each sentence with each of its words: its row in the batch, and the word."""
    ids = np.concatenate([inputs[k].numpy().reshape(inputs[k].shape[0], -1) for k in task.table.inputs], axis=1)
    pairs = [(row, word) for row, sentence in enumerate(ids) for word in np.unique(sentence) if word != task.unknown]
    rows, words = np.array(pairs, np.int64).reshape(-1, 2).T
    return rows, words


def _without(task: WordTask, inputs: Inputs, labels: Any, rows: Array, words: Array) -> Array:
    """The losses of these sentences without these words."""
    place = inputs[0].place
    at = paddle.to_tensor(rows, place=place)
    chosen = [paddle.index_select(x, at) for x in inputs]
    for k in task.table.inputs:
        x = chosen[k]
        gone = paddle.to_tensor(words.reshape(-1, *[1] * (x.ndim - 1)), dtype=x.dtype, place=place)
        chosen[k] = paddle.where(x == gone, paddle.full_like(x, task.unknown), x)
    outputs = forward(task.table.graph.model, like(inputs, chosen))
    return sample_losses(task.loss, outputs, None if labels is None else paddle.index_select(labels, at))
