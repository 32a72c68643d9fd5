"""The kinds of values that options take, named in one place."""

from __future__ import annotations

from collections.abc import Iterable

from prunelab.errors import check_positive, check_ratio, check_seed
from prunelab.jupyter.magics.bounds import Bound
from prunelab.jupyter.magics.granularity import Granularity
from prunelab.jupyter.magics.names import (
    Device,
    Folder,
    Layer,
    Model,
    NamedOrVariable,
    NewName,
    Shape,
    State,
    Variable,
    is_data,
    is_loss_or_function,
    is_model_or_lab,
)
from prunelab.jupyter.magics.ratios import LayerRatios, Ratios
from prunelab.jupyter.magics.session import Session
from prunelab.jupyter.magics.values import Listed, Number, Word, at_least


def _criteria(session: Session) -> Iterable[str]:
    from prunelab.criteria import CRITERIA

    return CRITERIA


def _schedules(session: Session) -> Iterable[str]:
    from prunelab.plan.schedules import LAYER_SCHEDULES, SCHEDULES

    return [*SCHEDULES, *LAYER_SCHEDULES]


def _scopes(session: Session) -> Iterable[str]:
    from prunelab.plan.scopes import SCOPES

    return SCOPES


def _metrics(session: Session) -> Iterable[str]:
    from prunelab.evaluate import METRICS

    return METRICS


def _samplers(session: Session) -> Iterable[str]:
    from prunelab.search import SAMPLERS

    return SAMPLERS


def _objectives(session: Session) -> Iterable[str]:
    from prunelab.search.objectives import known_names

    return known_names()


def _optimizers(session: Session) -> Iterable[str]:
    from prunelab.train import OPTIMIZERS

    return OPTIMIZERS


def _formats(session: Session) -> Iterable[str]:
    from prunelab.export import FORMATS

    return FORMATS


def _devices(session: Session) -> Iterable[str]:
    import paddle

    available = paddle.device.get_available_device()
    return dict.fromkeys(["cpu", *(name.partition(":")[0] for name in available), *available])


def _parts(session: Session) -> Iterable[str]:
    from prunelab.jupyter.panels import PARTS

    return PARTS


def _ratio(value: object, place: str) -> float:
    return check_ratio(value, place=place)


def _losses(session: Session) -> Iterable[str]:
    from prunelab.evaluate.loss import LOSSES

    return LOSSES


RATIO = Number("RATIO", "0.3", _ratio)
POINTS = Number("POINTS", "0.5", check_positive)
RATIOS = Ratios()
LAYER_RATIOS = LayerRatios()
EPOCHS = Number("EPOCHS", "1", at_least(0), whole=True)
STEPS = Number("N", "10", at_least(1), whole=True)
UNITS = Number("UNITS", "8", at_least(1), whole=True)
SAMPLES = Number("N", "1", at_least(1), whole=True)
SEED = Number("SEED", "0", check_seed, whole=True)
LEARNING_RATE = Number("LR", "0.001", check_positive)
CRITERION = Word("criterion", _criteria, callable)
SCHEDULE = Word("schedule", _schedules)
SCOPE = Word("scope", _scopes)
GRANULARITY = Granularity()
TARGET = Word("target", lambda session: ("sparsity", "macs", "params"))
METRIC = Word("metric", _metrics, callable)
METRICS = Listed(METRIC)
SAMPLER = Word("sampler", _samplers, lambda value: hasattr(value, "sample_relative"))
OBJECTIVES = Listed(Word("objective", _objectives, callable))
TRIALS = Number("N", "50", at_least(1), whole=True)
SPACE = Variable("SPACE", lambda value: type(value).__name__ == "Space", "space")
CONSTRAINT = Bound()
FORMATS = Listed(Word("format", _formats, lambda value: hasattr(value, "write")))
PART = Word("part", _parts)
OPTIMIZER = Word("optimizer", _optimizers, callable)
DEVICE = Device("device", _devices)
LAYER, STATE, SHAPE, NEW_NAME = Layer(), State(), Shape(), NewName()
MODEL = Model("MODEL", is_model_or_lab, "net")
DATA = Variable("DATA", is_data, "train_set")
LOSS = NamedOrVariable("LOSS", is_loss_or_function, "mse", _losses)
WORKSPACE, EXPORTED = Folder("runs/digits"), Folder("out")
CODE_FILE = Folder("run.py", "FILE", (".py", ".toml", ".ipynb"))
REPORT_FILE = Folder("run.html", "FILE", (".html", ".md", ".tex"))
FORM = Word("form", lambda session: ("script", "recipe", "notebook"))
TITLE = NewName("TITLE", "Digits")

__all__ = [
    "CODE_FILE", "CONSTRAINT", "CRITERION", "DATA", "DEVICE", "EPOCHS", "EXPORTED", "FORM", "FORMATS", "LAYER",
    "LAYER_RATIOS", "LEARNING_RATE", "LOSS", "METRIC", "METRICS", "MODEL", "NEW_NAME", "OBJECTIVES", "OPTIMIZER",
    "PART", "POINTS", "RATIO", "RATIOS", "REPORT_FILE", "SAMPLER", "SAMPLES", "SCHEDULE", "SCOPE", "SEED", "SHAPE",
    "SPACE", "STATE", "STEPS", "TARGET", "TITLE", "TRIALS", "UNITS", "WORKSPACE",
]
