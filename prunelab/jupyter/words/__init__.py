"""What the panel says, in one place: a table a part. Braces are filled in where the words are used; what the front end
says itself gets its table with the widget."""

from __future__ import annotations

from prunelab.jupyter.words.around import ACTIONS, COMMAND, FOOTER, FRAME, HEADER
from prunelab.jupyter.words.doing import CHOICES, FORECAST, SCHEDULE, STEP
from prunelab.jupyter.words.finding import SEARCH, SENSITIVITY
from prunelab.jupyter.words.keeping import COMPARISON, EXPORT, HISTORY
from prunelab.jupyter.words.looking import BRUSH, CURVES, LAYERS, MASKS, NETWORK, SCORES

__all__ = [
    "ACTIONS",
    "BRUSH",
    "CHOICES",
    "COMMAND",
    "COMPARISON",
    "CURVES",
    "EXPORT",
    "FOOTER",
    "FORECAST",
    "FRAME",
    "HEADER",
    "HISTORY",
    "LAYERS",
    "MASKS",
    "NETWORK",
    "SCHEDULE",
    "SCORES",
    "SEARCH",
    "SENSITIVITY",
    "STEP",
]
