"""Single weights: Wanda's and SparseGPT's scores and updates against dense algebra."""

from __future__ import annotations

import numpy as np
import pytest

from prunelab.criteria import element_mask, n_m_mask, solve_masked, sparsegpt, sparsegpt_scores, wanda
from prunelab.errors import OptionError


def problem(seed: int = 0, rows: int = 6, columns: int = 16) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(400, columns)) @ rng.normal(size=(columns, columns)) * rng.uniform(0.1, 3, columns)
    return rng.normal(size=(rows, columns)), x.T @ x / len(x)


def error(dense: np.ndarray, new: np.ndarray, second: np.ndarray) -> float:
    return float(np.einsum("oi,ij,oj->", dense - new, second, dense - new))


def test_wanda_worked_out_by_hand_and_under_a_factor_moved_to_the_input() -> None:
    w = np.array([[1.0, -2.0], [3.0, 0.5]])
    assert np.allclose(wanda(w, np.array([4.0, 9.0])), [[2, 6], [6, 1.5]])
    assert np.allclose(wanda(w / [2.0, 5.0], np.array([4.0, 9.0]) * [4.0, 25.0]), wanda(w, np.array([4.0, 9.0])))


def test_with_inputs_that_are_uncorrelated_sparsegpt_is_magnitude_times_input_and_updates_nothing() -> None:
    w, _ = problem()
    diagonal = np.diag(np.arange(1.0, 17))
    scores = sparsegpt_scores(w, diagonal, dampening=0.0)
    assert np.allclose(scores, wanda(w, np.arange(1.0, 17)) ** 2)
    new, mask = sparsegpt(w, diagonal, sparsity=0.5, dampening=0.0)
    assert np.allclose(new, w * mask)


def test_a_score_is_the_squared_error_with_all_other_weights_of_the_row_solved_anew() -> None:
    w, second = problem(1)
    scores = sparsegpt_scores(w, second, dampening=0.0)
    mask = np.ones(w.shape, bool)
    mask[2, 5] = False
    assert scores[2, 5] == pytest.approx(error(w, solve_masked(w, second, mask, dampening=0.0), second), rel=1e-6)


@pytest.mark.parametrize("options", [{"sparsity": 0.5}, {"sparsity": 0.8}, {"pattern": (2, 4)}])
def test_the_update_loses_less_than_the_mask_alone_and_the_full_solve_least(options: dict) -> None:
    for seed in range(4):
        w, second = problem(seed)
        new, mask = sparsegpt(w, second, **options, block=4)
        solved = solve_masked(w, second, mask)
        assert not new[~mask].any()
        assert not solved[~mask].any()
        assert error(w, solved, second) < error(w, new, second) < error(w, w * mask, second)


def test_the_block_size_changes_nothing_for_a_given_mask() -> None:
    w, second = problem(3)
    mask = element_mask(np.abs(w), 0.6, by_row=True)
    a, b = (sparsegpt(w, second, mask=mask, block=block)[0] for block in (1, 16))
    assert np.allclose(a, b)


def test_masks_by_row_over_all_and_n_of_m() -> None:
    scores = np.array([[4.0, 1.0, 3.0, 2.0, 9.0, 8.0], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]])
    assert element_mask(scores, 0.5, by_row=True).sum(1).tolist() == [3, 3]
    assert element_mask(scores, 0.5).sum(1).tolist() == [6, 0]
    assert n_m_mask(scores, 2, 4).astype(int).tolist() == [[1, 0, 1, 0, 1, 1], [0, 0, 1, 1, 1, 1]]
    with pytest.raises(OptionError, match="3:2 is no pattern"):
        n_m_mask(scores, 3, 2)


def test_an_input_that_never_fires_costs_nothing_and_breaks_nothing() -> None:
    w, second = problem(4)
    second[3] = second[:, 3] = 0.0
    new, mask = sparsegpt(w, second, sparsity=0.5)
    assert np.isfinite(new).all()
    assert mask.sum() == mask.size // 2
