"""Mean average precision of boxes, as COCO defines it, by pycocotools."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import paddle

from prunelab.errors import DataError, MissingExtraError
from prunelab.evaluate.forward import LossFunction, describe
from prunelab.evaluate.loss import described
from prunelab.graph import as_array

Array = np.ndarray[Any, Any]


class BoxPrecision:
    """COCO's AP: the mean over classes and overlaps of 0.50 to 0.95. In [0, 1], higher is better.

    Outputs are what PaddleDetection's models give: ``(boxes, counts)``, or a dict with ``bbox`` and ``bbox_num``: boxes
    of all images ``(n, 6)`` as class, score, x1, y1, x2, y2, and how many of them each image has. Labels are
    ``(images, m, 5)``: class, x1, y1, x2, y2, filled up with rows of class -1.
    """

    higher_is_better = True

    def __init__(self, loss: LossFunction | None = None) -> None:
        try:
            import pycocotools.coco  # noqa: F401
        except ImportError as error:
            raise MissingExtraError("pycocotools", "detection") from error
        self._images = 0
        self._truth: list[dict[str, Any]] = []
        self._found: list[Array] = []

    def update(self, outputs: Any, labels: Any, n_samples: int) -> None:
        """Take the boxes of a batch of images."""
        boxes, counts = _boxes(outputs)
        if not isinstance(labels, paddle.Tensor) or labels.ndim != 3 or labels.shape[-1] != 5:
            raise DataError(f"map_boxes needs labels (images, boxes, 5) of class, x1, y1, x2, y2, and they are "
                            f"{describe(labels)}; fill up with rows of class -1")
        if len(counts) != labels.shape[0] or counts.sum() != len(boxes):
            raise DataError(f"map_boxes got {len(boxes)} boxes of {len(counts)} images ({counts.sum()} in all), and "
                            f"labels of {labels.shape[0]}; give as many counts as images")
        image = np.repeat(np.arange(len(counts)) + self._images, counts)
        sizes = boxes[:, 4:] - boxes[:, 2:4]
        # COCO's own rows: image, x, y, width, height, score, class
        self._found.append(np.column_stack([image, boxes[:, 2:4], sizes, boxes[:, 1], boxes[:, 0]]))
        for k, rows in enumerate(as_array(labels)):
            for kind, x1, y1, x2, y2 in rows[rows[:, 0] >= 0].tolist():
                box = [x1, y1, x2 - x1, y2 - y1]
                self._truth.append({"id": len(self._truth) + 1, "image_id": self._images + k, "category_id": int(kind),
                                    "bbox": box, "area": box[2] * box[3], "iscrowd": 0})
        self._images += len(counts)

    def result(self) -> float:
        """The average precision; NaN where no image has a box."""
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval

        if not self._images:
            raise DataError("the data has no batches; give at least one")
        found = np.concatenate(self._found)
        if not self._truth:
            return float("nan")
        if not len(found):
            return 0.0
        with contextlib.redirect_stdout(io.StringIO()):  # it tells how far it is
            truth = COCO()
            kinds = sorted({a["category_id"] for a in self._truth})
            truth.dataset = {"images": [{"id": k} for k in range(self._images)], "annotations": self._truth,
                             "categories": [{"id": k} for k in kinds]}
            truth.createIndex()
            evaluation = COCOeval(truth, truth.loadRes(found[np.isin(found[:, 6], kinds)]), "bbox")
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
        return float(evaluation.stats[0])


def _boxes(outputs: Any) -> tuple[Array, Array]:
    parts = outputs
    if isinstance(outputs, Mapping) and {"bbox", "bbox_num"} <= set(outputs):
        parts = (outputs["bbox"], outputs["bbox_num"])
    if not isinstance(parts, (list, tuple)) or len(parts) < 2 or not all(
            isinstance(p, paddle.Tensor) for p in parts[:2]) or parts[0].ndim != 2 or parts[0].shape[-1] != 6:
        raise DataError(f"map_boxes needs outputs (boxes, counts) with boxes (n, 6) of class, score, x1, y1, x2, y2, "
                        f"and they are {described(outputs)}; give a model that ends so, or a function as metric")
    return as_array(parts[0]).astype(np.float64), as_array(parts[1]).astype(np.int64).ravel()
