"""What stands around the parts: header, footer, frame, and what each action is called while it runs."""

from __future__ import annotations

HEADER = {
    "title": "Header",
    "back": "Back",
    "back hint": "go to the state that this one was made from",
    "time": "Measure latency",
    "time hint": "time this model's operators on this machine, once; it takes some seconds",
    "params": "params",
    "macs": "MACs",
    "latency": "latency, estimated",
    "off": "{name} ±{percent}",
    "dense": "compared with the dense model",
}

FOOTER = {
    "title": "Footer",
    "pause": "Pause",
    "resume": "Resume",
    "pause hint": "hold the work at its next batch",
    "stop": "Stop",
    "stop hint": "end the work at its next batch; recorded states stay",
    "ready": "ready",
    "waiting": ", {n} more waiting",
    "stopping": "stopping {label}",
    "paused": "{label} · paused",
    "left": "{label} · {time} left",
    "failed": "{label} did not go",
    "done": "{label} done{time}",
    "stopped": "{label} stopped{time}",
    "time": " in {time}",
    "broken": "the panel's {part} failed: {error}",
}

COMMAND = {
    # all of them the front end's
    "code": "the last click as code",
    "nothing": "your last click, as code",
    "copy": "Copy",
    "copied": "Copied",
    "copy hint": "copy the line that does the same as the last click",
    "insert": "Insert",
    "inserted": "Done",
    "insert hint": "a new cell with the line below this one",
}

FRAME = {
    "gone": "The kernel of this panel is gone: this is its last picture. Run the cell that opens the Lab, then this "
            "one; a Lab with a workspace goes on where it was.",
}

ACTIONS = {
    "step": "step {layer}",
    "step several": "step of {layers}",
    "run": "run",
    "mask": "mask {granularity}",
    "back": "back",
    "goto": "goto {state}",
    "branch": "branch {name}",
    "tag": "tag {name}",
    "compare": "compare {state}",
    "search": "search",
    "adopt": "adopt trial {number}",
    "measure": "sensitivity",
    "latency": "latency",
    "export": "export {formats}",
}
