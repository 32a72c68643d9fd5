"""What is said of what is kept: states, comparisons, exports."""

from __future__ import annotations

HISTORY = {
    "title": "History",
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
    "state": "state",
    "folded": "{n} states from {first} to {last}; a click shows them",
    # the front end's
    "tree": "history",
    "nothing": "no steps yet: choose a layer, move the slider, press Step",
}

COMPARISON = {
    "numbers": "numbers",
    "params": "params",
    "macs": "MACs",
    "change": "change",
    "layers": "layers",
    "cut in": "cut in {state}",
    "alike": "cut alike",
    "weights": "weights",
    "distance": "distance",
    "same weights": "the same in both",
    "more": "and {n} more",
}

EXPORT = {
    "title": "Export",
    "folder": "folder",
    "replace": "replace what is there",
    "export": "Export",
    "export hint": "write, load again, compare and time the smaller model of this state",
    "lacking": "{formats} need more:",
    "install": "pip install 'prunelab[{extras}]'",
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
    "download": "download {name}, {size}",
}
