"""``MODEL_CARD.md``: what a person must know who finds the folder, written from the manifest and the plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from prunelab.render.numbers import change, milliseconds, number, percent, size

if TYPE_CHECKING:
    from prunelab.plan import Plan

NAME = "MODEL_CARD.md"
# how each file is used, in a few lines that run in its folder, on inputs that are NumPy arrays
_ONNX = """import onnxruntime
session = onnxruntime.InferenceSession("{file}")
outputs = session.run(None, {arrays})"""
_USE = {
    "paddle": """import paddle
config = paddle.inference.Config("{file}", "model.pdiparams")
config.disable_glog_info()
{onednn}predictor = paddle.inference.create_predictor(config)
for name, array in {arrays}.items():
    predictor.get_input_handle(name).copy_from_cpu(array)
predictor.run()
outputs = [predictor.get_output_handle(name).copy_to_cpu() for name in predictor.get_output_names()]""",
    **dict.fromkeys(("onnx", "onnx-fp16", "onnx-int8", "onnx-w8"), _ONNX),
    "tensorflow": """import tensorflow as tf
serve = tf.saved_model.load("model_tf").signatures["serving_default"]
outputs = serve(**{{name: tf.constant(array) for name, array in {arrays}.items()}})""",
    "tflite": """import tensorflow as tf
run = tf.lite.Interpreter("{file}").get_signature_runner()
outputs = run(**{arrays})""",
    "torchscript": """import torch
net = torch.jit.load("{file}")
outputs = net(*map(torch.from_numpy, [{names}]))""",
    "openvino": """import openvino
net = openvino.Core().compile_model("{file}", "CPU", {{"INFERENCE_PRECISION_HINT": "f32"}})
outputs = net({arrays})""",
    "safetensors": """import paddle{prunelab}
from safetensors.numpy import load_file
model = {model}
model.set_state_dict({{name: paddle.to_tensor(array) for name, array in load_file("{file}").items()}})""",
    "python": """import paddle
from model import load  # model.py, which needs Paddle and NumPy only
outputs = load()(*map(paddle.to_tensor, [{names}]))""",
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
    if any(f["parity"] for f in told["formats"].values()):
        yield from ("", ("Each file was loaded again by its own runtime and compared with the model in Paddle: the "
                         "error is the largest difference, relative to the largest output."))
    if any(f["latency"] for f in told["formats"].values()):
        yield from ("", f"Latency: the median of single calls and the 10th to 90th percentile, with {where}.")
    yield ""
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
    inputs = next(iter(told["formats"].values()))["inputs"]
    names = [i["name"] for i in inputs]
    arrays = ", ".join(f'"{name}": {name}' for name in names)
    yield from ("", "## Use", "", "In this folder, on NumPy arrays; here they are zeros.", "")
    yield from _code("import numpy as np", *(f'{i["name"]} = np.zeros({_sizes(i["shape"])}, "{i["dtype"]}")'
                                             for i in inputs))
    for name, f in told["formats"].items():
        if name not in _USE:
            continue
        off = (f["setting"] or {}).get("onednn") is False
        yield from (f"As {name}:", "")
        yield from _code(_USE[name].format(
            file=next(file["path"] for file in told["files"] if file["format"] == name), names=", ".join(names),
            arrays=f"{{{arrays}}}", onednn="config.disable_mkldnn()  # it is wrong on this model\n" if off else "",
            prunelab=", prunelab" if told["plan"] else "",
            model='prunelab.Plan.load("plan.json").apply(DenseModel())' if told["plan"] else "Model()"))


def _code(*lines: str) -> Iterator[str]:
    yield from ("```python", *lines, "```", "")


def _sizes(shape: Sequence[int | None]) -> tuple[int, ...]:
    """Sizes that fit: one sample, and a few positions where the length is free."""
    return tuple(n if n is not None else 1 if axis == 0 else 4 for axis, n in enumerate(shape))


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
