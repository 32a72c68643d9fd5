"""How much longer a shell takes to start with ``%load_ext prunelab`` than empty. Goal: 0.2 s more at most.

    python benchmarks/import_time.py [repeats]

Each measurement is a process of its own; empty and loaded alternate, so that a busy spell of the machine hits both.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

GOAL_S = 0.2
EMPTY = "from IPython.core.interactiveshell import InteractiveShell; shell = InteractiveShell.instance()"
LOADED = f"{EMPTY}; shell.run_line_magic('load_ext', 'prunelab')"


def duration_s(program: str) -> float:
    """The wall time of a fresh interpreter that runs ``program``, in seconds."""
    start = time.perf_counter()
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    # run_line_magic prints a failure to load, and goes on.
    if run.returncode or run.stdout or run.stderr:
        sys.exit(f"{program}\n{run.stdout}{run.stderr}")
    return time.perf_counter() - start


def main(repeats: int) -> None:
    """Print the median and the fastest of both, their difference, and their ratio."""
    for program in (EMPTY, LOADED):
        duration_s(program)  # the first run compiles and fills the disk cache
    pairs = [(duration_s(EMPTY), duration_s(LOADED)) for _ in range(repeats)]
    print(f"{'':24}{'empty':>8}{'loaded':>8}{'more':>9}{'ratio':>7}")
    for label, of in (("median", statistics.median), ("fastest", min)):
        empty, loaded = (of(column) for column in zip(*pairs, strict=True))
        print(f"{label + f' of {repeats}, s':24}{empty:8.3f}{loaded:8.3f}{loaded - empty:+9.3f}{loaded / empty:7.2f}")
    more = statistics.median(loaded - empty for empty, loaded in pairs)
    print(f"%load_ext prunelab costs {more:.3f} s; the goal of {GOAL_S} s is {'kept' if more <= GOAL_S else 'missed'}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 9)
