"""What sub-commands tell of a history as JSON: the same keys everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prunelab.lab.reading import Reading


def status_data(history: Reading) -> dict[str, Any]:
    """Where a history is: its current state beside the dense one, as it was before its first cut."""
    from prunelab.lab.views import dense_of

    return {"state": history.state.to_json(), "dense": dense_of(history.path()).to_json(),
            "n_states": len(history.states),
            "workspace": getattr(history, "workspace", None)}


def history_data(history: Reading) -> dict[str, Any]:
    """All states, in the order in which they were made."""
    tags: dict[str, list[str]] = {}
    for tag, state in history.tags.items():
        tags.setdefault(state.id, []).append(tag)
    return {"current": history.state.id,
            "states": [{**state.to_json(), "tags": tags.get(state.id, [])} for state in history.states]}
