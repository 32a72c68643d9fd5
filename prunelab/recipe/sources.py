"""What a recipe's model and data come from."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Mapping
from types import FunctionType
from typing import Any

from prunelab.data import datasets, load_data, load_model
from prunelab.data.presets import PRESETS
from prunelab.errors import OptionError, unknown_name


def model_of(section: Mapping[str, Any]) -> Any:
    """The model of ``[model]``, with its weights.

    Raises:
        OptionError: a source that gives no model, or weights of another one.
        DataError: a file that is not there or damaged.
    """
    source = section["source"]
    arguments = dict(section.get("arguments", {}))
    if isinstance(source, Mapping):
        source, arguments = source["source"], {**source.get("arguments", {}), **arguments}
    more = {name: section[name] for name in ("weights", "trust", "checksum") if name in section}
    return load_model(source, **more, **arguments) if isinstance(source, str) or more else source


def preset_of(section: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a Lab that ``[preset]`` means: model, data, loss, metrics; none without one.

    Raises:
        OptionError, DataError: arguments that it does not take, data that is not there.
    """
    if not section:
        return {}
    made = PRESETS[section["name"]]
    try:
        inspect.signature(made).bind(**section.get("arguments", {}))
    except TypeError as error:
        raise OptionError(f"arguments of the preset {section['name']}: {error}; it takes "
                          f"{inspect.signature(made)}") from error
    return dict(made(**section.get("arguments", {})))


def data_of(source: Any) -> Any:
    """The data of ``[data]``: a data set of prunelab's by its name and split, what a callable gives, or what it is.

    Raises:
        OptionError: a source that gives nothing.
    """
    if isinstance(source, Mapping):
        found = source["source"]
        return load_data(found, **source.get("arguments", {})) if isinstance(found, str) else found
    if not isinstance(source, str):
        return source
    name, _, split = source.partition(":")
    known = {key: value for key, value in vars(datasets).items()
             if isinstance(value, FunctionType) and value.__module__ == datasets.__name__ and not key.startswith("_")}
    if name in known:
        return known[name](split)
    if name.isidentifier() and importlib.util.find_spec(name) is None:
        raise unknown_name("data set or module", name, known)
    return load_data(source)
