from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunelab.graph.dims import atom, concatenation, factors, find, fix, leaves, permutation, product
from prunelab.graph.unifying import reshape, rows, select, split, unify
from prunelab.graph.widths import Kept, PerBatch, Survivors, unit_of


def test_a_product_drops_ones_and_opens_nested_ones():
    a, b, c = atom(2), atom(3), atom(5)
    assert [f.size for f in factors(product([a, atom(1), product([b, c])]))] == [2, 3, 5]
    assert find(product([atom(1), a])) is a


def test_unify_gives_an_atom_the_others_structure():
    whole, heads, width = atom(12), atom(3), atom(4)
    unify(whole, product([heads, width]), "reshape")
    assert leaves(whole) == [heads, width]


def test_unify_splits_concatenations_at_each_others_boundaries():
    a, b, c, d = atom(4), atom(6), atom(7), atom(3)
    unify(concatenation([a, b]), concatenation([c, d]), "add")
    assert [leaf.size for leaf in leaves(concatenation([a, b]))] == [4, 3, 3]
    assert leaves(c) == [*leaves(a), leaves(b)[0]]


def test_sizes_that_differ_are_fixed_with_a_reason():
    a, b = atom(3), atom(4)
    unify(a, b, "add")
    assert a.reason == "add: 3 meets 4"
    assert b.reason


def test_rows_that_do_not_nest_are_fixed():
    a, b = product([atom(4), atom(9)]), product([atom(6), atom(6)])
    unify(a, b, "add")
    assert all(leaf.reason for leaf in leaves(a))


def test_what_is_fixed_stays_fixed_when_it_is_split():
    whole = atom(12)
    fix(whole, "output")
    assert {leaf.reason for part in split(whole, [4, 8]) for leaf in leaves(part)} == {"output"}
    assert {leaf.reason for leaf in (*leaves(rows(whole, 3)[0]), *leaves(whole))} == {"output"}


def test_split_of_rows_keeps_the_columns_free():
    qkv, width = atom(3), atom(8)
    q, k, v = split(product([qkv, width]), [8, 8, 8])
    assert find(q) is find(k) is find(v) is width
    assert not width.reason


def test_reshape_splits_an_atom_and_joins_it_again():
    batch, channels = atom(2), atom(12)
    wide = reshape([batch, channels], [2, 3, 4])
    assert [leaf.size for leaf in leaves(channels)] == [3, 4]
    again = reshape(wide, [2, 12])
    assert leaves(again[1]) == leaves(channels)


def test_a_reshape_that_does_not_nest_is_fixed():
    a, b = atom(4), atom(9)
    reshape([a, b], [6, 6])
    assert a.reason
    assert b.reason


@st.composite
def expressions(draw, depth=2):
    """A dim and its atoms."""
    if depth == 0:
        return atom(draw(st.integers(2, 5)))
    parts = [draw(expressions(depth=depth - 1)) for _ in range(draw(st.integers(1, 3)))]
    return draw(st.sampled_from([product, concatenation]))(parts)


@given(expressions(), st.integers(0, 2**32 - 1))
def test_kept_positions_are_those_of_kept_units(dim, seed):
    rng = np.random.default_rng(seed)
    atoms = list({id(a): a for a in leaves(dim)}.values())
    keep = {a: np.sort(rng.permutation(a.size)[: rng.integers(1, a.size + 1)]) for a in atoms}
    kept = Kept({a: Survivors(a.size, np.setdiff1d(np.arange(a.size), stay)) for a, stay in keep.items()})
    positions = kept.positions(dim)
    assert len(positions) == kept.size(dim)
    stays = np.ones(find(dim).size, bool)
    for a in atoms:
        unit = unit_of(dim, a)
        assert len(unit) == find(dim).size
        stays &= (unit < 0) | np.isin(unit, keep[a])
    assert np.array_equal(np.flatnonzero(stays), positions)
    for boundary in range(find(dim).size + 1):
        assert kept.before(dim, boundary) == (positions < boundary).sum()


@given(expressions(), st.data(), st.integers(0, 2**32 - 1))
def test_selected_positions_are_those_that_were_named(dim, data, seed):
    rng = np.random.default_rng(seed)
    order = data.draw(st.permutations(range(find(dim).size)))
    order = order[: data.draw(st.integers(1, len(order)))]
    read = select(dim, order)
    assert find(read).size == len(order)
    atoms = [a for a in {id(a): a for a in leaves(dim)}.values() if not a.reason and a.size > 1]
    keep = {a: np.sort(rng.permutation(a.size)[: rng.integers(1, a.size + 1)]) for a in atoms}
    kept = Kept({a: Survivors(a.size, np.setdiff1d(np.arange(a.size), stay)) for a, stay in keep.items()})
    stays = np.isin(order, kept.positions(dim))
    assert np.array_equal(np.flatnonzero(stays), kept.positions(read))
    for a in atoms:
        assert np.array_equal(unit_of(read, a), unit_of(dim, a)[order])


