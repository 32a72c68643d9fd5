"""The keys of a search space given as a dict: what each means, and how it is checked.

    sparsity       total_ratio     the fraction of the whole network that goes at least, in [0, 1)
                   of              of what: "params" (default) or "macs"
    quantization   type            "none" (default), "int8_weights", "int8", or several in a list: then the search
                                   chooses. Trials are simulated; the export finds the ranges of activations anew
                   max_lost        layers that alone lose more of the metric than this stay in float
    prune, a list of strategies; of several, the search chooses
                   name            what it is called in results: any words
                   criteria        what trials are judged by: "performance" (the model's first metric; default),
                                   "params", "macs", "latency", "size", "energy", or several in a list
                   params          pruning_strategy: a criterion of `prunelab.criteria.CRITERIA` ("l1_weight");
                                   granularity, round_to, clusters: as for `prunelab.propose`; one value for all
                                   strategies
    structure, a list of parts of the network; the first that fits a group counts
                   op_types        operators that make the group: "conv2d", "depthwise_conv2d", "linear", "lstm", "gru",
                                   "embedding", or a granularity such as "head"; "default": whatever no other part fits
                   names           groups, layers or patterns
                   sparsity        target_sparsity: the fraction of its units that each group loses, around which the
                                   search looks, from half to one and a half of it, at most 0.95; or range: [low, high];
                                   or ratio: exactly that
    search         sampler, trials, seed, samples, constraints: as for `prunelab.search`
                   repair, epochs: what is done to each trial before it is judged (False, 0)
    finetune       epochs, lr, repair: what follows the cut of the best trial; repair is True unless told
    result         what came of a configuration; not read
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from prunelab.errors import OptionError, shown, unknown_name

KEYS: Mapping[str, tuple[str, ...]] = {
    "sparsity": ("total_ratio", "of"),
    "quantization": ("type", "max_lost"),
    "prune": ("name", "criteria", "params"),
    "structure": ("op_types", "names", "sparsity"),
    "search": ("sampler", "trials", "seed", "samples", "constraints", "repair", "epochs"),
    "finetune": ("epochs", "lr", "repair"),
    "result": (),
}
PARAMS = ("pruning_strategy", "granularity", "round_to", "clusters")
SHARE = ("target_sparsity", "range", "ratio")
LISTS = ("prune", "structure")


def check_keys(space: Any) -> Mapping[str, Any]:
    """``space`` with every key known and every part of its kind.

    Raises:
        OptionError: something that is no dict, or no list of dicts.
        UnknownNameError: a key nobody knows; the nearest is named.
    """
    place = "search_space"
    found = _dict(space, place)
    _known(found, KEYS, place)
    for key, value in found.items():
        inner = f"{place}['{key}']"
        if key in LISTS:
            for k, entry in enumerate(_list(value, inner)):
                _known(_dict(entry, f"{inner}[{k}]"), KEYS[key], f"{inner}[{k}]")
                own, names = ("params", PARAMS) if key == "prune" else ("sparsity", SHARE)
                if own in entry:
                    _known(_dict(entry[own], f"{inner}[{k}]['{own}']"), names, f"{inner}[{k}]['{own}']")
        elif key != "result":
            _known(_dict(value, inner), KEYS[key], inner)
    return found


def _known(entry: Mapping[str, Any], names: Any, place: str) -> None:
    for key in entry:
        if key not in names:
            raise unknown_name("key", key, names, place=place)


def _dict(value: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise OptionError(f"{place} is {shown(value)}; give a dict, such as {_EXAMPLES.get(place, '{}')}")
    return value


def _list(value: Any, place: str) -> Sequence[Any]:
    if not isinstance(value, (list, tuple)):
        raise OptionError(f"{place} is {shown(value)}; give a list of dicts")
    return value


_EXAMPLES = {
    "search_space": "{'sparsity': {'total_ratio': 0.7}}",
    "search_space['sparsity']": "{'total_ratio': 0.7}",
    "search_space['quantization']": "{'type': 'int8'}",
    "search_space['search']": "{'trials': 30}",
    "search_space['finetune']": "{'epochs': 2}",
}
