"""Reports: what they say, in which forms, and that they are whole files that need nothing else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import paddle
import pytest
from lab_nets import batched, data, everything, lab, net
from paddle import nn

import prunelab as pl
from prunelab.errors import OptionError, UnknownNameError, WorkspaceError
from prunelab.lab.report.content import Measured, content_of
from prunelab.lab.report.latex import escaped, latex
from prunelab.render.numbers import count

VOID = {"meta", "br", "input", "img"}


class Page(HTMLParser):
    """A page's text, its attributes, and whether every tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "script"):
            self.text.append(data)

    @property
    def told(self) -> str:
        return " ".join(" ".join(self.text).split())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> pl.Lab:
    """A trained net, two ways of cutting it, in the middle of which one stands."""
    opened = lab(workspace=tmp_path_factory.mktemp("run") / "w", lr=0.02)
    opened.finetune(3)
    opened.step("0", ratio=0.3, repair=True)
    opened.step("3", ratio=0.5, criterion="taylor", finetune=1)
    opened.branch("wider")
    opened.goto("s1")
    opened.step(by="params", ratio=0.6)
    opened.goto("s3")
    return opened


@pytest.fixture(scope="module")
def page(run: pl.Lab, tmp_path_factory: pytest.TempPathFactory) -> Page:
    path = run.report(tmp_path_factory.mktemp("page") / "run.html")
    return Page(path.read_text(encoding="utf-8"))


def test_a_page_says_what_was_done_and_what_came_of_it(page: Page, run: pl.Lab) -> None:
    now, uncut = run.state, run.path()[1]
    told = page.told
    assert f"was cut from {count(uncut.cost.params)} to {count(now.cost.params)} parameters" in told
    # compared with the trained model, not with the untrained one
    assert f"and was {100 * uncut.metrics['accuracy']:.1f} % before the first cut" in told
    assert "2 steps took units away, and 1 only trained." in told
    assert "decided by l1_weight" in told
    assert "decided by taylor" in told
    assert "together=False" not in told
    assert "After 1 of 2 cuts the weights that stay were re-solved" in told
    assert "Before the first cut the model was trained for 3 epochs." in told
    assert "Between and after the cuts it was trained for 1 epoch in all." in told
    assert "calls of each, in turn" in told
    assert str(run.workspace) not in told
    assert f"{len(run.states)} states in w" in told
    for state in run.states:
        assert state.label in told
    for fact in (paddle.__version__, np.__version__, "latency", "[[steps]]", 'criterion = "taylor"'):
        assert fact in told


def test_a_page_shows_every_state_and_when_each_unit_went(page: Page, run: pl.Lab) -> None:
    states = {at["data-state"] for _, at in page.found if "data-state" in at}
    assert states == {state.id for state in run.states}
    strips = [at for tag, at in page.found if tag == "div" and at.get("class") == "strip"]
    assert [at["data-name"] for at in strips] == [g.name for g in run.plan.groups if g.n_removed]
    went = [at["data-state"] for tag, at in page.found if tag == "path" and "data-state" in at]
    assert went == ["s2", "s3"]
    labels = [at["aria-label"] or "" for tag, at in page.found if tag == "svg"]
    assert f"0: {6 - len(run.plan.removed('0'))} of 6 units left, 33 % gone (channel)" in labels


def test_a_page_needs_nothing_else(page: Page) -> None:
    assert not [at for _, at in page.found if not str(at.get("src", "data:")).startswith("data:")
                or (at.get("href") or "#")[0] != "#"]
    policy = next(at for tag, at in page.found if tag == "meta" and "http-equiv" in at)
    assert "default-src 'none'" in str(policy["content"])


def test_what_was_measured_of_the_layers_is_shown(run: pl.Lab, page: Page, tmp_path: Path) -> None:
    assert "What a cut of each layer alone costs" not in page.told
    run.sensitivity(ratios=(0.25, 0.5))
    shown = Page(run.report(tmp_path / "r.html", measure=False).read_text(encoding="utf-8"))
    assert "What a cut of each layer alone costs" in shown.told
    assert {at["data-ratio"] for _, at in shown.found if "data-ratio" in at} == {"0.25", "0.5"}


