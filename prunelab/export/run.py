"""`export`: each format written, compared and timed, in a folder that appears whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunelab.errors import ExportError, OptionError, shown, unknown_name
from prunelab.evaluate.evaluate import usual_metrics
from prunelab.evaluate.latency import example_arrays, paddle_threads
from prunelab.evaluate.timing import TimingOptions, time_callables
from prunelab.export.base import Calibrated, Fitted, Format
from prunelab.export.card import NAME as CARD
from prunelab.export.card import model_card
from prunelab.export.check import Written, write
from prunelab.export.examples import NAME as EXAMPLES
from prunelab.export.examples import save_examples
from prunelab.export.folder import whole_folder
from prunelab.export.judge import Validation
from prunelab.export.lengths import at_any_length
from prunelab.export.manifest import file_entry, manifest, write_manifest
from prunelab.export.page import NAME as REPORT
from prunelab.export.page import export_page
from prunelab.export.result import Export
from prunelab.export.subject import Subject, as_it_was, read_subject

if TYPE_CHECKING:
    from prunelab.plan import Plan

PLAN = "plan.json"
DEFAULTS = ("paddle", "onnx")
DEFAULT_TIMING = TimingOptions()

OnPart = Callable[[str, int, int], object]


def export(model: Any, directory: str | os.PathLike[str], formats: Sequence[str | Format] = DEFAULTS, *,
           inputs: Any = None, verify: bool = True, dense: Any = None, plan: Plan | None = None, force: bool = False,
           timing: TimingOptions | None = DEFAULT_TIMING, batch: int | None = None, data: Any = None,
           metrics: Any = None, loss: Any = None, lengths: Mapping[str, int] | None = None,
           examples: bool = True, on_part: OnPart | None = None) -> Export:
    """The files that were written, each of which computes what ``model`` computes in eval mode; a table of sizes and
    latencies.

    Each file is loaded again by its own runtime and compared with the model, on random numbers or on the example
    tensors among ``inputs``: at batches of 1 and 3 where the batch is free, which it is wherever the model and the
    format allow it. After a failure nothing is left behind. The model's mode, forward and parameters are as before.

    Args:
        model: a layer or a ``paddle.Model``.
        directory: a folder that is made; an existing one that holds something is refused, or replaced with ``force``.
        formats: names of `prunelab.export.FORMATS`, or formats of one's own.
        inputs: as for `prunelab.trace`; where a ``plan`` is given, those of the plan are taken unless told. Files are
            compared on example tensors among them, else on what ``data`` begins with, else on random numbers; these
            inputs (three samples at most, or as many as a shape says) lie in ``examples.safetensors``.
        verify: False writes without comparing and timing: some converters are silently wrong, so have a reason.
        dense: the model before pruning, to measure beside: written to a place that is removed, timed in turn with
            ``model``.
        plan: written beside the files as ``plan.json``.
        timing: runs, threads, samples a call; None does not time.
        batch: short for the ``batch`` of ``timing``.
        lengths: by input, the axis whose length is free (``{"ids": 1}``), as that of a sequence; files are then
            compared at other lengths too, and a format that cannot hold a free length says so. For a `GraphLayer`,
            which has one length, ``dense`` and ``plan`` are needed, too.
        data: validation data, as for `prunelab.evaluate` (``"onnx-int8"`` is calibrated on it, too): each file runs
            over all of it, and the manifest has its ``metrics`` (accuracy, or the loss where it is one of numbers, if
            left out) beside the model's, and how often both choose the same class.
        examples: False leaves ``examples.safetensors`` out, which holds samples of the data (or of ``inputs``) that
            whoever gets the folder can read; `verify_export` then compares hashes, and not what files compute.
        on_part: called before each part of the work with its name, how many are done, and how many there are; what it
            raises ends the export, and nothing is left behind.

    Raises:
        UnknownNameError: a format nobody knows.
        MissingExtraError: a package that a format needs; before any work.
        InputError: inputs that the model does not take.
        ParityError: a file that computes something else (relative error above 1e-4).
        ExportError: a model that a format cannot hold, with the operator's name where it is known; a folder that cannot
            be written.
    """
    chosen = [fmt.calibrated(data) if isinstance(fmt, Calibrated) else fmt for fmt in _chosen(formats)]
    for fmt in chosen:
        fmt.check_available()
    if not isinstance(examples, bool):
        raise OptionError(f"examples is {shown(examples)}; give True or False")
    if inputs is None and plan is not None:
        inputs = list(plan.inputs)
    metrics = usual_metrics(loss)[:1] if metrics is None else metrics
    timing = timing if verify else None
    if batch is not None and timing is not None:
        timing = replace(timing, batch=batch)
    with whole_folder(directory, force=force) as folder, paddle_threads(None) as now:
        threads = now if timing is None or timing.threads is None else timing.threads
        seen = data if data is not None else next((fmt.data for fmt in chosen if hasattr(fmt, "data")), None)
        subject = read_subject(at_any_length(model, lengths, dense, plan) if lengths else model, inputs, lengths, seen)
        with as_it_was(subject.layer):
            chosen = [fmt.fitted(subject.layer, metrics, loss) if isinstance(fmt, Fitted) else fmt for fmt in chosen]
        validation = Validation(data, metrics, loss) if data is not None and verify else None
        parts = Parts(on_part, len(chosen) * (1 + (dense is not None) + (timing is not None)))
        written = _write_all(subject, chosen, folder, verify, threads, validation, parts)
        beside: dict[str, Written | str] = {}
        if dense is not None:
            other = read_subject(dense, inputs, lengths, seen)
            beside = _write_dense(other, written, folder / ".dense", verify, threads, parts)
        if timing is not None:
            written, beside = _time(written, beside, timing, parts)
        if plan is not None:
            plan.save(folder / PLAN)
        options = {"verify": verify, "threads": threads, "warmup": timing.warmup if timing else None,
                   "runs": timing.runs if timing else None,
                   "examples": subject.inputs_are if verify and examples else "none"}
        kept = verify and examples
        if kept:
            save_examples(subject.examples, folder)
        told = manifest(written, beside, folder, options=options, plan=PLAN if plan is not None else None,
                        more=[EXAMPLES] if kept else [])
        result = _result(Path(directory), folder, written, beside, told)
        shutil.rmtree(folder / ".dense", ignore_errors=True)
        for name, text in ((CARD, model_card(told, plan)), (REPORT, export_page(told, plan))):
            (folder / name).write_text(text, encoding="utf-8")
            told["files"].append(file_entry(folder / name, folder))
        write_manifest(told, folder)
    return result


def _chosen(formats: Sequence[str | Format]) -> list[Format]:
    from prunelab.export import FORMATS  # the table stands where a reader looks for it, in the room's head

    if isinstance(formats, str):
        formats = (formats,)
    unknown = [f for f in formats if isinstance(f, str) and f not in FORMATS]
    if unknown:
        raise unknown_name("format", unknown[0], FORMATS)
    if not formats:
        raise OptionError(f"formats is empty; give some of {', '.join(FORMATS)}")
    chosen = {f.name: f for f in (FORMATS[f] if isinstance(f, str) else f for f in formats)}
    return list(chosen.values())


class Parts:
    """Counts the parts of an export, and tells each before it begins."""

    def __init__(self, listener: OnPart | None, total: int) -> None:
        self._listener, self._total, self._done = listener, total, 0

    def begin(self, name: str) -> None:
        """The next part begins, and what was before it is done."""
        if self._listener is not None:
            self._listener(name, self._done, self._total)
        self._done += 1


def _write_all(subject: Subject, formats: Sequence[Format], folder: Path, verify: bool, threads: int,
               validation: Validation | None, parts: Parts) -> list[Written]:
    written = []
    with as_it_was(subject.layer):
        for fmt in formats:
            parts.begin(fmt.name)
            written.append(write(fmt, subject, folder, verify=verify, threads=threads, validation=validation))
    return written


def _write_dense(subject: Subject, beside: Sequence[Written], folder: Path, verify: bool, threads: int,
                 parts: Parts) -> dict[str, Written | str]:
    """The dense model in the same formats, with the batch that the exported one got, so that the two are comparable."""
    folder.mkdir()
    found: dict[str, Written | str] = {}
    with as_it_was(subject.layer):
        for w in beside:
            parts.begin(f"{w.format.name}, dense")
            same = subject if w.subject.free or not subject.free else subject.fixed("the exported model's is")
            try:
                found[w.format.name] = write(w.format, same, folder, verify=verify, threads=threads)
            except ExportError as error:  # the exported model is what was asked for; this is only to compare
                found[w.format.name] = str(error)
    return found


def _time(written: Sequence[Written], dense: Mapping[str, Written | str],
          options: TimingOptions, parts: Parts) -> tuple[list[Written], dict[str, Written | str]]:
    """Format by format, the exported model in turn with the dense one."""
    timed, beside = [], dict(dense)
    for w in written:
        parts.begin(f"{w.format.name}, timed")
        other = beside.get(w.format.name)
        pair = {"model": w, **({"dense": other} if isinstance(other, Written) else {})}
        # as many samples as asked for, unless one of the two takes no other batch than the given one
        batch = options.batch if all(each.subject.free for each in pair.values()) else w.subject.batch
        times = time_callables({name: _call(each, batch) for name, each in pair.items()}, options.runs, options.warmup,
                               budget_s=options.budget_s)
        timed.append(replace(w, timing=times["model"], timed_batch=batch))
        if isinstance(other, Written):
            beside[w.format.name] = replace(other, timing=times["dense"], timed_batch=batch)
    return timed, beside


def _call(written: Written, batch: int) -> Callable[[], Any]:
    run, subject = written.run, written.subject
    known = next(iter(subject.examples.values())).inputs
    arrays = dict(zip(known, example_arrays(subject.specs, batch=batch, given=list(known.values())), strict=True))
    if run is None:
        raise ValueError(f"{written.format.name} was not loaded")
    return lambda: run(arrays)


def _result(directory: Path, folder: Path, written: Sequence[Written], dense: Mapping[str, Written | str],
            told: dict[str, Any]) -> Export:
    measured = {name: d for name, d in dense.items() if isinstance(d, Written)}
    return Export(
        directory=directory,
        files={w.format.name: tuple(directory / path.relative_to(folder) for path in w.files) for w in written},
        parity={w.format.name: max(w.parity.values()) for w in written if w.parity},
        latency_ms={w.format.name: w.timing.median_ms for w in written if w.timing},
        size_bytes={w.format.name: w.size_bytes for w in written},
        manifest=told,
        dense_latency_ms={name: d.timing.median_ms for name, d in measured.items() if d.timing},
        dense_size_bytes={name: d.size_bytes for name, d in measured.items()},
    )
