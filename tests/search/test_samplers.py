"""Our samplers keep Optuna's own contract, work in a plain study, repeat themselves, and read all from the study."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import optuna
import pytest
from optuna.samplers import BaseSampler
from optuna.testing.pytest_samplers import BasicSamplerTestCase, MultiObjectiveSamplerTestCase, RelativeSamplerTestCase

from prunelab.errors import OptionError, UnknownNameError
from prunelab.search.samplers import (
    SAMPLERS,
    AnnealingSampler,
    GeneticSampler,
    ParticleSwarmSampler,
    Settings,
    sampler_of,
)

OURS = {"annealing": AnnealingSampler, "genetic": GeneticSampler, "pso": ParticleSwarmSampler}
optuna.logging.set_verbosity(optuna.logging.WARNING)


# Optuna's fixtures are methods of the classes that it publishes: a class of ours a sampler
class Contract(BasicSamplerTestCase, RelativeSamplerTestCase, MultiObjectiveSamplerTestCase):
    make: Callable[[], BaseSampler]

    @pytest.fixture
    def sampler(self) -> Callable[[], BaseSampler]:
        return type(self).make


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
class TestAnnealing(Contract):
    # beyond the random beginning after the two or three trials that these tests make
    make = staticmethod(lambda: AnnealingSampler(seed=0, n_startup=1))


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
class TestGenetic(Contract):
    make = staticmethod(lambda: GeneticSampler(seed=0, population=2))


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
class TestParticleSwarm(Contract):
    make = staticmethod(lambda: ParticleSwarmSampler(seed=0, particles=1))


def valley(trial: optuna.Trial) -> float:
    """A narrow valley of six variables, one of them a name; 0 at best."""
    xs = [trial.suggest_float(f"x{k}", 0, 1) for k in range(5)]
    kind = trial.suggest_categorical("kind", ["a", "b", "c"])
    return sum((x - 0.3 - 0.1 * k) ** 2 for k, x in enumerate(xs)) + (0.0 if kind == "b" else 0.2)


def study_of(sampler: BaseSampler, trials: int, objective: Callable[[optuna.Trial], object] = valley,
             **options: object) -> optuna.Study:
    study = optuna.create_study(sampler=sampler, **options)
    study.optimize(objective, n_trials=trials)
    return study


@pytest.mark.parametrize("name", OURS)
def test_a_plain_study_comes_down_a_valley_further_than_by_chance(name: str) -> None:
    ours = np.mean([study_of(OURS[name](seed), 100).best_value for seed in range(5)])
    chance = np.mean([study_of(optuna.samplers.RandomSampler(seed), 100).best_value for seed in range(5)])
    assert ours < 0.6 * chance


@pytest.mark.parametrize("name", OURS)
def test_the_same_seed_gives_the_same_trials_and_another_gives_others(name: str) -> None:
    first, again, other = ([t.params for t in study_of(OURS[name](seed), 25).trials] for seed in (3, 3, 4))
    assert first == again
    assert first != other


@pytest.mark.parametrize("name", OURS)
def test_a_study_that_another_process_goes_on_with_is_the_same_study(name: str) -> None:
    whole = study_of(OURS[name](3), 30)
    storage = optuna.storages.InMemoryStorage()
    study_of(OURS[name](3), 17, storage=storage, study_name="s")
    rest = study_of(OURS[name](3), 13, storage=storage, study_name="s", load_if_exists=True)
    assert [t.params for t in rest.trials] == [t.params for t in whole.trials]


@pytest.mark.parametrize("name", OURS)
def test_several_objectives_give_a_front_with_both_ends_and_something_between(name: str) -> None:
    def both(trial: optuna.Trial) -> tuple[float, float]:
        x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
        return x**2 + 0.3 * y, (1 - x) ** 2 + 0.3 * y

    study = study_of(OURS[name](0), 80, both, directions=["minimize", "minimize"])
    xs = [t.params["x"] for t in study.best_trials]
    assert min(xs) < 0.2 and max(xs) > 0.8 and any(0.35 < x < 0.65 for x in xs)  # noqa: PT018
    assert np.median([t.params["y"] for t in study.trials[40:]]) < 0.25


@pytest.mark.parametrize("name", OURS)
def test_what_is_outside_constraints_leads_back_inside(name: str) -> None:
    def walled(trial: optuna.Trial) -> float:
        xs = [trial.suggest_float(f"x{k}", 0, 1) for k in range(8)]
        missed = sum(xs) - 1.5  # one in some thousand points drawn at random is inside
        trial.set_constraint("sum", missed)
        if missed > 0:
            raise optuna.TrialPruned
        return -sum(xs)

    study = study_of(OURS[name](0), 120, walled)
    inside = [t for t in study.trials if t.values is not None]
    assert len(inside) > 20


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_name_makes_a_sampler_that_runs(name: str) -> None:
    if name == "bayesian":
        pytest.importorskip("torch")
    space = {"x": optuna.distributions.FloatDistribution(0, 0.8, step=0.2),
             "kind": optuna.distributions.CategoricalDistribution(["a", "b"])}
    study = optuna.create_study(sampler=sampler_of(name, Settings(seed=1, space=space, n_trials=12)))
    for _ in range(9):
        trial = study.ask(space)
        study.tell(trial, trial.params["x"] + (trial.params["kind"] == "a"))
    assert study.best_value < 1


def test_a_misspelt_sampler_comes_with_the_nearest_and_an_odd_one_with_all() -> None:
    settings = Settings(seed=0, space={})
    with pytest.raises(UnknownNameError, match="did you mean 'annealing'"):
        sampler_of("anealing", settings)
    with pytest.raises(OptionError, match="sampler is 3; give one of annealing, genetic, pso"):
        sampler_of(3, settings)


def test_a_grid_too_large_to_list_says_how_large_it_is() -> None:
    space = {f"x{k}": optuna.distributions.FloatDistribution(0, 0.9) for k in range(20)}
    with pytest.raises(OptionError, match=r"9.54e\+13 combinations of 20 variables"):
        sampler_of("grid", Settings(seed=0, space=space))


def test_one_objective_is_what_cmaes_takes() -> None:
    with pytest.raises(OptionError, match="cmaes takes one objective, and 2 are given"):
        sampler_of("cmaes", Settings(seed=0, space={}, n_objectives=2))


def test_cmaes_asks_for_nothing_twice_of_variables_with_steps() -> None:
    space = {f"x{k}": optuna.distributions.FloatDistribution(0, 0.8, step=0.2) for k in range(3)}
    study = optuna.create_study(sampler=sampler_of("cmaes", Settings(seed=0, space=space, n_trials=60)))
    asked: list[tuple[float, ...]] = []
    for _ in range(60):
        trial = study.ask(space)
        asked.append(tuple(trial.params[name] for name in sorted(space)))
        study.tell(trial, sum((x - 0.2) ** 2 for x in asked[-1]))
    by_chance = 10
    assert all(point not in asked[:k] for k, point in enumerate(asked) if k >= by_chance)
    assert study.best_value < 1e-9