def test_classes_are_compared_where_labels_are_classes(page: Page, run: pl.Lab, tmp_path: Path) -> None:
    assert "of 12 validation samples in all; the class that lost most comes first" in page.told
    x, _ = data(8)
    other = pl.Lab(nn.Sequential(nn.Flatten(), nn.Linear(36, 4), nn.ReLU(), nn.Linear(4, 1)),
                   val=(x, x.mean((1, 2, 3))[:, None]), loss="mse", metrics="loss")
    other.step("1", ratio=0.5)
    told = Page(other.report(tmp_path / "r.html").read_text()).told
    assert "samples are told right" not in told
    assert "its loss is" in told


def test_reporting_changes_nothing(run: pl.Lab, tmp_path: Path) -> None:
    before = everything(run)
    for name in ("a.html", "b.md", "c.tex"):
        run.report(tmp_path / name)
    assert everything(run) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.html", "b.md", "c.tex"]


def test_a_watcher_reports_what_is_recorded(run: pl.Lab, tmp_path: Path) -> None:
    shutil.copytree(str(run.workspace), tmp_path / "w", ignore=shutil.ignore_patterns("measured"))
    told = Page(watched(tmp_path / "w", tmp_path / "w.html").read_text(encoding="utf-8")).told
    assert told.startswith("A <study>")
    assert "latency" not in told
    assert "cannot be cut" not in told  # nobody knows it without the model
    assert "Latency, the classes that changed and the data are not told" in told
    assert "prunelab report w run.html does" in told
    assert "2 steps took units away" in told
    assert "% Latency, the classes that" in watched(tmp_path / "w", tmp_path / "w.tex").read_text(encoding="utf-8")


def watched(workspace: Path, file: Path) -> Path:
    watcher = pl.Lab.watch(workspace)
    try:
        return watcher.report(file, title="A <study>")
    finally:
        watcher.close()


def test_what_a_report_measured_is_recorded(run: pl.Lab, tmp_path: Path) -> None:
    run.sensitivity("0", ratios=(0.4,))
    shown = Page(run.report(tmp_path / "a.html").read_text(encoding="utf-8")).told
    shutil.copytree(str(run.workspace), tmp_path / "w")
    told = Page(watched(tmp_path / "w", tmp_path / "b.html").read_text(encoding="utf-8")).told
    for begin, end in (("latency", "accuracy against"), ("Latency: the median", "How it was"),
                       ("training data", " history"), ("What a cut of each layer alone costs", "Repeat it")):
        assert told.partition(begin)[2].partition(end)[0] == shown.partition(begin)[2].partition(end)[0] != ""
    kept = tmp_path / "w" / "measured" / "s3.json"
    for text in (kept.read_text().replace('"s1"', '"s0"'), "{"):  # of two other models; damaged
        kept.write_text(text)
        assert "are not told" in watched(tmp_path / "w", tmp_path / "c.html").read_text(encoding="utf-8")


def test_the_recipe_of_a_page_is_a_recipe_that_repeats_it(run: pl.Lab, tmp_path: Path) -> None:
    text = run.report(tmp_path / "r.md", measure=False).read_text(encoding="utf-8")
    recipe = text.partition("```toml\n")[2].partition("```")[0]
    paddle.seed(0)
    again = pl.run_recipe(recipe, variables={"net": net(), "train": batched(), "val": data(12, 1)})
    assert again.state.metrics == run.state.metrics
    jsonschema.validate(pl.Recipe.loads(recipe, again.origin and {"net": 1, "train": 1, "val": 1}).data,
                        pl.Recipe.schema())


