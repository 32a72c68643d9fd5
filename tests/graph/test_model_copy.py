"""A copy of a model is what `copy.deepcopy` makes of it, whatever its layers hold."""

from __future__ import annotations

import copy
from collections import OrderedDict

import paddle
import pytest
from networks import NETWORKS
from paddle import nn

from prunelab.graph.model_copy import copy_of
from prunelab.testing.laws import bits


class Keeps(nn.Layer):
    """What a layer may hold beside its parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.second.weight = self.first.weight
        self.again = self.first
        self.hidden = (nn.Linear(4, 2),)  # no sublayer to Paddle
        self.found = {"first": self.first, 3: [self.second, {"deep": self.first.bias}]}
        self.names, self.ordered = {"a", "b"}, OrderedDict(self_=self, part=self.second)
        self.method, self.kind, self.shared = self.first.forward, nn.ReLU, [1, 2]
        self.also_shared = self.shared
        self.first.register_forward_post_hook(lambda layer, inputs, output: output + 1)

    def forward(self, x):
        return self.hidden[0](self.second(self.again(x)))


class Counted(nn.Layer):
    """A layer that says itself what a copy of it is."""

    def __init__(self, copies: int = 0) -> None:
        super().__init__()
        self.copies, self.cache = copies, [1]

    def __deepcopy__(self, memo):
        return memo.setdefault(id(self), Counted(self.copies + 1))


class Forgetful(nn.Layer):
    """A layer that keeps something out of its state."""

    def __init__(self) -> None:
        super().__init__()
        self.cache = [1]

    def __getstate__(self):
        return {**self.__dict__, "cache": None}


class Slotted(nn.Layer):
    __slots__ = ("extra",)


def test_ties_lists_and_cycles_are_those_of_the_model():
    model = Keeps()
    made = copy_of(model)
    assert made.again is made.first is made.found["first"]
    assert made.second.weight is made.first.weight
    assert made.second.weight is not model.first.weight
    assert made.found[3][0] is made.ordered["part"] is made.second
    assert made.found[3][1]["deep"] is made.first.bias
    assert made.ordered["self_"] is made
    assert list(made.ordered) == ["self_", "part"]
    assert made.hidden[0] is not model.hidden[0]
    assert made.method.__self__ is made.first
    assert made.kind is nn.ReLU
    assert made.names == {"a", "b"}
    assert made.names is not model.names
    assert made.shared is made.also_shared is not model.shared
    x = paddle.randn([3, 4])
    assert (made(x) == model(x)).all()


def test_what_is_done_to_a_copy_is_not_done_to_the_model():
    model = Keeps()
    before = bits(model)
    made = copy_of(model)
    with paddle.no_grad():
        for tensor in made.parameters():
            tensor.zero_()
    made.shared.append(3)
    made.first.register_forward_post_hook(lambda layer, inputs, output: output)
    made.eval()
    assert bits(model) == before
    assert model.shared == [1, 2]
    assert len(model.first._forward_post_hooks) == 1
    assert model.training


@pytest.mark.parametrize("make", [Counted, Forgetful, Slotted])
def test_a_class_is_copied_in_its_own_way(make):
    model = nn.Sequential(make(), nn.Linear(2, 2))
    if make is Slotted:
        model[0].extra = 1
    made, plain = copy_of(model)[0], copy.deepcopy(model)[0]
    assert type(made) is make
    assert getattr(made, "copies", 0) == getattr(plain, "copies", 0)
    assert getattr(made, "cache", "none") == getattr(plain, "cache", "none")
    assert hasattr(made, "extra") == hasattr(plain, "extra")


def test_what_stands_for_a_tensor_is_in_the_copy():
    model, other = Keeps(), paddle.zeros([4, 4])
    made = copy_of(model, {id(model.found): "instead"})
    assert made.found == "instead"
    made = copy_of(model, {id(model.first.weight): other})
    assert made.first.weight is made.second.weight is other


@pytest.mark.parametrize("name", NETWORKS)
def test_a_copy_holds_what_a_deep_copy_does(name):
    model = NETWORKS[name][0]()
    made, plain = copy_of(model), copy.deepcopy(model)
    assert bits(made) == bits(model)
    for (path, ours), (_, theirs) in zip(made.named_sublayers(include_self=True),
                                         plain.named_sublayers(include_self=True), strict=True):
        assert type(ours) is type(theirs)
        assert vars(ours).keys() == vars(theirs).keys(), path
        assert {k: type(v) for k, v in vars(ours).items()} == {k: type(v) for k, v in vars(theirs).items()}
