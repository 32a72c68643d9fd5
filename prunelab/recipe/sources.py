"""What a recipe's model and data come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prunelab.data import datasets, load_data, load_model


def model_of(section: Mapping[str, Any]) -> Any:
    """The model of ``[model]``, with the weights that its source gives it.

    Raises:
        OptionError: a source that gives no model.
    """
    source = section["source"]
    arguments = dict(section.get("arguments", {}))
    if isinstance(source, Mapping):
        source, arguments = source["source"], {**source.get("arguments", {}), **arguments}
    return load_model(source, **arguments) if isinstance(source, str) else source


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
    own = getattr(datasets, name, None)
    if callable(own) and getattr(own, "__module__", "") == datasets.__name__:
        return own(split)
    return load_data(source)
