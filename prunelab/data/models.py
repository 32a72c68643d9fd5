"""`load_model`: a model by where it is written."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

import paddle

from prunelab.errors import OptionError, PrunelabError, reason_of, unknown_name

_SUPPORTED = "'module:callable', such as 'paddle.vision.models:resnet18', or 'path/to/file.py:callable'"


def load_model(source: str, *args: Any, **kwargs: Any) -> Any:
    """The model that ``source`` makes: a callable that is called with the other arguments, or a layer that is there
    already.

    Args:
        source: ``"module:callable"`` or ``"file.py:callable"``; the callable may be dotted (``"nets:Small.wide"``). The
            file is run: load only what you would import.

    Raises:
        OptionError: a source of another form, a module or file that cannot be loaded, arguments the callable does not
            take, or something else than a model.
        UnknownNameError: the module has nothing of that name; the nearest is in the message.
    """
    place, name = _parts(source)
    value: Any = _file(Path(place)) if place.endswith(".py") else _module(place)
    for part in name.split("."):
        if not hasattr(value, part):
            raise unknown_name("model", part, [n for n in dir(value) if not n.startswith("_")], place=place)
        value = getattr(value, part)
    if not isinstance(value, paddle.nn.Layer):
        value = _call(value, source, args, kwargs)
    elif args or kwargs:
        raise OptionError(f"'{source}' is a model that is made already; it takes no arguments")
    if not isinstance(value, (paddle.nn.Layer, paddle.Model)):
        raise OptionError(f"'{source}' gave a {type(value).__name__}; it gives a paddle.nn.Layer or a paddle.Model")
    return value


def _parts(source: str) -> tuple[str, str]:
    if not isinstance(source, str):
        raise OptionError(f"the model's source is a {type(source).__name__}; give {_SUPPORTED}")
    if "://" in source or source.startswith(("hub:", "github:", "hf:")):
        raise OptionError(f"'{source}' is on the network, which load_model does not read; download it, and give "
                          f"{_SUPPORTED}")
    place, colon, name = source.rpartition(":")
    if not colon or not place or not all(part.isidentifier() for part in name.split(".")):
        raise OptionError(f"'{source}' names no callable; give {_SUPPORTED}")
    return place, name


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and name.startswith(error.name):
            raise OptionError(f"there is no module '{error.name}'; install it, or give {_SUPPORTED}") from error
        raise OptionError(f"module '{name}' needs '{error.name}', which is not installed") from error
    except (ImportError, SyntaxError, ValueError, TypeError) as error:
        raise OptionError(f"module '{name}' cannot be imported: {error}") from error


def _file(path: Path) -> ModuleType:
    if not path.is_file():
        raise OptionError(f"there is no file '{path}'; give {_SUPPORTED}")
    # a name of its own by the whole path, so that two files called net.py do not mix; kept in sys.modules, where
    # deepcopy and to_static look for a class's source
    name = "prunelab_file_" + "".join(c if c.isalnum() else "_" for c in str(path.resolve()))
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise OptionError(f"'{path}' cannot be read as Python")
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(name)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        sys.modules.pop(name)
        if before is not None:
            sys.modules[name] = before
        raise OptionError(f"'{path}' cannot be run: {type(error).__name__}: {error}") from error
    return module


def _call(value: Any, source: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if not callable(value):
        raise OptionError(f"'{source}' is a {type(value).__name__}; it is a callable that makes a model")
    _check_arguments(value, source, args, kwargs)
    try:
        return value(*args, **kwargs)
    except PrunelabError:
        raise
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        raise OptionError(f"'{source}' failed at line {frame.lineno} of {Path(frame.filename).name}: "
                          f"{type(error).__name__}: {reason_of(error)}; mend it, or give other arguments") from error


def _check_arguments(value: Any, source: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Before the call, so that a TypeError of the callable's own is not mistaken for one of ours."""
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):  # a callable that does not say what it takes
        return
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        raise OptionError(f"'{source}' does not take these arguments: {error}; "
                          f"it takes {signature.replace(return_annotation=inspect.Signature.empty)}") from error
