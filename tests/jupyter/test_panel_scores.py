"""The threshold of the scores is the ratio: dragged, it takes the units below it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from panel_driving import part, slide

from prunelab.jupyter.panels.panel import Panel
from prunelab.jupyter.panels.scores import below, histogram
from prunelab.lab import Lab


def heard(panel: Panel, **content: Any) -> None:
    part(panel, "Scores")._heard(None, content, None)


@pytest.mark.parametrize("place", [0.0, 0.2, 0.5, 0.9])
def test_a_dragged_threshold_cuts_the_units_below_it(place: float, panel: Panel, lab: Lab) -> None:
    heard(panel, threshold=place)
    scores = lab.scores("first")
    at = scores.min() + place * (scores.max() - scores.min())
    assert panel.desk.preview is not None
    assert panel.desk.preview.removed == tuple(np.flatnonzero(scores < at))
    assert part(panel, "Step")._ratio.value == panel.desk.ratio == round(len(panel.desk.preview.removed) / 8, 4)
    assert part(panel, "Scores").widget.cut == {"cut": len(panel.desk.preview.removed), "units": 8}


def test_the_last_unit_stays_and_what_is_gone_stays_gone(panel: Panel, lab: Lab) -> None:
    lab.step("first", 0.5)
    heard(panel, threshold=1.0)
    assert panel.desk.ratio == 0.875
    heard(panel, move=-100)
    assert panel.desk.ratio == 0.5
    heard(panel, move=2)
    assert panel.desk.ratio == 0.75


def test_the_threshold_that_is_drawn_takes_what_is_drawn(panel: Panel, lab: Lab) -> None:
    scores = lab.scores("first")
    for n in range(1, 8):
        slide(panel, n / 8)
        preview = panel.desk.preview
        assert preview is not None
        _, _, threshold = histogram(scores, preview)
        assert below(scores, preview, threshold) == n == len(preview.removed)


def test_units_of_one_score_have_a_threshold_too(lab: Lab) -> None:
    preview = lab.preview("first", 0.5)
    bars, ends, threshold = histogram(np.ones(8), preview)
    assert (sum(map(sum, bars)), ends, threshold) == (8, (1.0, 1.0), 0.0)


def test_a_frozen_layer_has_no_threshold(panel: Panel) -> None:
    panel.desk.choose("fc")
    heard(panel, threshold=0.5)
    assert part(panel, "Scores").widget.bars == []
    assert "no scores: the model's output" in part(panel, "Scores").widget.caption
