"""Whole tasks, ready to prune: data as it is published, the network, the loss, the metrics, and how much goes.

    task = pl.presets.cifar10("data/")
    lab = pl.Lab(**task)
    lab.run(to=task.ratio, steps=10)

A new one is a file with a function that gives a `Preset`, a line in `PRESETS`, and a test that writes its format.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from prunelab.data.presets.cifar import cifar10, cifar100
from prunelab.data.presets.files import verify
from prunelab.data.presets.imagenet import imagenet
from prunelab.data.presets.networks import small_image_resnet50
from prunelab.data.presets.preset import Preset
from prunelab.data.presets.small import digits, python_docs
from prunelab.data.presets.voc import voc

PRESETS: Mapping[str, Callable[..., Preset]] = {
    "cifar10": cifar10,
    "cifar100": cifar100,
    "imagenet": imagenet,
    "voc": voc,
    # ready at once: nothing has to be downloaded
    "digits": digits,
    "python_docs": python_docs,
}

__all__ = ["PRESETS", "Preset", "cifar10", "cifar100", "digits", "imagenet", "python_docs",
           "small_image_resnet50", "verify", "voc"]
