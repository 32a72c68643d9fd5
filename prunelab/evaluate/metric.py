"""What a metric is."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable


class Metric(Protocol):
    """What every metric does. One that is a mean over samples also has `Samplewise.rows`."""

    higher_is_better: bool

    def update(self, outputs: Any, labels: Any, n_samples: int) -> None:
        """Take one batch."""

    def result(self) -> float:
        """The value over all batches so far."""


@runtime_checkable
class Samplewise(Protocol):
    """A metric that is a weighted mean: it can tell a batch's parts, so that two models are compared sample by
    sample."""

    def rows(self, outputs: Any, labels: Any, n_samples: int) -> tuple[Any, Any]:
        """Totals and weights of one batch, float64 arrays of one shape: a row a sample, or one for all of them."""
