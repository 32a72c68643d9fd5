"""`Preset`: a task as a value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from paddle.io import DataLoader, Dataset

from prunelab.errors import check_whole
from prunelab.evaluate.forward import LossFunction
from prunelab.graph import as_layer
from prunelab.render.numbers import percent
from prunelab.render.table import html_table, text_table

# what `pl.Lab(**preset)` takes
_LAB = ("model", "train", "val", "inputs", "loss", "metrics")


@dataclass(frozen=True, kw_only=True, eq=False)
class Preset(Mapping[str, Any]):
    """One task: ``pl.Lab(**preset)`` opens it.

    ``train``, ``val`` and ``test`` are DataLoaders (``test`` is None where the labels are not published); ``loss`` and
    ``metrics`` as for `prunelab.evaluate`; ``ratio`` is the fraction that is to go, in [0, 1); ``inputs`` the shape
    that the model is traced with; ``classes`` names the outputs.
    """

    name: str
    model: Any
    train: DataLoader
    val: DataLoader
    test: DataLoader | None
    loss: str | LossFunction
    metrics: tuple[str, ...]
    ratio: float
    inputs: Any
    classes: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        as_layer(self.model)  # an error where it is none

    def __getitem__(self, key: str) -> Any:
        if key not in _LAB:
            raise KeyError(key)
        return getattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return iter(_LAB)

    def __len__(self) -> int:
        return len(_LAB)

    def _rows(self) -> list[list[str]]:
        data = " / ".join(f"{len(loader.dataset):,} {name}" for name, loader in (
            ("train", self.train), ("val", self.val), ("test", self.test)) if loader is not None)
        loss = self.loss if isinstance(self.loss, str) else getattr(self.loss, "__name__", str(self.loss))
        return [["model", type(self.model).__name__], ["samples", data], ["classes", str(len(self.classes))],
                ["loss", loss], ["metrics", ", ".join(self.metrics)], ["ratio", f"{percent(self.ratio, 0)} goes"]]

    def __repr__(self) -> str:
        return text_table(["preset", self.name], self._rows())

    def _repr_html_(self) -> str:
        return html_table(["preset", self.name], self._rows())


def loaders(train: Any, val: Any, test: Any, batch_size: int, workers: int) -> dict[str, Any]:
    """DataLoaders of the splits: the training samples shuffled, read by ``workers`` processes (0: in this one)."""
    size, n = check_whole(batch_size, "batch_size", 1), check_whole(workers, "workers")

    def loader(dataset: Dataset | None, shuffle: bool) -> DataLoader | None:
        return None if dataset is None else DataLoader(dataset, batch_size=size, shuffle=shuffle, num_workers=n)

    return {"train": loader(train, True), "val": loader(val, False), "test": loader(test, False)}
