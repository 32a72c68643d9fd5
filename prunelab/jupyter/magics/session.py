"""`Session`: what a line of one shell can refer to: the current Lab and the notebook's variables."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from prunelab.errors import OptionError, unknown_name
from prunelab.jupyter.magics.call import Call, Named

if TYPE_CHECKING:
    from prunelab.lab import Lab

_NOT_DATA = (ModuleType, FunctionType, BuiltinFunctionType, type)


class Session:
    """The Lab that was opened last, and the variables. ``local`` are those of the function a line stands in."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._opened: Lab | None = None
        self._was_named = False
        self.local: Mapping[str, Any] = {}

    # variables

    @property
    def variables(self) -> dict[str, Any]:
        """The person's own variables: without IPython's, and without names that start with an underscore."""
        hidden = self._shell.user_ns_hidden
        return {name: value for name, value in self.everything.items()
                if not name.startswith("_") and hidden.get(name, hidden) is not value}

    @property
    def everything(self) -> dict[str, Any]:
        """All that a name can mean where the line stands."""
        return {**self._shell.user_ns, **self.local}

    def data_names(self, fits: Callable[[Any], bool] = lambda value: True) -> list[str]:
        """The variables that hold a value and no module, class or function, and that fit."""
        return [name for name, value in self.variables.items() if not isinstance(value, _NOT_DATA) and fits(value)]

    def lookup(self, text: str) -> Named | None:
        """The variable of that name, or an attribute of one (``data.train``); None if there is no such thing."""
        first, *rest = text.split(".")
        space = self.local if first in self.local else self._shell.user_ns
        if not all(part.isidentifier() for part in (first, *rest)) or first not in space:
            return None
        value = space[first]
        for part in rest:
            if not hasattr(value, part):
                return None
            value = getattr(value, part)
        return Named(text, value)

    def variable(self, text: str, place: str) -> Named:
        """The variable of that name.

        Raises:
            UnknownNameError: there is none; the nearest is in the message.
        """
        found = self.lookup(text)
        if found is None:
            raise unknown_name("variable", text, self.variables, place=f"the notebook, for {place}")
        return found

    # the Lab

    @property
    def labs(self) -> dict[str, Lab]:
        """The Labs among the variables, each by its first name."""
        if "prunelab.lab" not in sys.modules:  # nobody can have made one
            return {}
        from prunelab.lab import Lab

        found: dict[int, str] = {}
        for name, value in self.variables.items():
            if isinstance(value, Lab):
                found.setdefault(id(value), name)
        variables = self.variables
        return {name: variables[name] for name in found.values()}

    def use(self, lab: Lab) -> None:
        """Make ``lab`` the current one."""
        self._opened, self._was_named = lab, False

    def current(self) -> Named | None:
        """The Lab that lines speak of: the opened one, or the only one among the variables. None without one.

        An opened Lab whose variable was given another Lab since has been replaced, as a person sees it.
        """
        labs = self.labs
        named = next((name for name, lab in labs.items() if lab is self._opened), None)
        if named is not None:
            self._was_named = True
            return Named(named, self._opened)
        if self._opened is not None and not (self._was_named and labs):
            return Named("lab", self._opened)
        return Named(*next(iter(labs.items()))) if len(labs) == 1 else None

    def lab(self) -> Named:
        """The current Lab.

        Raises:
            OptionError: there is none, or there are several and none was chosen.
        """
        current = self.current()
        if current is not None:
            return current
        names = list(self.labs)
        if names:
            raise OptionError(f"there are several Labs, {', '.join(names)}; choose one: %prune open {names[0]}")
        raise OptionError(f"no Lab is open; open one: {self.opening()}")

    def opening(self) -> str:
        """A line that opens a Lab, with the notebook's own names where they can be guessed."""
        from prunelab.jupyter.magics.names import is_data, is_model

        models, data = self.data_names(is_model), self.data_names(is_data)
        val = next((name for name in data if "val" in name or "test" in name), "val_set")
        others = [name for name in data if name != val]
        train = next((name for name in others if "train" in name), others[0] if others else "train_set")
        return f"%prune open {models[0] if models else 'net'} --train {train} --val {val}"

    def call(self, method: str, *args: Any, **kwargs: Any) -> Call:
        """The call of one of the current Lab's methods; arguments that are None were not given."""
        lab = self.lab()
        return Call(getattr(lab.value, method), f"{lab.source}.{method}", [a for a in args if a is not None],
                    {name: value for name, value in kwargs.items() if value is not None})

    def read(self, attribute: str) -> Call:
        """The reading of one of the current Lab's attributes."""
        lab = self.lab()
        return Call(lambda: getattr(lab.value, attribute), f"{lab.source}.{attribute}", is_property=True)
