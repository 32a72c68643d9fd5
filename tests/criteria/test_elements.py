"""Single weights: Wanda's and SparseGPT's scores and updates against dense algebra."""

from __future__ import annotations

import numpy as np
import paddle
import pytest
from paddle import nn

import prunelab as pl
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


# in a plan, on data


def sparse_net() -> tuple[pl.Graph, list[np.ndarray]]:
    """Inputs of unequal size that hang together, through a linear layer and a grouped convolution."""
    model = nn.Sequential(nn.Conv2D(4, 8, 3, padding=1, groups=2), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 25, 6))
    rng = np.random.default_rng(0)
    mixing = rng.standard_normal((4, 4)) * [0.1, 1, 3, 0.3]
    images = [np.einsum("nchw,cd->ndhw", rng.standard_normal((64, 4, 5, 5)), mixing).astype("float32")
              for _ in range(3)]
    return pl.trace(model, (1, 4, 5, 5)), images


def test_wanda_in_a_plan_takes_alike_of_every_output_and_weighs_by_the_inputs() -> None:
    graph, data = sparse_net()
    plan = pl.propose(graph, "wanda", granularity="element", sparsity=0.5, data=data)
    linear, conv = graph.tensor("3.weight").numpy(), graph.tensor("0.weight").numpy()
    x = paddle.nn.functional.relu(graph.model[0](paddle.to_tensor(np.concatenate(data)))).flatten(1).numpy()
    expected = np.abs(linear) * np.sqrt((x**2).mean(0))[:, None]
    gone = plan.group("3.weight").zeros
    assert (gone.sum(axis=0) == 100).all()
    for column in range(6):
        assert expected[gone[:, column], column].max() <= expected[~gone[:, column], column].min() * 1.0001
    assert (plan.group("0.weight").zeros.reshape(8, -1).sum(axis=1) == 9).all()
    assert conv.shape == plan.group("0.weight").zeros.shape


@pytest.mark.parametrize("granularity", ["element", "2:4"])
@pytest.mark.parametrize("criterion", ["wanda", "sparsegpt"])
def test_with_their_weights_updated_they_lose_less_than_magnitude(criterion: str, granularity: str) -> None:
    graph, data = sparse_net()
    target = {} if granularity == "2:4" else {"sparsity": 0.6}
    ignore = ["0.weight"] if granularity == "2:4" else []  # it reads two channels in a group

    def lost(name: str, *, update: bool) -> float:
        plan = pl.propose(graph, name, granularity=granularity, ignore=ignore, data=data, **target)
        model = pl.repair(graph.model, plan, data) if update else graph.model
        x = paddle.to_tensor(data[2])
        return float(((pl.compact(model, plan)(x) - graph.model(x)) ** 2).mean().item())

    magnitude = lost("l1_weight", update=False)
    if granularity == "element":
        assert lost(criterion, update=False) < magnitude
    assert lost(criterion, update=True) < 0.5 * magnitude


def test_tiles_and_kernels_have_the_sum_of_their_weights() -> None:
    graph, data = sparse_net()
    for granularity in ("kernel", "block:2x2"):
        plan = pl.propose(graph, "sparsegpt", granularity=granularity, sparsity=0.5, data=data)
        assert abs(plan.groups[-1].ratio - 0.5) < 0.1


def test_a_weight_that_two_operators_share_goes_by_magnitude() -> None:
    a = nn.Linear(6, 6)
    graph = pl.trace(nn.Sequential(a, nn.ReLU(), a), (1, 6))
    plan = pl.propose(graph, "wanda", granularity="element", sparsity=0.5, data=[np.ones((8, 6), "float32")])
    weight, gone = a.weight.numpy(), plan.groups[0].zeros
    assert np.abs(weight[gone]).max() <= np.abs(weight[~gone]).min()


def test_gradients_too_score_single_weights() -> None:
    graph, data = sparse_net()
    labelled = [(x, np.arange(64) % 6) for x in data]
    assert pl.propose(graph, "obd", granularity="element", sparsity=0.5, data=labelled).sparsity > 0.4


def test_what_scores_weights_does_not_score_units_and_data_is_asked_for() -> None:
    graph, data = sparse_net()
    with pytest.raises(OptionError, match="wanda scores single weights"):
        pl.propose(graph, "wanda", sparsity=0.5, data=data)
    with pytest.raises(OptionError, match="wanda needs input_squares; pass data="):
        pl.propose(graph, "wanda", granularity="element", sparsity=0.5)
