"""``--set schedule.to=0.5``: values in the place of a recipe's."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from prunelab.errors import OptionError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def overrides(settings: Iterable[str]) -> dict[str, Any]:
    """What `Recipe.with_` takes; a value is TOML, or a text where it is none.

    Raises:
        OptionError: something without an equals sign, or a key of more than two parts.
    """
    found: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        section, dot, key = name.partition(".")
        if not equals or not section or (dot and not key) or "." in key:
            raise OptionError(f"--set is '{setting}'; give a key and its value, such as seed=1 or schedule.to=0.5")
        if dot:
            found.setdefault(section, {})[key] = _value(text)
        else:
            found[section] = _value(text)
    return found


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
