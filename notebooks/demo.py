"""The main job: run the quickstart without a browser, and tell what came of it.

    python notebooks/demo.py [FOLDER]      # FOLDER: where to write (demo)

Everything in the table is read from the files that the notebook wrote.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter

from prunelab.render.numbers import change, count, milliseconds, percent, signed, size
from prunelab.render.table import text_table

NOTEBOOK = Path(__file__).with_name("01_quickstart.ipynb")
EXPORTED = "digits-pruned"  # the folder that the notebook exports to


def main(folder: Path) -> int:
    """Execute the notebook in ``folder``; 0 if all of it ran."""
    folder.mkdir(parents=True, exist_ok=True)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    print(f"Running {NOTEBOOK.name}: training, pruning, exporting (about two minutes) ...", flush=True)
    start = time.perf_counter()
    client = NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(folder)}}, kernel_name="python3")
    try:
        # what the kernel's libraries print for themselves is no part of the report
        client.execute(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except CellExecutionError as error:
        print(f"A cell failed:\n{error}", file=sys.stderr)
        return 1
    show_static_forms(notebook)
    page = folder / "01_quickstart.html"
    page.write_text(HTMLExporter().from_notebook_node(notebook)[0], encoding="utf-8")
    print(f"... {time.perf_counter() - start:.0f} s\n")
    print(report(folder / EXPORTED))
    print("\nWritten:")
    for path in [page, *sorted(p for p in (folder / EXPORTED).rglob("*") if p.is_file())]:
        print(f"  {path}")
    return 0


def show_static_forms(notebook: nbformat.NotebookNode) -> None:
    """Leave each widget's picture and drop the widget.

    A page has no kernel, and may have no network for its scripts.
    """
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "text/html" in data:
                data.pop("application/vnd.jupyter.widget-view+json", None)


def report(folder: Path) -> str:
    """Dense beside pruned, from the manifest, the plan and the history in ``folder``."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    with open(folder / "history.csv", newline="", encoding="utf-8") as file:
        states = list(csv.DictReader(file))
    dense = states[0]
    pruned = next(s for s in states if s["current"] == "True")
    rows = [["accuracy", percent(float(dense["accuracy"])), percent(float(pruned["accuracy"])),
             signed(f"{(float(pruned['accuracy']) - float(dense['accuracy'])) * 100:+.1f} points")]]
    for name, key in (("params", "params"), ("MACs", "macs")):
        before, after = plan["dense_cost"][key], plan["cost"][key]
        rows.append([name, count(before), count(after), change(after, before)])
    told = manifest["formats"]["paddle"]
    batch = told["latency"]["batch"]
    for name, of, form in (("size", lambda f: f["size_bytes"], size),
                           (f"latency at batch {batch}", lambda f: f["latency"]["median_ms"], milliseconds)):
        before, after = of(told["dense"]), of(told)
        rows.append([f"{name}, Paddle Inference", form(before), form(after), change(after, before)])
    parity = ", ".join(f"{name} {f['parity']['max_relative_error']:.1e}" for name, f in manifest["formats"].items())
    table = text_table(["", "dense", "pruned", "change"], rows)
    return f"{table}\n\nlargest relative error of the exported files: {parity}"


if __name__ == "__main__":
    asked = sys.argv[1] if len(sys.argv) > 1 else "demo"
    if asked.startswith("-"):
        sys.exit(__doc__.strip())
    sys.exit(main(Path(asked)))
