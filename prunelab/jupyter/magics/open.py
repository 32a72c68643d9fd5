"""`%prune open`: a model and its data become the current Lab."""

from __future__ import annotations

from typing import Any

from prunelab.errors import OptionError
from prunelab.jupyter.magics.call import Call, Named
from prunelab.jupyter.magics.command import Command, Given, Parser
from prunelab.jupyter.magics.kinds import (
    CRITERION,
    DATA,
    DEVICE,
    EPOCHS,
    LEARNING_RATE,
    LOSS,
    METRICS,
    MODEL,
    OPTIMIZER,
    SEED,
    SHAPE,
    WORKSPACE,
)
from prunelab.jupyter.magics.session import Session


def options(parser: Parser) -> None:
    """The model, its data, and what the Lab needs to know."""
    parser.option("model", kind=MODEL, help="a variable: a layer, a paddle.Model or a Lab; or module:callable")
    parser.option("--train", kind=DATA, help="a variable: a DataLoader, a Dataset, arrays (x, y) or a list of batches")
    parser.option("--val", kind=DATA, help="the same, for the metrics")
    parser.option("--inputs", kind=SHAPE, action="append", help="an input's shape, with its batch; once for each input "
                  "(the first sample's)")
    parser.option("--loss", kind=LOSS, help="mse, l1, bce_with_logits, or a variable: "
                  "(outputs, labels) -> mean of the batch (cross_entropy)")
    parser.option("--metrics", kind=METRICS, help="with commas between them (accuracy,loss)")
    parser.option("--workspace", kind=WORKSPACE, help="where the history is kept; an existing one goes on")
    parser.option("--device", kind=DEVICE, help="where the Lab's copy of the model works (where the model is)")
    parser.option("--seed", kind=SEED, help="of everything that draws (the workspace's, or 0)")
    parser.option("--criterion", kind=CRITERION, help="of steps that do not say: what makes a unit worth keeping")
    parser.option("--finetune", kind=EPOCHS, help="of steps that do not say: epochs of training (0)")
    parser.option("--lr", kind=LEARNING_RATE, help="its learning rate")
    parser.option("--optimizer", kind=OPTIMIZER, help="its optimizer")


def call(given: Given, session: Session) -> Call:
    """``pl.Lab(model, ...)``, or the Lab itself where it is made already."""
    from prunelab.data import load_model
    from prunelab.lab import Lab

    model: Any = given.model
    if isinstance(model, Named) and isinstance(model.value, Lab):
        _refuse_options(given, model.source)
        return Call(lambda: model.value, model.source, is_property=True)
    if isinstance(model, str):
        model = Call(load_model, "pl.load_model", [model])
    inputs = given.inputs
    options = {
        "train": given.train, "val": given.val, "inputs": inputs[0] if inputs and len(inputs) == 1 else inputs,
        "loss": given.loss, "metrics": given.metrics, "workspace": given.workspace, "device": given.device,
        "seed": given.seed, "criterion": given.criterion, "finetune": given.finetune, "lr": given.lr,
        "optimizer": given.optimizer,
    }
    return Call(Lab, "pl.Lab", [model], {name: value for name, value in options.items() if value is not None},
                imports="import prunelab as pl")


def origin_of(given: Given) -> dict[str, Any]:
    """Where the model and the data come from, as a recipe says it: names of variables, or ``module:callable``."""
    data = {name: value.source for name in ("train", "val") if isinstance(value := getattr(given, name), Named)}
    model = given.model.source if isinstance(given.model, Named) else given.model
    return {"model": {"source": model}, **({"data": data} if data else {})}


def _refuse_options(given: Given, name: str) -> None:
    own = ("model", "explain", "help")
    extra = [option for option, value in vars(given).items() if value is not None and option not in own]
    if extra:
        raise OptionError(f"{name} is a Lab already, with its own data and options; leave out --{extra[0]}")


OPEN = Command(name="open", summary="open a model: a Lab on its own copy of it, which the other lines then speak of",
               example="lab = {open}", options=options, call=call)