def test_a_permutation_meets_itself_in_another_order():
    whole = atom(4)
    unify(whole, permutation(whole, [1, 0, 3, 2]), "add")
    assert whole.reason == "add: units meet themselves in another order"


def test_two_permutations_of_one_order_are_one():
    a, b = atom(4), atom(4)
    unify(permutation(a, [2, 0, 1, 3]), permutation(b, [2, 0, 1, 3]), "add")
    assert find(a) is find(b)
    assert not find(a).reason


def test_what_is_read_by_number_splits_from_the_rest():
    whole, reader = atom(6), atom(3)
    unify(select(whole, [4, 0, 2]), reader, "matmul")
    assert sorted(leaf.size for leaf in leaves(whole)) == [3, 3]
    assert list(unit_of(whole, find(reader))) == [1, -1, 2, -1, 0, -1]


@pytest.mark.parametrize(("build", "each", "more"), [
    (lambda b: b, 1, 0), (lambda b: product([b, atom(6)]), 6, 0), (lambda b: concatenation([b, atom(1), b]), 2, 1),
])
def test_sizes_follow_the_batch(build, each, more):
    batch = atom(2, "the batch")
    batch.batch = True
    size = Kept({}).size(build(batch))
    assert size == PerBatch(each, more)
    assert size.at(5) == each * 5 + more


def test_a_concatenation_of_rows_of_inner_factors_keeps_the_columns():
    a, b, c = atom(2), atom(3), atom(4)
    parts = [atom(4), atom(12), atom(8)]
    unify(product([a, b, c]), concatenation(parts), "add")
    assert [any(leaf.reason for leaf in leaves(d)) for d in (a, b, c)] == [True, False, False]
    assert find(parts[0]) is find(c)
    assert find(parts[1]).parts[-1] is find(c)


def test_a_split_between_rows_of_inner_factors_keeps_the_columns():
    a, b, c = atom(2), atom(3), atom(4)
    first, second = split(product([a, b, c]), [4, 20])
    assert [leaf.reason for leaf in leaves(a)] == ["split across rows", ""]
    assert [(leaf.size, leaf.reason) for leaf in leaves(b)] == [(1, ""), (2, "")]
    assert find(first) is find(c)
    assert find(second).size == 20


@given(st.data())
def test_parts_that_are_cut_inside_of_rows_hold_the_positions_of_the_whole(data):
    """Rows that are cut through stay; whatever else goes, parts end to end are what is left of the whole."""
    whole = product([atom(n) for n in data.draw(st.lists(st.integers(2, 5), min_size=2, max_size=3))])
    ends = sorted(data.draw(st.sets(st.integers(1, whole.size - 1), min_size=1, max_size=3)))
    sizes = np.diff([0, *ends, whole.size]).tolist()
    parts = split(whole, sizes)
    assert [find(p).size for p in parts] == sizes
    free = list(dict.fromkeys(leaf for leaf in leaves(whole) if not leaf.reason and leaf.size > 1))
    kept = Kept({leaf: Survivors(leaf.size, data.draw(st.permutations(range(leaf.size)))[1:][: data.draw(
        st.integers(0, leaf.size))]) for leaf in free})
    starts = [0, *ends]
    left = np.concatenate([start + kept.positions(p) for start, p in zip(starts, parts, strict=True)])
    assert left.tolist() == np.asarray(kept.positions(whole)).tolist()


def test_a_concatenation_of_whole_rows_takes_the_rows_apart():
    heads, width = atom(8), atom(4)
    parts = [atom(8), atom(24)]
    unify(product([heads, width]), concatenation(parts), "add")
    assert [p.size for p in find(heads).parts] == [2, 6]
    assert all(find(p).parts[-1] is find(width) for p in parts)
    assert not any(leaf.reason for p in parts for leaf in leaves(p))


def test_many_cuts_leave_a_flat_concatenation():
    d = atom(12)
    for k in range(12):
        split(d, [n for n in (k, 1, 11 - k) if n])
    assert [(find(p).kind, find(p).size) for p in find(d).parts] == [("atom", 1)] * 12
