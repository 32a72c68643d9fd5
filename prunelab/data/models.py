"""`load_model`: a model by where it is written."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
import traceback
import urllib.parse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import paddle

from prunelab.data.download import download, is_url
from prunelab.data.hub import is_hub, load_from_hub
from prunelab.data.saved import load_saved
from prunelab.data.weights import SUFFIXES, fill, kind_of, read_weights
from prunelab.errors import OptionError, PrunelabError, reason_of, shown, unknown_name
from prunelab.graph import as_layer

_SUPPORTED = ("'module:callable', such as 'paddle.vision.models:resnet18', 'path/to/file.py:callable', or a saved "
              "model: .onnx, .json of Paddle Inference")
_SAVED = (".onnx", ".json", ".pdmodel", ".pdiparams")


def load_model(source: Any, *args: Any, weights: str | os.PathLike[str] | None = None, trust: bool = False,
               checksum: str | None = None, cache: str | os.PathLike[str] | None = None, timeout: float = 30,
               **kwargs: Any) -> Any:
    """A model by where it is written, ready to be traced, trained and cut.

    ==========================================  ======================================================================
    ``"module:callable"``, ``"file.py:name"``   what the callable makes of the other arguments, or a layer that is there
                                                already; names may be dotted. The file is run: give one of your own
    ``"hub:folder:entry"``,                     an entry of a ``hubconf.py`` (code: ``trust=True``)
    ``"github:owner/repo[:branch]:entry"``
    ``"model.json"``                            a program that ``paddle.jit.save`` or `prunelab.export` wrote, with its
                                                ``.pdiparams`` beside it, as a layer that trains
    ``"model.onnx"``                            an ONNX file as a layer that trains (extra ``onnx``)
    ``"https://..."``                           any of these files, and ``"https://.../file.py:callable"`` (code:
                                                ``trust=True``), through a cache
    a layer                                     itself, to be filled with ``weights``
    ==========================================  ======================================================================

    Args:
        weights: a ``.safetensors`` or ``.pdparams`` file, or its URL, whose arrays fill the model by the names of its
            ``state_dict``.
        trust: run code that comes from elsewhere: a hub's, a URL's, a pickle's that asks for more than arrays.
        checksum: of what is downloaded (of the weights, where both are): a sha256, or "md5:...".
        cache, timeout: of downloads, see `prunelab.data.download`.
        args, kwargs: of the callable.

    Raises:
        OptionError: a source of another form, a module or file that cannot be loaded, code that is not trusted,
            arguments that the callable does not take, weights of another model, or something else than a model.
        UnknownNameError: the module has nothing of that name; the nearest is in the message.
        DataError: a file that is missing, damaged, cut off or another one than its checksum says.
    """
    if weights is not None and not isinstance(weights, (str, os.PathLike)):
        raise OptionError(f"weights is {shown(weights)}; give a file of {' or '.join(SUFFIXES)}, or its URL")
    fetch = partial(download, cache=cache, timeout=timeout)
    if isinstance(source, (paddle.nn.Layer, paddle.Model)):
        model, source = source, type(source).__name__
    else:
        source = _checked(source)
        if is_url(source):
            source = _fetched(source, trust, partial(fetch, checksum=None if weights else checksum))
        elif checksum is not None and weights is None:
            raise OptionError(f"checksum is given, and '{source}' is not downloaded; leave it out")
        model = _made(source, args, kwargs, trust)
    if weights is not None:
        path = Path(fetch(str(weights), checksum=checksum) if is_url(os.fspath(weights)) else weights)
        if kind_of(path) is None:
            raise OptionError(f"weights is '{weights}'; give a file of {' or '.join(SUFFIXES)}")
        fill(as_layer(model), read_weights(path, trust=trust), path)
    return model


def _made(source: str, args: tuple[Any, ...], kwargs: dict[str, Any], trust: bool) -> Any:
    if is_hub(source):
        model = load_from_hub(source, args, kwargs, trust=trust)
    elif Path(source).suffix in _SAVED:
        if args or kwargs:
            raise OptionError(f"'{source}' is a saved model; it takes no arguments")
        model = load_saved(Path(source))
    else:
        model = _called(source, args, kwargs)
    if not isinstance(model, (paddle.nn.Layer, paddle.Model)):
        raise OptionError(f"'{source}' gave a {type(model).__name__}; it gives a paddle.nn.Layer or a paddle.Model")
    return model


def _called(source: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    place, name = _parts(source)
    value: Any = _file(Path(place)) if place.endswith(".py") else _module(place)
    for part in name.split("."):
        if not hasattr(value, part):
            raise unknown_name("model", part, [n for n in dir(value) if not n.startswith("_")], place=place)
        value = getattr(value, part)
    if not isinstance(value, paddle.nn.Layer):
        return _call(value, source, args, kwargs)
    if args or kwargs:
        raise OptionError(f"'{source}' is a model that is made already; it takes no arguments")
    return value


def _checked(source: Any) -> str:
    if not isinstance(source, (str, os.PathLike)):
        raise OptionError(f"the model's source is a {type(source).__name__}; give {_SUPPORTED}")
    source = os.fspath(source)
    if Path(source).suffix in SUFFIXES:
        raise OptionError(f"'{source}' holds weights, and no network; give the network, and the weights beside it: "
                          f"load_model('module:callable', weights='{source}')")
    if Path(source).suffix in (".pth", ".pt", ".bin", ".ckpt"):
        raise OptionError(f"'{source}' is a file of another framework; save its weights as .safetensors under the "
                          "network's own names, or the whole model as .onnx")
    if source.startswith("hf:"):
        raise OptionError(f"'{source}' is no form that load_model knows; give {_SUPPORTED}")
    return source


def _fetched(source: str, trust: bool, fetch: Callable[[str], Path]) -> str:
    """A local source for one on the network: the downloaded file, and the callable in it where it is Python."""
    url, _, name = source.rpartition(":")
    if not url.endswith(".py"):
        suffix = Path(urllib.parse.urlsplit(source).path).suffix
        if suffix in (".json", ".pdmodel", ".pdiparams"):
            raise OptionError(f"'{source}' is one of two files of a program; download both into a folder, and give the "
                              ".json there")
        if suffix not in (".onnx",):
            raise OptionError(f"'{source}' ends with '{suffix}'; give the URL of an .onnx file or of "
                              f"'file.py:callable', or of weights as weights=")
        return str(fetch(source))
    if not trust:
        raise OptionError(f"'{source}' is code from elsewhere, which runs when it is loaded; read it, and give "
                          "trust=True (and its checksum=)")
    return f"{fetch(url)}:{name}"


def _parts(source: str) -> tuple[str, str]:
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
