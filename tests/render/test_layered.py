"""A layered drawing: edges go down, boxes do not overlap, long edges pass between boxes, a chain is a straight line."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from prunelab.render.diagram import Box, Diagram
from prunelab.render.layered import layered

GAP = 24.0


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[float], list[tuple[int, int]]]:
    n = draw(st.integers(1, 25))
    widths = draw(st.lists(st.sampled_from([22.0, 148.0]), min_size=n, max_size=n))
    pairs = st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(lambda pair: pair[0] < pair[1])
    return widths, sorted(draw(st.sets(pairs, max_size=40))) if n > 1 else []


@given(graphs())
def test_edges_go_down_and_nothing_overlaps(graph: tuple[list[float], list[tuple[int, int]]]) -> None:
    widths, edges = graph
    drawn = layered(widths, edges, GAP)
    ranks = [rank for _, rank in drawn.places]
    for (a, b), route in zip(edges, drawn.routes, strict=True):
        assert ranks[a] < ranks[b]
        assert [rank for _, rank in route] == list(range(ranks[a], ranks[b] + 1))
        assert (route[0], route[-1]) == (drawn.places[a], drawn.places[b])
    rows: dict[int, list[tuple[float, float]]] = {}
    for (x, rank), width in zip(drawn.places, widths, strict=True):
        rows.setdefault(rank, []).append((x, width))
    for route in drawn.routes:
        for x, rank in route[1:-1]:
            rows[rank].append((x, 10.0))
    for row in rows.values():
        row.sort()
        for (x, width), (other, wide) in pairwise(row):
            assert other - x >= (width + wide) / 2 + GAP - 0.2
    assert min((x - width / 2 for (x, _), width in zip(drawn.places, widths, strict=True)), default=0) >= -0.1


def test_a_chain_is_a_straight_line() -> None:
    drawn = layered([148.0] * 5, [(k, k + 1) for k in range(4)])
    assert {x for x, _ in drawn.places} == {74.0}
    assert drawn.n_ranks == 5
    assert layered([], []).n_ranks == 0


def test_a_diagram_tells_itself_as_text_and_svg() -> None:
    boxes = (Box("x", "input"), Box("first <layer>", "layer", "g"), Box("+", "join"), Box("output", "output"))
    drawn = Diagram(boxes, ((0, 1), (1, 2), (0, 2), (2, 3)), "Net: what feeds what", {"g": 0.5}, "cut")
    assert str(drawn).splitlines() == [
        "Net: what feeds what", "x", "first <layer>  ← x  50 % cut", "+2             ← first <layer>, x",
        "output         ← +2"]
    svg = drawn.to_svg()
    assert svg.count("<rect") == 5  # one more, which is the shade
    assert 'data-group="g"' in svg
    assert "first &lt;layer&gt;" in svg
    assert "<layer>" not in drawn._repr_html_()
    assert len(drawn.paths()) == 4
    width, height = drawn.size
    for box in drawn.placed():
        assert box["x"] >= 0
        assert box["x"] + box["w"] <= width
        assert box["y"] + box["h"] <= height


def test_long_names_lose_their_middle() -> None:
    drawn = Diagram((Box("encoder.layers.11.self_attn.out_proj", "layer"),), ())
    (box,) = drawn.placed()
    assert box["label"] == "encoder.…ttn.out_proj"
    assert box["told"] == "encoder.layers.11.self_attn.out_proj"
