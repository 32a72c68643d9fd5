"""The report as one HTML page."""

from __future__ import annotations

from html import escape

from prunelab.lab.report.content import Content
from prunelab.lab.report.told import WORDS, beside, how, made_with, step_headers, step_row, summary, timed, unmeasured
from prunelab.plan.layers import LayerRow
from prunelab.render.confusion import ConfusionPicture
from prunelab.render.numbers import count, counted, percent, signed
from prunelab.render.page import Cell, Section, chips, code, facts, figure, page, table
from prunelab.render.png import image
from prunelab.render.strip import Strip

_MOST_CLASSES = 20  # that a matrix is drawn of: more cells than that nobody reads
_MOST_CHANGES = 15
_WIDE = 950  # pixels, of a page that is 1000 wide
_MOST_STATES = 400  # in the tree and in the table of all states: beyond, a picture is no picture


def html(content: Content) -> str:
    """The page."""
    sections = [Section("result", "Result", _result(content)), Section("steps", "How it was pruned", _steps(content)),
                Section("history", "All states", _history(content)),
                Section("layers", "Layers and masks", _layers(content))]
    if content.sensitivity is not None:
        sections.append(Section("sensitivity", "Sensitivity", _sensitivity(content)))
    if content.measured.changes is not None:
        sections.append(Section("classes", "Classes", _classes(content)))
    sections += [Section("repeat", "Repeat it", _repeat(content)), Section("words", "Words", _words())]
    head = f'<p class="lead">{escape(summary(content))}</p>{_chips(content)}'
    version = content.state.versions.get("prunelab", "")
    return page(content.title, head, sections, f"Written by prunelab {version} from state {content.state.id}, "
                                               f"{content.state.created[:10]}.")


def _chips(content: Content) -> str:
    return chips([(name, now, change, f"dense {dense}")
                  for name, dense, now, change in beside(content) if name != "units"][:6])


def _result(content: Content) -> str:
    rows: list[list[Cell]] = [[Cell(name), Cell(dense, 0.0), Cell(now, 0.0), Cell(change, 0.0)]
                              for name, dense, now, change in beside(content)]
    told = table(["", "dense", "pruned", "change"], rows)
    note = f'<p class="quiet">{escape(timed(content) or unmeasured(content))}</p>'
    if content.tradeoff is None:
        return told + note
    caption = f"{content.tradeoff.metric} against MACs: a dot a state, the way to {content.state.id} in teal"
    return f'<div class="pair"><div>{told}</div>{figure(caption, content.tradeoff.to_svg(), wide=True)}</div>{note}'


def _steps(content: Content) -> str:
    sentences = "".join(f"<p>{escape(text)}</p>" for text in how(content))
    rows = [[Cell(text, value) for text, value in step_row(state, content.metrics)] for state in content.path]
    return sentences + table(step_headers(content.metrics), rows, states=[s.id for s in content.path],
                             here=content.state.id)


def _history(content: Content) -> str:
    drawn = content.tree.to_svg(fit=_WIDE)
    tree = figure(f"{counted(len(content.states), 'state')}; to the right is later", drawn, wide=True)
    curves = "".join(figure("MACs" if name == "macs" else name, content.curves.to_svg(name))
                     for name in content.curves.series)
    told = ("" if len(content.states) <= _MOST_STATES
            else "<p>There are too many states to draw; the way here is above.</p>")
    others = [s for s in content.states if s not in content.path][-_MOST_STATES:]
    rows = [[Cell(text, value) for text, value in step_row(state, content.metrics)] for state in others]
    beside_it = "" if not others else (
        f"<details><summary>{counted(len(others), 'state')} beside the way</summary>"
        f"{table(step_headers(content.metrics), rows, states=[s.id for s in others], sorts=True)}</details>")
    return told + ("" if told else tree) + f'<div class="charts">{curves}</div>' + beside_it


