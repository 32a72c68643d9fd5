"""What is said where one looks: layers, masks, scores, curves, the network."""

from __future__ import annotations

LAYERS = {
    "title": "Layers",
    "told": "{name}: {units} {unit}s",
    "tied": ", tied to {layers}",
    "frozen": "frozen: {reason}",
    "lost": "{layer}: {metric} of {value} with {ratio} cut, alone",
    # the front end's
    "layers": "layers",
    "filter": "filter layers",
    "name column": "layer",
    "name hint": "in network order; press to sort by name",
    "bar column": "units",
    "bar hint": "which units are kept, and which the slider would cut",
    "kept column": "kept",
    "kept hint": "units kept, of all; press to sort by the fraction kept",
    "params column": "params",
    "params hint": "what hangs on the group's units now, in all layers that make or read them",
    "macs column": "MACs",
    "macs hint": "what hangs on the group's units now, of one sample",
    "lost column": "sensitivity",
    "lost hint": "the metric as more of this layer alone is cut; press to sort by what half of it costs",
    "tied column": "tied to",
    "tied hint": "the other layers that change with the group",
    "all": "{n} layers",
    "all frozen": "{n} layers, {frozen} frozen",
    "some": "{shown} of {n}",
    "chosen": "{n} chosen · {rest}",
    "not found": "no layer has “{text}” in its name",
    "no groups": "this network has no groups",
}

MASKS = {
    "title": "Masks",
    "no groups": "no groups",
    "frozen": "{layer} is frozen: {reason}",
    "shape": "{units} × {columns} {what}",
    "of kernels": " of {height} × {width}",
    "gathered": ", each the root mean square of {each}",
    "kernels": "kernels",
    "kernel means": "kernel means",
    "weights": "weights",
    "column": "column",
    "state": "{state} {label}",
    # the front end's
    "caption": "{layer} · {what} · cut veiled",
    "keys": "{caption}; arrow keys go from cell to cell, plus and minus zoom",
    "compare": "compare with",
    "nothing": "nothing",
    "wipe": "how much of the other state is shown",
    "smaller": "−",
    "smaller hint": "zoom out (or −, or Ctrl and the wheel)",
    "fit": "Fit",
    "fit hint": "zoom to fit (or 0)",
    "larger": "+",
    "larger hint": "zoom in (or +, or Ctrl and the wheel)",
    "cell": "{unit} {row}, {column} {k}: {value}{was}, {kept}",
    "mean": "{unit} {row}, {column} {k}: mean {value}{was}, {kept}",
    "inner": "{unit} {row}, {column} {k} at {y},{x}: {value}{was}, {kept}",
    "was": ", was {value}",
    "kept": "kept",
    "cut": "cut",
    "going": "would be cut",
    "masked": "masked",
}

SCORES = {
    "title": "Scores",
    "none": "no scores: {reason}",
    "caption": "{layer} · {criterion} of {units} units",
    "caption gone": "{layer} · {criterion} of {units} units, {gone} are gone",
    # the front end's
    "threshold": "threshold: units with a lower score would be cut",
    "threshold hint": "threshold: drag it, or use the arrow keys",
    "score": "score",
    "kept": "kept",
    "going": "would be cut",
    "below": "{cut} of {units} units",
}

CURVES = {
    "title": "Curves",
    "params": "params",
    "macs": "MACs",
    "size": "size",
    "sparsity": "sparsity",
    "time": "time",
    "left hint": "what the scale to the left is of",
    "right hint": "what the scale to the right is of",
    "states": "States",
    "states hint": "over the states, in the order in which they were made; a click goes to one",
    "training": "Fine-tuning",
    "training hint": "the loss over the batches, of the training under way or of the last one before this state",
    "trained": "loss {loss} after {batches} batches",
    "no training": "No state on the way here was fine-tuned.",
}

BRUSH = {
    "all": "Show all",
    "all hint": "zoom out (a double click does it too)",
    "keys": "zoom with plus and minus, move with the arrows, 0 shows all",
}

NETWORK = {
    "title": "Graph",
    "by": "colour by",
    "by hint": "what makes a layer's box dark",
    "cut": "cut",
    "sensitivity": "sensitivity",
    "cost": "cost",
    "darker cut": "darker: more of its units are cut",
    "darker cost": "darker: more MACs hang on its units",
    "darker lost": "darker: {metric} loses more with {ratio} of it cut",
    "told cut": "{cut} of {units} cut",
    "told cost": "{macs} MACs hang on its units",
    "told lost": "{metric} of {value} with {ratio} of it cut, alone",
    "not measured": "not measured here yet: the tab Sensitivity measures it",
    # the front end's
    "network": "network, from the input down; Enter chooses a layer, plus and minus zoom",
    "fit": "Fit",
    "fit hint": "the whole network in sight",
    "larger": "+",
    "larger hint": "zoom in (Ctrl and the wheel do it too)",
    "smaller": "−",
    "smaller hint": "zoom out",
}
