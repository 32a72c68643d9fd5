"""``MODEL_CARD.md``: what a person must know who finds the folder, written from the manifest and the plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from prunelab.render.numbers import change, milliseconds, number, percent, size

if TYPE_CHECKING:
    from prunelab.plan import Plan

NAME = "MODEL_CARD.md"
# how each file is used, in a few lines that run
_USE = {
    "paddle": ("python", """import paddle
config = paddle.inference.Config("model.json", "model.pdiparams")
{onednn}predictor = paddle.inference.create_predictor(config)
outputs = predictor.run([x])  # {inputs}"""),
    "onnx": ("python", """import onnxruntime
session = onnxruntime.InferenceSession("model.onnx")
outputs = session.run(None, {{{by_name}}})"""),
    "onnx-fp16": ("python", """import onnxruntime
session = onnxruntime.InferenceSession("model_fp16.onnx")
outputs = session.run(None, {{{by_name}}})"""),
    "onnx-int8": ("python", """import onnxruntime
session = onnxruntime.InferenceSession("model_int8.onnx")
outputs = session.run(None, {{{by_name}}})"""),
    "onnx-w8": ("python", """import onnxruntime
session = onnxruntime.InferenceSession("model_w8.onnx")
outputs = session.run(None, {{{by_name}}})"""),
    "tensorflow": ("python", """import tensorflow as tf
serve = tf.saved_model.load("model_tf").signatures["serving_default"]
outputs = serve({by_keyword})"""),
    "tflite": ("python", """import tensorflow as tf
run = tf.lite.Interpreter("model.tflite").get_signature_runner()
outputs = run({by_keyword})"""),
    "torchscript": ("python", """import torch
net = torch.jit.load("model.pt")
outputs = net(x)  # {inputs}"""),
    "openvino": ("python", """import openvino
net = openvino.Core().compile_model("model.xml", "CPU", {{"INFERENCE_PRECISION_HINT": "f32"}})
outputs = net({{{by_name}}})"""),
    "safetensors": ("python", """import paddle, prunelab
from safetensors.numpy import load_file
small = prunelab.Plan.load("plan.json").apply(your_model())  # a fresh model of the dense class
small.set_state_dict({{name: paddle.to_tensor(a) for name, a in load_file("model.safetensors").items()}})"""),
    "python": ("python", """from model import load  # needs Paddle and NumPy only
net = load()
outputs = net(x)  # {inputs}"""),
}


def model_card(told: Mapping[str, Any], plan: Plan | None) -> str:
    """The card as Markdown."""
    return "\n".join([*_head(told), *_pruning(plan), *_inputs(told), *_files(told), *_validation(told), *_use(told),
                      *_verify(told)]) + "\n"


def _head(told: Mapping[str, Any]) -> Iterator[str]:
    yield from ("---", "library_name: paddlepaddle", "tags:", "- pruning", "- prunelab", "---", "",
                f"# {told['model']}", "")
    yield f"Exported by prunelab {told['versions']['prunelab']} on {told['created'][:10]}."
    yield from ("", "_What it is for, what it was trained on and who made it: please write that here._", "")


def _pruning(plan: Plan | None) -> Iterator[str]:
    if plan is None:
        return
    cost, dense = plan.cost, plan.dense_cost
    yield from ("## How it was pruned", "", "| | dense | here | |", "|---|---:|---:|---:|")
    yield f"| parameters | {dense.params:,} | {cost.params:,} | {change(cost.params, dense.params)} |"
    yield f"| MACs a sample | {dense.macs:,} | {cost.macs:,} | {change(cost.macs, dense.macs)} |"
    cut = [g for g in plan.groups if g.n_removed]
    yield from ("", f"{len(cut)} of {len(plan.groups)} groups of {plan.model} were cut; `plan.json` says which units.",
                "")


def _inputs(told: Mapping[str, Any]) -> Iterator[str]:
    yield from ("## Inputs", "", "| name | shape | type |", "|---|---|---|")
    for i in next(iter(told["formats"].values()))["inputs"]:
        shape = ", ".join("any" if n is None else str(n) for n in i["shape"])
        yield f"| `{i['name']}` | ({shape}) | {i['dtype']} |"
    yield ""


