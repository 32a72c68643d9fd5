"""`%prune layers`: what can be cut, what is, and what cannot be."""

from __future__ import annotations

from prunelab.jupyter.magics.call import Call, Named
from prunelab.jupyter.magics.command import Command, Given
from prunelab.jupyter.magics.session import Session


def call(given: Given, session: Session) -> Call:
    """``layers(lab.graph, lab.plan)``."""
    from prunelab.plan import layers

    lab = session.lab()
    graph, plan = (Named(f"{lab.source}.{name}", getattr(lab.value, name)) for name in ("graph", "plan"))
    return Call(layers, "layers", [graph, plan], imports="from prunelab.plan import layers")


LAYERS = Command(name="layers", summary="what can be cut, in network order, what is, and why the rest is frozen",
                 example="%prune layers", call=call)
