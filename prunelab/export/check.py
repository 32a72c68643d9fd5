"""One format: written, loaded again by its own runtime, and compared with the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from prunelab.errors import ExportError, ParityError, PrunelabError, TraceError, pass_on_interrupt
from prunelab.evaluate.timing import Timing
from prunelab.export.base import Array, Calibrated, Format, OfWeights, Otherwise, Runner, Setting, tolerance_of
from prunelab.export.judge import Judged, Validation, judge, same_class
from prunelab.export.memory import peak_bytes
from prunelab.export.parity import relative_error
from prunelab.export.subject import Subject


@dataclass(frozen=True)
class Rejected:
    """A way to run the files that does not compute what the model does, and by how much it is off or why it fails."""

    setting: Setting
    error: float
    reason: str = ""


@dataclass(frozen=True)
class Written:
    """What became of one format. ``parity`` is by batch; ``subject`` has the batch of the files, free or fixed."""

    format: Format
    subject: Subject
    files: tuple[Path, ...]
    setting: Setting | None = None
    parity: Mapping[int, float] | None = None
    rejected: tuple[Rejected, ...] = ()
    by_length: Mapping[int, float] = field(default_factory=dict)
    same_class: float | None = None
    judged: Judged | None = None
    peak_bytes: int | None = None
    run: Runner | None = None
    timing: Timing | None = None
    timed_batch: int | None = None

    @property
    def size_bytes(self) -> int:
        """Of all its files together."""
        return sum(path.stat().st_size for path in self.files)


def write(fmt: Format, subject: Subject, directory: Path, *, verify: bool, threads: int,
          validation: Validation | None = None) -> Written:
    """The model as ``fmt`` in ``directory``: with a free batch, or with the given one where that fails.

    Raises:
        ExportError: it can be written with neither.
        ParityError: it can be written, but computes something else.
    """
    def attempt(given: Subject) -> Written:
        return _write_somehow(fmt, given, directory, verify, threads, validation)

    if not subject.free or isinstance(fmt, Calibrated):  # a fixed batch would not make eight bits any better
        return attempt(subject)
    try:
        return attempt(subject)
    except ExportError as error:
        try:
            return attempt(subject.fixed(f"with a free batch: {error}"))
        except ExportError as again:
            raise again from error


def _write_somehow(fmt: Format, subject: Subject, directory: Path, verify: bool, threads: int,
                   validation: Validation | None) -> Written:
    """In the format's own way, or in its other one where that fails."""
    try:
        return _write(fmt, subject, directory, verify, threads, validation)
    except ExportError as error:
        other = fmt.otherwise() if isinstance(fmt, Otherwise) else None
        if other is None:
            raise
        try:
            return _write(other, subject, directory, verify, threads, validation)
        except (ExportError, TraceError):
            raise error from None


def _write(fmt: Format, subject: Subject, directory: Path, verify: bool, threads: int,
           validation: Validation | None) -> Written:
    with_files = Written(fmt, subject, fmt.write(subject.layer, directory, subject.specs))
    return _compare(with_files, threads, validation) if verify else with_files


def _compare(written: Written, threads: int, validation: Validation | None) -> Written:
    """With the first setting that agrees.

    Raises:
        ParityError: none does.
    """
    rejected: list[Rejected] = []
    subject = written.subject
    for setting in written.format.settings:
        try:
            (run, outputs), peak = peak_bytes(lambda s=setting: _first_run(written, s, threads))  # type: ignore[misc]
            found = {batch: outputs if k == 0 else run(example.inputs)
                     for k, (batch, example) in enumerate(subject.examples.items())}
            parity = {batch: relative_error(found[batch], example.outputs)
                      for batch, example in subject.examples.items()}
            by_length = {n: relative_error(run(example.inputs), example.outputs)
                         for n, example in subject.longer.items()}
            judged = judge(run, subject, validation) if validation is not None else None
        except PrunelabError:
            raise  # the data, or a metric
        except Exception as error:  # a runtime of another project: any error may come of it
            pass_on_interrupt(error)
            rejected.append(Rejected(setting, float("inf"), f"{type(error).__name__}: {first_line(error)}"))
            continue
        worst = max(*parity.values(), *by_length.values(), judged.max_relative_error if judged is not None else 0.0)
        if worst <= tolerance_of(written.format):
            largest = max(found)
            return replace(written, setting=setting, parity=parity, by_length=by_length,
                           rejected=tuple(rejected), run=run, judged=judged,
                           same_class=same_class(found[largest], subject.examples[largest].outputs), peak_bytes=peak)
        rejected.append(Rejected(setting, worst))
    raise _refusal(written, rejected)


def _first_run(written: Written, setting: Setting, threads: int) -> tuple[Runner, list[Array]]:
    """The files loaded, and what they give for the first example."""
    run = _loaded(written, setting, threads)
    return run, run(next(iter(written.subject.examples.values())).inputs)


def _loaded(written: Written, setting: Setting, threads: int) -> Runner:
    fmt, subject = written.format, written.subject
    if isinstance(fmt, OfWeights):
        return fmt.load_into(subject.layer, written.files, subject.specs)
    return fmt.load(written.files, setting, threads)


def _refusal(written: Written, rejected: list[Rejected]) -> ExportError:
    name, model = written.format.name, written.subject.name
    next_step = f"nothing was kept; leave '{name}' out of formats, or report the model"
    if all(r.reason for r in rejected):
        return ExportError(f"the {name} file of {model} does not run: {rejected[-1].reason}; {next_step}")
    if not written.subject.repeats_itself():
        return ExportError(f"{model} gives other numbers each time it is called in eval mode (something in its forward "
                           f"draws them), so that no {name} file can be compared with it; take them as an input, or "
                           "write the file with verify=False")
    off = ", ".join(f"{r.error:.3g}{f' with {told(r.setting)}' if r.setting else ''}" for r in rejected)
    return ParityError(f"the {name} file of {model} computes something else: max relative error {off}, "
                       f"tolerated are {tolerance_of(written.format):g}; {next_step}")


def told(setting: Setting) -> str:
    """``{"onednn": False}`` -> ``onednn off``."""
    words = {True: "on", False: "off"}
    return ", ".join(f"{key} {words[value] if isinstance(value, bool) else value}" for key, value in setting.items())


def first_line(error: BaseException) -> str:
    """Of a message; runtimes print their whole stack."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    errors = [line for line in lines if "Error" in line and ":" in line]
    return (errors or lines or ["without a message"])[0]