def _files(told: Mapping[str, Any]) -> Iterator[str]:
    dense = any(f["dense"] and f["dense"]["latency"] for f in told["formats"].values())
    more = " dense beside |" if dense else ""
    yield from ("## Files", "", f"| format | files | size | max. relative error | latency |{more}",
                f"|---|---|---:|---:|---:|{'---:|' if dense else ''}")
    for name, f in told["formats"].items():
        files = ", ".join(f"`{file['path']}`" for file in told["files"] if file["format"] == name)
        error = number(f["parity"]["max_relative_error"]) if f["parity"] else "not compared"
        row = f"| {name} | {files} | {size(f['size_bytes'])} | {error} | {_latency(f['latency'])} |"
        yield row + (f" {_latency((f['dense'] or {}).get('latency'))} |" if dense else "")
    machine, threads = told["machine"], told["options"]["threads"]
    cpus = f"{threads} thread{'s' if threads != 1 else ''} of {machine['n_cpus']}"
    where = f"{cpus} ({machine['system']}, {machine['processor']})"
    yield from ("", f"Latency: the median of single calls and the 10th to 90th percentile, with {where}.", "")
    yield from (f"- {name}: {note}" for name, f in told["formats"].items() for note in f["notes"])


def _latency(latency: Mapping[str, Any] | None) -> str:
    if not latency:
        return "–"
    return f"{milliseconds(latency['median_ms'])} ({latency['p10_ms']:.3g}–{latency['p90_ms']:.3g})"


def _validation(told: Mapping[str, Any]) -> Iterator[str]:
    judged = {name: f["validation"] for name, f in told["formats"].items() if f["validation"]}
    if not judged:
        return
    names = list(next(iter(judged.values()))["metrics"])
    yield from ("", "## On validation data", "", f"| format | samples | same class | {' | '.join(names)} |",
                f"|---|---:|---:|{'---:|' * len(names)}")
    for name, v in judged.items():
        same = "–" if v["same_class"] is None else percent(v["same_class"], 2)
        yield f"| {name} | {v['n_samples']} | {same} | {_numbers(v['metrics'], names, 'file')} |"
    yield f"| the model itself | | | {_numbers(next(iter(judged.values()))['metrics'], names, 'model')} |"


def _numbers(metrics: Mapping[str, Any], names: list[str], of: str) -> str:
    return " | ".join(f"{metrics[name][of]:.4g}" for name in names)


def _use(told: Mapping[str, Any]) -> Iterator[str]:
    names = [i["name"] for i in next(iter(told["formats"].values()))["inputs"]]
    yield from ("", "## Use", "")
    for name, f in told["formats"].items():
        if name not in _USE:
            continue
        language, text = _USE[name]
        off = (f["setting"] or {}).get("onednn") is False
        filled = text.format(inputs=", ".join(names),
                             by_keyword=", ".join(f"{n}={n}" for n in names),
                             by_name=", ".join(f'"{n}": {n}' for n in names),
                             onednn="config.disable_mkldnn()  # it is wrong on this model\n" if off else "")
        yield from (f"```{language}", filled, "```", "")


# what is said of `examples.safetensors`, by what its inputs are
_EXAMPLES = {
    "random": "`examples.safetensors` holds random inputs and the model's outputs on them, to compare with.",
    "given": ("**`examples.safetensors` holds the example inputs that were given when this was exported**, and the "
              "model's outputs on them. Whoever has this folder can read them; `export(examples=False)` leaves them "
              "out."),
    "data": ("**`examples.safetensors` holds samples of the data that this was exported with**, and the model's "
             "outputs on them. Whoever has this folder can read them; `export(examples=False)` leaves them out."),
    "none": "No examples were kept: hashes can be verified, and not what the files compute.",
}


def _verify(told: Mapping[str, Any]) -> Iterator[str]:
    yield from ("## Verify", "", "`manifest.json` has hashes, versions and all numbers. These commands repeat them:",
                "",
                "```console", *(f"$ {command}" for command in told["commands"]), "```", "",
                _EXAMPLES[told["options"]["examples"]])
