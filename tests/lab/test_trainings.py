"""How the loss went while a state was fine-tuned: kept with the state, and told while it goes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from lab_nets import lab

from prunelab.lab import Progress
from prunelab.lab.state import stretches


@given(st.lists(st.floats(0, 1e3), max_size=900))
def test_stretches_keep_the_mean_and_the_number_of_batches(losses: list[float]) -> None:
    found = stretches(losses)
    assert len(found) == min(len(losses), 200)
    if losses:
        ends = [end for end, _ in found]
        assert ends == sorted(set(ends))
        assert ends[-1] == len(losses)
        widths = np.diff([0, *ends])
        np.testing.assert_allclose(np.sum(widths * [mean for _, mean in found]), np.sum(losses), rtol=1e-4, atol=1e-9)


def test_a_state_keeps_how_its_training_went(tmp_path: Path) -> None:
    opened = lab(workspace=tmp_path)
    seen: list[int] = []
    losses: list[float] = []

    def heard(progress: Progress) -> None:
        seen.append(len(opened.training))
        if len(seen) <= 7 and "loss" in progress.metrics:
            losses.append(progress.metrics["loss"])

    opened.on_progress.append(heard)
    state = opened.step("0", ratio=0.5, finetune=2)
    assert [batch for batch, _ in state.training] == [1, 2, 3, 4, 5, 6]
    np.testing.assert_allclose([loss for _, loss in state.training], losses[:6], rtol=1e-4)
    assert max(seen) == 6
    assert opened.training == opened.states[0].training == opened.step("3", ratio=0.5).training == ()
    opened.close()
    again = lab(workspace=tmp_path)
    assert [s.training for s in again.states] == [(), state.training, ()]
    again.close()
