"""What a forward hangs up on its layer: nothing to the graph where it only lies there, refused where the next call
reads it."""

from __future__ import annotations

from collections import UserDict, deque
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import paddle
import pytest
from paddle import nn

import prunelab as pl
from prunelab.errors import TraceError
from prunelab.testing import laws


class Base(nn.Layer):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)


class LeavesBehind(Base):
    """An activation for others to look at: at its own name, in a list, in a dict, in a list that grows."""

    def __init__(self, how="plain"):
        super().__init__()
        self.how, self.out = how, nn.Linear(4, 3)
        if how == "grows":
            self.seen = []
        elif how == "the last two":
            self.seen = deque(maxlen=2)
        elif how == "stood there":
            self.seen = None

    def forward(self, x):
        h = nn.functional.relu(self.fc(x))
        if self.how == "list":
            self.seen = [h, 2 * h]
        elif self.how == "dict":
            self.seen = {"h": h}
        elif self.how in ("grows", "the last two"):
            self.seen.append(h)
        elif self.how == "read afterwards":
            self.seen = h
            h = self.seen * 2 + self.seen
        elif self.how == "written twice":
            self.seen = h * 3
            self.seen = h * self.seen
            h = self.seen
        else:
            self.seen = h
        return self.out(h)


@pytest.mark.parametrize("ran", [False, True])
@pytest.mark.parametrize("how", ["plain", "stood there", "list", "dict", "grows", "the last two", "read afterwards",
                                 "written twice"])
def test_what_a_forward_leaves_behind_is_nothing_to_the_graph(how, ran):
    model = LeavesBehind(how)
    if ran:
        model(paddle.randn([3, 4]))
    before = vars(model).get("seen", model._buffers.get("seen"))
    held = list(before) if isinstance(before, (list, deque)) else before
    graph = pl.trace(model, (1, 4))
    now = vars(model).get("seen", model._buffers.get("seen"))
    assert now is before
    if isinstance(before, (list, deque)):
        assert len(now) == len(held)
        assert all(a is b for a, b in zip(now, held, strict=True))
    assert {p.name for p in graph.program.parameters} == {"fc.weight", "fc.bias", "out.weight", "out.bias"}
    assert [op.index for op in graph.program.ops] == list(range(len(graph.program.ops)))
    assert [g.name for g in graph.groups] == ["fc", "out"]
    x = paddle.randn([5, 4])
    np.testing.assert_array_equal(graph.run(x).numpy(), model(x).numpy())
    small = laws.check_exact(graph, pl.propose(graph, sparsity=0.5))
    assert type(small) is LeavesBehind
    lab = pl.Lab(model, inputs=(1, 4), val=(np.ones((7, 4), np.float32), np.zeros(7, np.int64)))
    lab.step("fc", 0.5)
    lab.back()
    lab.goto("s1")


class Remembers(Base):
    """What it left behind is added at the next call."""

    def __init__(self):
        super().__init__()
        self.last = None

    def forward(self, x):
        h = self.fc(x)
        self.last = h if self.last is None else h + self.last
        return self.last


class Keeps(Base):
    """The mean of the first batch, for ever."""

    def forward(self, x):
        if not hasattr(self, "last"):
            self.last = x.mean()
        return self.fc(x) + self.last


class KeepsInAList(Base):
    """The sum of the last two."""

    def forward(self, x):
        self.last = [*getattr(self, "last", [])[-1:], self.fc(x)]
        return self.last[0] + self.last[-1]


class KeepsADictOf(Base):
    def forward(self, x):
        h = self.fc(x)
        if hasattr(self, "last"):
            h = paddle.concat([h, self.last["h"]], -1)[:, :3]
        self.last = {"h": h}
        return h


class KeepsTwo(Base):
    """In place: no attribute is set."""

    def __init__(self):
        super().__init__()
        self.last = deque(maxlen=2)

    def forward(self, x):
        self.last.append(self.fc(x))
        return self.last[0] + self.last[-1]


@pytest.mark.parametrize("cls", [Remembers, Keeps, KeepsInAList, KeepsADictOf, KeepsTwo])
def test_a_forward_that_reads_what_it_left_behind_is_refused(cls):
    model = cls()
    with pytest.raises(TraceError, match="'last'"):
        pl.trace(model, (1, 4))
    assert not getattr(model, "last", None)


@dataclass
class Cache:
    """Keys of earlier calls, as decoders keep them."""

    keys: Any = None

    def update(self, new):
        self.keys = new if self.keys is None else paddle.concat([self.keys, new], 1)
        return self.keys


class Caches(Base):
    def __init__(self):
        super().__init__()
        self.cache = Cache()

    def forward(self, x):
        return self.cache.update(self.fc(x)).sum(1)


class CachesAnew(Caches):
    """Another object at each call."""

    def forward(self, x):
        h = self.fc(x)
        if self.cache.keys is not None:
            h = h + self.cache.keys
        self.cache = Cache(h)
        return h


class CachesDeep(Caches):
    """In a list of an object's."""

    def __init__(self):
        super().__init__()
        self.cache = SimpleNamespace(keys=[])

    def forward(self, x):
        self.cache.keys.append(self.fc(x))
        return self.cache.keys[-1] + self.cache.keys[0]


class CountsInAnObject(Caches):
    def __init__(self):
        super().__init__()
        self.cache = SimpleNamespace(n=0)

    def forward(self, x):
        self.cache.n += 1
        return self.fc(x) * self.cache.n


class CountsInADict(CountsInAnObject):
    def __init__(self):
        super().__init__()
        self.cache = {"n": 0}

    def forward(self, x):
        self.cache["n"] += 1
        return self.fc(x) * self.cache["n"]


class CachesInAUserDict(Caches):
    def __init__(self):
        super().__init__()
        self.cache = UserDict()

    def forward(self, x):
        h = self.fc(x) + self.cache.get("h", 0)
        self.cache["h"] = h
        return h


@pytest.mark.parametrize("cls", [Caches, CachesAnew, CachesDeep, CountsInAnObject, CountsInADict, CachesInAUserDict])
def test_a_forward_that_remembers_in_an_object_is_refused_and_the_object_as_it_was(cls):
    model = cls()
    cache, before = model.cache, str(model.cache)
    with pytest.raises(TraceError, match="'cache'"):
        pl.trace(model, (1, 4))
    assert model.cache is cache
    assert str(cache) == before


class Shows(Base):
    """What it leaves in an object nobody reads."""

    def __init__(self, shown):
        super().__init__()
        self.shown, self.out = shown, nn.Linear(4, 3)

    def forward(self, x):
        h = nn.functional.relu(self.fc(x))
        if isinstance(self.shown, UserDict):
            self.shown["h"] = h
        else:
            self.shown.h = h
        return self.out(h)


@pytest.mark.parametrize("shown", [SimpleNamespace(size=4), UserDict(size=4), Cache()])
def test_what_lies_in_an_object_is_nothing_to_the_graph(shown):
    model = Shows(shown)
    before = str(shown)
    laws.check_exact(graph := pl.trace(model, (1, 4)), pl.propose(graph, sparsity=0.5))
    pl.trace(model, (1, 4))
    assert model.shown is shown
    model.shown.__dict__.pop("h", None)
    if isinstance(shown, UserDict):
        shown.pop("h", None)
    assert str(shown) == before
