"""What the panel says, in one place: a table a part. Braces are filled in where the words are used; what the front end
says itself gets its table with the widget."""

from __future__ import annotations

SENSITIVITY = {
    "title": "Sensitivity",
    "metric": "metric",
    "metric hint": "what is measured",
    "every": "every",
    "every hint": "the ratios at which each layer alone is cut",
    "within": "within",
    "within hint": "all samples, or as few as tell each number within so many points (95 % interval)",
    "all samples": "all samples",
    "points": "{points:g} points",
    "one point": "1 point",
    "measure": "Measure",
    "measure hint": "cut each layer alone at each ratio, and evaluate; nothing is changed",
    "loss": "may lose",
    "loss hint": "points (hundredths) of the metric that each layer alone may lose",
    "loss unit": "points",
    "suggest": "Suggest",
    "suggest hint": "for each layer the largest ratio at which it alone loses no more",
    "clear": "Clear",
    "clear hint": "forget these ratios",
    "take": "Cut {layers}",
    "take none": "Cut layers",
    "take hint": "one step that cuts each of these layers to its ratio",
    "nothing to take": "no layer bears more than is gone",
    "params": "params {change}",
    "macs": "MACs {change}",
    "empty": "Not measured in this state. {cuts}, one layer alone at a time; nothing is changed.",
    "cuts": "{layers} at {ratios}",
    "no data": "The Lab has no validation data, so nothing can be measured: open it with val=.",
    "no layers": "No layer of this network can be cut.",
    "caption": "{metric} with one layer alone cut, by {criterion}",
    "elsewhere": "measured in {state}",
    "so far": "{known} of {all}",
    # the front end's
    "layer": "layer",
    "grid": "{metric} by layer and ratio; Enter takes a cell's ratio",
    "cell": "{layer} at {ratio}: {value}{error} ({difference})",
    "missing": "{layer} at {ratio}: not measured",
    "lost": "lost",
    "scale hint": "the square root of what is lost, so that small losses are told apart",
}

HISTORY = {
    "name": "name",
    "name label": "name",
    "name hint": "letters, digits and . + - _",
    "tag": "Tag",
    "tag hint": "give the current state (or the one that is selected) this name, to go back to it by",
    "branch": "Branch",
    "branch hint": "begin a branch of this name here: the next steps are on it",
    "compare": "Compare",
    "compare hint": "metrics, cost, layers, weights and predictions of two states side by side",
    "close": "Close",
    "hint": "click a state to go there; Shift-click, or Space, selects it to be compared",
    "pair": "{a} and {b} are selected",
    "here": "the current {state}",
    # the front end's
    "tree": "history",
    "nothing": "no steps yet: choose a layer, move the slider, press Step",
}

COMPARISON = {
    "numbers": "numbers",
    "change": "change",
    "layers": "layers",
    "cut in": "cut in {state}",
    "alike": "cut alike",
    "weights": "weights",
    "distance": "distance",
    "same weights": "the same in both",
    "more": "and {n} more",
}

CURVES = {
    "title": "Curves",
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

EXPORT = {
    "title": "Export",
    "folder": "folder",
    "replace": "replace what is there",
    "export": "Export",
    "export hint": "write, load again, compare and time the smaller model of this state",
    "lacking": "{formats} need more:",
    "written": "written to {directory}",
    "of dense": "{change} of {dense}",
    "not compared": "not compared",
    "too large": "{path} is too large for a browser; it lies there",
    "not read": "{path} cannot be read: {why}",
    # the front end's
    "nothing": "Nothing exported yet. Each file is loaded again, compared with the model, timed beside the dense one.",
    "format": "format",
    "size": "size",
    "latency": "latency",
    "error": "max rel. error",
    "files": "download",
    "download": "download {name}, {size}",
}
