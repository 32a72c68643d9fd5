"""The report as Markdown, for a README or an issue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prunelab.lab.report.content import Content
from prunelab.lab.report.told import beside, how, made_with, step_headers, step_row, summary, timed, unmeasured
from prunelab.render.numbers import count, percent

# what Markdown or HTML in it would read as its own
_SPECIAL = str.maketrans({c: f"\\{c}" for c in "\\|*_`<>[]#"})


def markdown(content: Content) -> str:
    """The text."""
    return "\n".join(_lines(content)) + "\n"


def _lines(content: Content) -> Iterator[str]:
    yield from (f"# {_plain(content.title)}", "", _plain(summary(content)), "")
    yield from _table(["", "dense", "pruned", "change"], beside(content))
    yield from (_plain(timed(content) or unmeasured(content)), "")
    yield from ("## How it was pruned", "", _plain(" ".join(how(content))), "")
    steps = [[text for text, _ in step_row(state, content.metrics)] for state in content.path]
    yield from _table(step_headers(content.metrics), steps)
    yield from ("## Layers", "")
    yield from _table(["layer", "unit", "kept", "cut", "params", "MACs"], [
        [row.name, row.granularity, f"{row.kept}/{row.units}", percent(row.ratio, 0),
         *("–" if n is None else count(n) for n in (row.params, row.macs))] for row in content.layers
        if not row.frozen])
    tree = str(content.tree).replace("```", "'''")
    yield from ("## All states", "", "```text", tree, "```", "", "## Repeat it", "")
    yield from (f"- {_plain(name)}: {_plain(value)}" for name, value in made_with(content))
    yield from ("", "```toml", content.recipe.rstrip(), "```")


def _plain(text: str) -> str:
    return " ".join(text.translate(_SPECIAL).split())


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    sides = ["---", *("---:" if all(row[k][:1] in "+−±–" or row[k][:1].isdigit() for row in rows) else "---"
                      for k in range(1, len(headers)))]
    yield f"| {' | '.join(headers)} |"
    yield f"|{'|'.join(sides)}|"
    yield from (f"| {' | '.join(map(_plain, row))} |" for row in rows)
    yield ""