def test_markdown_and_latex_have_whole_tables(run: pl.Lab, tmp_path: Path) -> None:
    text = run.report(tmp_path / "r.md").read_text(encoding="utf-8")
    tables = [block.splitlines() for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)]
    assert len(tables) == 3
    for lines in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1
    tex = run.report(tmp_path / "r.tex").read_text(encoding="utf-8")
    assert re.sub(r"\\[{}]", "", tex).count("{") == re.sub(r"\\[{}]", "", tex).count("}")
    assert tex.count(r"\begin{tabular}") == tex.count(r"\bottomrule") == 3
    for body in re.findall(r"\\begin{tabular}{(.*?)}(.*?)\\end{tabular}", tex, re.DOTALL):
        rows = [line for line in body[1].splitlines() if line.endswith(r"\\")]
        assert {len(re.findall(r"(?<!\\)&", row)) + 1 for row in rows} == {len(body[0])}
    assert not re.search(r"(?<!\\)[%#_]", tex.partition("\n\n")[2])


def test_latex_is_escaped() -> None:
    assert escaped("a_b & 50 % {#1} \\x −3 ±0 <é>") == (
        r"a\_b \& 50 \% \{\#1\} \textbackslash{}x $-$3 $\pm$0 \textless{}é\textgreater{}")
    assert escaped("[1] ø ≥ 2 … “\u03b1–\u03a9” \u03a1\u03bf") == r"{[}1] ø $\geq$ 2 \ldots{} ``$\alpha$--$\Omega$'' Po"
    assert escaped("漢✂ Ǹ") == r"\prunelabletter{漢}{6F22}\prunelabletter{✂}{2702} \prunelabletter{Ǹ}{01F8}"


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex: apt-get install -y texlive-latex-base")
def test_latex_compiles_whatever_the_names_hold(run: pl.Lab, tmp_path: Path) -> None:
    content = content_of(run, Measured())
    odd = "".join(map(chr, [*range(0x20, 0x7f), *range(0xa1, 0x180)])) + " ✂ 漢 “…” ‰ "
    odd += "".join(map(chr, [*range(0x391, 0x3a2), *range(0x3a3, 0x3aa), *range(0x3b1, 0x3ca)]))
    rows = tuple(replace(row, name=f"{start}{odd}") for row, start in zip(content.layers, "[*_%&", strict=False))
    states = tuple(replace(state, label=f"[1] {state.label} & 50 % of a_b^{{c}} \\x") for state in content.path)
    text = latex(replace(content, model=odd, layers=rows, path=states))
    # the rules are booktabs', which is in another package than LaTeX itself
    rules = r"\let\toprule\hline\let\midrule\hline\let\bottomrule\hline"
    (tmp_path / "paper.tex").write_text(
        rf"\documentclass{{article}}{rules}\begin{{document}}" + f"\n{text}\\end{{document}}\n", encoding="utf-8")
    done = subprocess.run(["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"], cwd=tmp_path,
                          capture_output=True, check=False, timeout=120)
    log = (tmp_path / "paper.log").read_text(encoding="latin-1")
    assert done.returncode == 0, [line for line in log.splitlines() if line.startswith("!")]
    assert (tmp_path / "paper.pdf").stat().st_size > 10_000


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex: apt-get install -y texlive-latex-base")
def test_tables_of_many_rows_and_columns_stay_on_the_page(run: pl.Lab, tmp_path: Path) -> None:
    content = content_of(run, Measured())
    told = dict.fromkeys(("accuracy", "f1", "loss"), 0.9612)
    path = tuple(replace(run.state, metrics=told, label="fine-tuned 2 epochs", id=f"s{100 + k}") for k in range(120))
    layers = content.layers * (120 // len(content.layers))
    rules = r"\let\toprule\hline\let\midrule\hline\let\bottomrule\hline"
    text = latex(replace(content, states=path, path=path, state=path[-1], layers=layers))
    (tmp_path / "paper.tex").write_text(
        rf"\documentclass{{article}}{rules}\begin{{document}}" + f"\n{text}\\end{{document}}\n", encoding="utf-8")
    subprocess.run(["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"], cwd=tmp_path,
                   capture_output=True, check=True, timeout=120)
    log = (tmp_path / "paper.log").read_text(encoding="latin-1")
    assert not re.search("Overfull|too large", log)
    assert text.count("s219 &") == 1


def test_names_are_text_and_run_nothing(tmp_path: Path) -> None:
    class Net(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.add_sublayer("<img src=x onerror=alert(1)>", nn.Linear(4, 6))
            self.last = nn.Linear(6, 2)

        def forward(self, x: Any) -> Any:
            return self.last(nn.functional.relu(self._sub_layers["<img src=x onerror=alert(1)>"](x)))

    opened = pl.Lab(Net(), val=(np.ones((4, 4), np.float32), np.zeros(4, np.int64)))
    opened.step(ratio=0.5)
    found = Page(opened.report(tmp_path / "r.html", title="</title><script>alert(1)</script>").read_text()).found
    assert [tag for tag, _ in found if tag in ("img", "script")] == ["script"]


def test_a_lab_without_data_or_steps_has_a_report(tmp_path: Path) -> None:
    opened = pl.Lab(nn.Linear(4, 3), inputs=(2, 4))
    told = Page(opened.report(tmp_path / "r.html").read_text()).told
    assert "Linear has not been cut yet: 15 parameters" in told
    assert "No step has been taken." in told
    masked = pl.Lab(nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2)), inputs=(2, 4))
    masked.adopt(pl.propose(masked.graph, granularity="element", sparsity=0.5))
    page = Page(masked.report(tmp_path / "m.html").read_text())
    assert "cuts single weights, which a recipe has no words for" in page.told
    assert "Sequential has 50.0 % of the numbers in 2 weights set to zero. They stay in their place" in page.told
    assert "was cut from" not in page.told
    assert "0 layers lost units" not in page.told
    shown = [at["alt"] for tag, at in page.found if tag == "img"]
    assert shown == ["0.weight: 50.0 % of 6 × 4 weights left (element)",
                     "2.weight: 50.0 % of 2 × 6 weights left (element)"]