def _layers(content: Content) -> str:
    cut = [row for row in content.layers if row.kept < row.units]
    frozen = [row for row in content.layers if row.frozen]
    whole = len(content.layers) - len(cut) - len(frozen)
    known = any(row.params is not None for row in content.layers)  # of the record alone nobody knows
    told = f", {len(frozen)} cannot be cut" if known else ""
    only_masked = bool(content.patterns) and not cut
    text = "" if only_masked else f"<p>{counted(len(cut), 'layer')} lost units, {whole} kept all{told}.</p>"
    legend = ('<p class="legend"><i class="key" style="background:var(--teal)"></i>stays '
              '<i class="key" style="background:var(--orange);opacity:.45"></i>went early '
              '<i class="key" style="background:var(--orange)"></i>went late</p>')
    strips = "".join(_strip(strip) for strip in content.strips)
    drawn = f'{legend}<div class="strips" data-filter="Filter layers">{strips}</div>' if strips else ""
    if content.patterns:
        masks = "".join(figure(p.title, image(p.cells(), p.title)) for p in content.patterns)
        drawn += f'<p>Weights that are left, strong where all of a cell are:</p><div class="masks">{masks}</div>'
    return f"{text}{drawn}<details><summary>All layers as a table</summary>{_table(content)}</details>"


def _strip(strip: Strip) -> str:
    left = int((strip.gone < 0).sum())
    _, each = strip.cells()
    shared = f", a cell is {each} units" if each > 1 else ""
    told = f"{left:,} of {len(strip.gone):,} {strip.granularity}s left{shared}"
    return (f'<div class="strip" data-name="{escape(strip.name)}"><div class="name">{escape(strip.name)}'
            f"<span>{escape(told)}</span></div>{strip.to_svg()}</div>")


def _table(content: Content) -> str:
    costed = any(row.params is not None for row in content.layers)
    headers = ["layer", "unit", "kept", "of", "cut", *(["params", "MACs"] if costed else []), "tied to, or why frozen"]
    return table(headers, [_layer(row, costed) for row in content.layers], sorts=True)


def _layer(row: LayerRow, costed: bool) -> list[Cell]:
    tied = f"frozen: {row.frozen}" if row.frozen else ", ".join(name for name in row.tied if name != row.name)
    cost = [Cell("–" if n is None else count(n), -1.0 if n is None else n) for n in (row.params, row.macs)]
    cost = cost if costed else []
    return [Cell(row.name), Cell(row.granularity), Cell(f"{row.kept:,}", row.kept), Cell(f"{row.units:,}", row.units),
            Cell("–" if row.frozen else percent(row.ratio, 0), row.ratio), *cost, Cell(tied)]


def _sensitivity(content: Content) -> str:
    found = content.sensitivity
    assert found is not None
    picture = found.plot()
    return (f"<p>What a cut of each layer alone costs: the {escape(found.metric)} with so many of its units gone.</p>"
            f'<div class="charts">{figure("teal near the input, orange near the output", picture.to_svg())}</div>'
            f'{figure("what is lost; darker loses more", picture.heat_map_svg(), wide=True)}')


def _classes(content: Content) -> str:
    changes = content.measured.changes
    assert changes is not None
    frame = changes.table.sort_values("change", kind="stable")
    rows = [[Cell(str(name)), Cell(f"{row.labels:,.0f}", row.labels), Cell(percent(row.before), row.before),
             Cell(percent(row.after), row.after),
             Cell(signed(f"{100 * row.change:+.1f}").replace("+0.0", "±0.0"), row.change)]
            for name, row in frame.iterrows() if row.labels][:_MOST_CHANGES]
    n = int(changes.before.matrix.sum())
    text = (f"<p>How many of each class's samples are told right, of {n:,} validation samples in all; the class that "
            "lost most comes first.</p>")
    told = table(["class", "labels", "dense", "pruned", "points"], rows, sorts=True)
    if len(changes.after.names) > _MOST_CLASSES:
        return text + told
    pictures = "".join(figure(name, ConfusionPicture(tuple(map(tuple, c.matrix.tolist())), c.names).to_svg())
                       for name, c in (("dense: a row a label, a column what it was taken for", changes.before),
                                       ("pruned", changes.after)))
    return f'{text}{told}<div class="charts">{pictures}</div>'


def _repeat(content: Content) -> str:
    return (f"{facts(made_with(content))}<p>This recipe repeats the way to {content.state.id}: save it as run.toml, "
            "and call <code>prunelab run run.toml</code>. With the same versions, device and threads it gives the same "
            "bits. Names without a colon are variables of a notebook: there the recipe goes into a cell below "
            f"<code>%%prune</code>.</p>{code(content.recipe)}")


def _words() -> str:
    return facts(WORDS)
