"""A process that works in a workspace until it is killed: `tests/lab/test_killed.py` starts it.

Each line of its input is a folder and a seed; for each it forks a child that opens a Lab there and steps, trains and
goes about without end, and tells every state that it was given, with the hash of everything. Loading Paddle and the
first trace take seconds, and are done once, on one thread: one that ran Paddle on several cannot be forked safely.
"""

from __future__ import annotations

import os
import random
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from lab_nets import everything, lab

from prunelab import errors


def tell(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def work(folder: str, seed: int) -> None:
    draw = random.Random(seed)
    opened = lab(workspace=folder)
    opened.on_progress.append(lambda progress: None)
    tell("state", opened.state.id, everything(opened))
    while True:
        move = draw.choice(["step", "step", "step", "train", "train", "goto", "goto", "tag", "search"])
        try:
            if move == "goto":
                opened.goto(draw.choice(opened.states))
            elif move == "search":
                opened.search(sampler="random", trials=2, seed=draw.randrange(3))
            elif move == "tag":
                opened.tag(f"t{draw.randrange(3)}", move=True)
            else:
                ratio, epochs = draw.choice([0.2, 0.4, 0.6, 0.8]), int(move == "train")
                opened.step(draw.choice(["0", "3"]), ratio=ratio, finetune=epochs)
        except errors.OptionError:  # nothing more goes here
            opened.goto("s0")
        tell("state", opened.state.id, everything(opened))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    lab().step("0", ratio=0.5)
    for line in sys.stdin:
        where, number = line.split()
        child = os.fork()
        if not child:
            try:
                work(where, int(number))
            except BaseException as error:
                tell("failed", repr(error))
            os._exit(1)
        tell("child", child)
        os.waitpid(child, 0)
        tell("ended")
