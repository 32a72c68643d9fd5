"""Each criterion against a value worked out by hand, and against its own paper's invariance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from prunelab.criteria import (
    CRITERIA,
    Activations,
    Calibration,
    Cluster,
    L1Weight,
    L2Weight,
    Material,
    Mean,
    Moments,
    Taylor,
    check_calibration,
)
from prunelab.errors import OptionError, UnknownNameError

W = np.array([[3.0, -4.0], [0.0, 1.0], [-2.0, -2.0]])
G = np.array([[1.0, 0.5], [2.0, -1.0], [0.0, 3.0]])


def material(weights: np.ndarray = W, **more: Any) -> Material:
    return Material({"w[0]": weights}, len(weights), np.random.default_rng(0), **more)


def responses(rows: np.ndarray, **more: Any) -> Activations:
    """What `calibrate` says of responses (units, n)."""
    return Activations(rows.mean(1), np.abs(rows).mean(1), (rows == 0).mean(1), rows @ rows.T / rows.shape[1], **more)


R = np.array([[1.0, 0.0, 2.0, 0.0], [2.0, 0.0, 4.0, 0.0], [0.0, 3.0, 0.0, 0.0]])


@pytest.mark.parametrize(("name", "given", "expected"), [
    ("channel_l1",
     material(readers={"r[1]": np.ones((3, 2))}, scales={"b.weight[0]": np.array([[-1.0], [2.0], [0.0]])}),
     [7 + 2 + 1, 1 + 2 + 2, 4 + 2]),
    ("importance", material(np.array([[3.0, 4.0], [0.0, 5.0]])), [0.5, 0.5]),
    ("importance", material(W, readers={"r[1]": np.array([[1.0], [1.0], [2.0]])}),
     (np.array([5, 1, np.sqrt(8)]) / (6 + np.sqrt(8)) + np.array([0.25, 0.25, 0.5])) / 2),
    ("geometric_median", material(np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 0.0]])), [5, 10, 5]),
    ("bn_scale", material(scales={"b.weight[0]": np.array([[-1.5], [0.5], [0.0]]), "c.bias[0]": np.ones((3, 1))}),
     [1.5, 0.5, 0]),
    ("lamp", material(np.array([[2.0], [1.0], [-3.0]])), [4 / 13, 1 / 14, 1]),
    ("taylor", material(gradients={"w[0]": G}, squares={"w[0]": G**2}), [1.0, 1.0, 36.0]),
    ("obd", material(gradients={"w[0]": G}, squares={"w[0]": G**2}), [(9 + 4) / 2, 0.5, 18]),
    ("first_order_movement", material(gradients={"w[0]": G}, squares={"w[0]": G**2}), [-1.0, 1.0, 6.0]),
    ("fisher", material(activations=responses(R, fisher=np.array([2.0, 0.0, 1.0]))), [1.0, 0.0, 0.5]),
    ("taylor_activation", material(activations=responses(R, taylor=np.array([2.0, 0.0, 1.0]))), [2.0, 0.0, 1.0]),
    ("hrank", material(activations=responses(R, rank=np.array([2.0, 1.0, 0.0]))), [2, 1, 0]),
    ("apoz", material(activations=responses(R)), [0.5, 0.5, 0.25]),
    ("activation", material(activations=responses(R)), [0.75, 1.5, 0.75]),
    ("sensitivity", material(losses=np.array([0.1, -0.2, 0.0])), [0.1, -0.2, 0.0]),
    # the first is half the second: it goes at no loss; the third goes next, against the second alone
    ("similarity", material(activations=responses(R)), [0.0, 1.0, 1 - 0.5222329678670935]),
])
def test_values_worked_out_by_hand(name: str, given: Material, expected: Any) -> None:
    assert np.allclose(CRITERIA[name](given), expected)


def test_the_similarity_worked_out_by_hand() -> None:
    a, b = R[1] - R[1].mean(), R[2] - R[2].mean()
    assert -a @ b / np.sqrt((a @ a) * (b @ b)) == pytest.approx(0.5222329678670935)


def test_taylor_of_single_weights_sums_their_squares() -> None:
    given = material(gradients={"w[0]": G}, squares={"w[0]": G**2})
    assert np.allclose(Taylor(together=False)(given), [9 + 4, 1, 36])


@pytest.mark.parametrize("name", ["geometric_median"])
def test_the_geometric_median_does_not_mind_a_translation_of_all_filters(name: str) -> None:
    assert np.allclose(CRITERIA[name](material(W + np.array([100.0, -7.0]))), CRITERIA[name](material(W)))


@pytest.mark.parametrize("name", ["lamp", "importance"])
def test_layer_adaptive_scores_do_not_mind_the_scale_of_a_layer(name: str) -> None:
    assert np.allclose(CRITERIA[name](material(1e3 * W)), CRITERIA[name](material(W)))


def test_the_largest_of_each_layer_has_a_lamp_score_of_one_and_equal_units_split_by_place() -> None:
    assert np.allclose(CRITERIA["lamp"](material(np.ones((4, 2)))), [1 / 4, 1 / 3, 1 / 2, 1])


@pytest.mark.parametrize("name", ["taylor", "obd", "first_order_movement"])
def test_gradient_times_weight_does_not_mind_a_factor_moved_into_the_next_layer(name: str) -> None:
    c = np.array([[2.0], [0.5], [10.0]])
    before = CRITERIA[name](material(W, gradients={"w[0]": G}, squares={"w[0]": G**2}))
    after = CRITERIA[name](material(W * c, gradients={"w[0]": G / c}, squares={"w[0]": (G / c) ** 2}))
    assert np.allclose(before, after)


def test_a_similarity_minds_neither_scale_nor_shift_of_a_unit_and_keeps_one_of_each_pair() -> None:
    rng = np.random.default_rng(1)
    base = rng.normal(size=(3, 200))
    rows = np.concatenate([base, 2 * base[:2] + 5])
    scores = CRITERIA["similarity"](material(np.ones((5, 1)), activations=responses(rows)))
    assert np.allclose(scores[[0, 1]], 0, atol=1e-6)
    assert (scores[[2, 3, 4]] > 0.5).all()
    moved = rows * np.array([[1.5], [1], [1], [1], [1]]) - 4
    assert np.allclose(CRITERIA["similarity"](material(np.ones((5, 1)), activations=responses(moved))), scores)


def test_clusters_lose_alike_and_keep_their_representatives() -> None:
    rng = np.random.default_rng(2)
    centres = 10 * rng.normal(size=(3, 50))
    spread = np.repeat(centres, 4, axis=0) + 0.3 * rng.normal(size=(12, 50))
    scores = Cluster(clusters=3)(material(np.ones((12, 1)), activations=responses(spread)))
    kept = np.flatnonzero(scores > 0.5)
    assert [sum(k // 4 == c for k in kept) for c in range(3)] == [2, 2, 2]
    for c in range(3):
        own = spread[4 * c : 4 * c + 4]
        nearest = np.linalg.norm(own - own.mean(0), axis=1).argmin()
        assert scores[4 * c + nearest] == 1.0
    shifted = Cluster(clusters=3)(material(np.ones((12, 1)), activations=responses(spread + 7)))
    assert np.array_equal(shifted, scores)


def moments(x: np.ndarray, w: np.ndarray, unit: Any) -> Moments:
    return Moments(np.cov(x.T, bias=True), w, np.asarray(unit))


def test_reconstruction_takes_first_what_the_others_make_up_for() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(500, 3))
    x = np.column_stack([x[:, 0], x[:, 1], x[:, 0] + x[:, 1], x[:, 2]])  # the third is the sum of the first two
    w = np.array([[1.0], [2.0], [1.0], [0.15]])
    scores = CRITERIA["reconstruction"](material(np.ones((4, 1)), moments=[moments(x, w, [0, 1, 2, 3])]))
    first, second = np.argsort(scores)[:2]
    assert first in (0, 1, 2)
    assert scores[first] < 1e-3
    assert second == 3, "what is hardly read goes before what only one can make up for"
    kept = [u for u in range(4) if u not in (first, second)]
    centred = x - x.mean(0)
    target = centred @ w
    fit = np.linalg.lstsq(centred[:, kept], target, rcond=None)[0]
    lost = np.square(target - centred[:, kept] @ fit).sum() / np.square(target).sum()
    assert scores[second] == pytest.approx(lost, abs=2e-3)


def test_reconstruction_by_blocks_of_columns_and_for_several_readers() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(400, 6)) @ rng.normal(size=(6, 6))
    readers = [moments(x, rng.normal(size=(6, 2)), [0, 0, 1, 1, 2, 2]),
               moments(x[:, :3], rng.normal(size=(3, 4)), [0, 1, 2])]
    scores = CRITERIA["reconstruction"](material(np.ones((3, 1)), moments=readers))
    goes = int(scores.argmin())
    lost = 0.0
    for m in readers:
        keep = np.flatnonzero(m.unit != goes)
        fit = np.linalg.solve(m.covariance[np.ix_(keep, keep)], m.covariance[keep] @ m.weights)
        full = np.zeros(m.weights.shape)
        full[keep] = fit
        d = m.weights - full
        lost += np.trace(d.T @ m.covariance @ d) / np.trace(m.weights.T @ m.covariance @ m.weights)
    assert scores[goes] == pytest.approx(lost, rel=0.1)
    assert sorted(scores) == pytest.approx(np.sort(scores))


def test_reconstruction_minds_no_factor_between_unit_and_reader() -> None:
    rng = np.random.default_rng(5)
    x, w, c = rng.normal(size=(300, 4)), rng.normal(size=(4, 3)), np.array([1.1, 0.9, 1.2, 0.8])
    a, b = (CRITERIA["reconstruction"](material(np.ones((4, 1)), moments=[moments(p, q, range(4))]))
            for p, q in ((x, w), (x * c, w / c[:, None])))
    assert np.allclose(a, b, rtol=0.02)


def test_units_are_sampled_with_probability_by_importance() -> None:
    weights = np.array([[1.0], [2.0], [5.0]])
    first = []
    for seed in range(2000):
        given = Material({"w[0]": weights}, 3, np.random.default_rng(seed))
        first.append(int(CRITERIA["importance_sampling"](given).argmax()))
    assert np.allclose(np.bincount(first) / 2000, [1 / 8, 2 / 8, 5 / 8], atol=0.04)
    same = [CRITERIA["importance_sampling"](material()) for _ in range(2)]
    assert np.array_equal(*same)


TWO = Material({"a[0]": W, "b[0]": 2 * W[:, :1]}, 3, np.random.default_rng(0))


@pytest.mark.parametrize(("reduction", "expected"), [
    ("sum", [13, 1, 8]), ("mean", [6.5, 0.5, 4]), ("max", [7, 1, 4]), ("first", [7, 1, 4]), ("gate", [6, 0, 4]),
])
def test_reductions_over_the_members_of_a_group(reduction: str, expected: list[float]) -> None:
    assert np.allclose(L1Weight(reduction=reduction)(TWO), expected)


def test_the_defaults_are_those_of_all_weights_side_by_side() -> None:
    both = np.concatenate([W, 2 * W[:, :1]], axis=1)
    assert np.allclose(L2Weight()(TWO), np.linalg.norm(both, axis=1))
    assert np.allclose(Mean()(TWO), np.abs(both).mean(1))


@pytest.mark.parametrize(("normalize", "expected"), [
    ("none", [7, 1, 4]), ("mean", [7 / 4, 1 / 4, 1]), ("max", [1, 1 / 7, 4 / 7]),
    ("lamp", [1, 1 / 12, 4 / 11]), ("gaussian", [1, -1, 0]),
])
def test_normalisations_over_the_units_of_a_group(normalize: str, expected: list[float]) -> None:
    assert np.allclose(L1Weight(normalize=normalize)(material()), expected)


def test_lamp_is_a_share_of_squared_norms() -> None:
    expected = [1, 1 / 34, 8 / 33]
    assert np.allclose(CRITERIA["lamp"](material()), expected)
    assert np.allclose(L2Weight(normalize="lamp")(material()), expected)


def test_one_unit_alone_has_no_spread_to_be_divided_by() -> None:
    assert np.allclose(L1Weight(normalize="gaussian")(material(W[:1])), [0])


def test_an_option_nobody_knows_is_named_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'lamp'"):
        L1Weight(normalize="lampe")
    with pytest.raises(UnknownNameError, match="unknown reduction 'prod' in the criterion l1_weight"):
        L1Weight(reduction="prod")
    with pytest.raises(OptionError, match="clusters is 0"):
        Cluster(clusters=0)


@pytest.mark.parametrize("name", [n for n, c in CRITERIA.items() if getattr(c, "needs", ())])
def test_what_was_not_gathered_is_an_error_that_says_what_to_pass(name: str) -> None:
    for calibration in (None, Calibration(frozenset(), 0)):
        with pytest.raises(OptionError, match=f"the criterion {name} needs .*; pass data="):
            check_calibration(CRITERIA[name], calibration)


@pytest.mark.parametrize("name", CRITERIA)
def test_each_criterion_says_its_formula_and_its_paper(name: str) -> None:
    import importlib
    import inspect

    text = inspect.getdoc(type(CRITERIA[name])) or ""
    module = importlib.import_module(type(CRITERIA[name]).__module__)
    assert "score(u)" in text or name == "similarity"
    assert name == "mean" or "19" in text or "20" in text
    assert name in ("mean", "obd") or "arXiv:" in text or "arXiv" in text
    assert type(CRITERIA[name]).name == name
    assert module.__doc__