@pytest.mark.parametrize(("path", "kind", "message"), [
    ("run.htm", UnknownNameError, "unknown ending '.htm' in the report run.htm; did you mean '.html'?"),
    ("run", UnknownNameError, "unknown ending '' in the report run; "),
    (3, OptionError, "the path of a report is 3; give a file's name, such as 'run.html'"),
    ("nowhere/run.html", WorkspaceError, "the report cannot be written to nowhere/run.html: No such file"),
])
def test_a_place_that_cannot_be_is_refused(path: Any, kind: type[Exception], message: str, run: pl.Lab, tmp_path: Path,
                                           monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(kind, match=re.escape(message)):
        run.report(path, measure=False)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_old_report(run: pl.Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = run.report(tmp_path / "run.md", measure=False)
    before = path.read_bytes()

    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    for name in ("replace", "fdopen"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, full)
            with pytest.raises(WorkspaceError, match=r"cannot be written to .*run\.md: No space left on device"):
                run.report(path, title="Other", measure=False)
        assert [p.name for p in tmp_path.iterdir()] == ["run.md"]
        assert path.read_bytes() == before


def test_fifty_states_stay_small(tmp_path: Path) -> None:
    wide = nn.Sequential(nn.Conv2D(1, 64, 3), nn.ReLU(), *(layer for _ in range(8) for layer in (
        nn.Conv2D(64, 64, 3, padding=1), nn.ReLU())), nn.AdaptiveAvgPool2D(1), nn.Flatten(), nn.Linear(64, 3))
    opened = pl.Lab(wide, val=data(6))
    for k in range(1, 51):
        opened.step(f"{2 * (k % 8)}", ratio=k / 64)
    path = opened.report(tmp_path / "r.html", measure=False)
    assert path.stat().st_size < 600_000
    found = Page(path.read_text()).found
    assert len(found) > 1000
    (tree,) = [at for tag, at in found if tag == "svg" and at["aria-label"] == "history, 51 states"]
    assert int(tree["width"] or 0) <= 950  # all of it is seen at once, also on paper
