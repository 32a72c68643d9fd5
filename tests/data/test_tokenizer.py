"""Words and ids there and back; a tokenizer is data."""

from __future__ import annotations

from pathlib import Path

import pytest

from prunelab.data import Tokenizer, as_tokenizer
from prunelab.errors import DataError, OptionError, UnknownNameError

TOKENIZER = Tokenizer.of(["The cat sat.", "the dog"], 5)


def test_the_most_frequent_words_in_the_order_they_come() -> None:
    assert TOKENIZER.words == {"<pad>": 0, "<unk>": 1, "the": 2, "cat": 3, "sat": 4}
    assert TOKENIZER.encode("The dog sat", 5).tolist() == [2, 1, 4, 0, 0]
    assert TOKENIZER.encode("The dog sat", 2).tolist() == [2, 1]
    assert TOKENIZER.decode([2, 1, 4, 0, 77]) == "the <unk> sat <unk>"
    assert (len(TOKENIZER), TOKENIZER.special, TOKENIZER.get_vocab()["cat"]) == (5, (0, 1), 3)


def test_a_file_is_the_same_tokenizer_and_runs_no_code(tmp_path: Path) -> None:
    assert Tokenizer.load(TOKENIZER.save(tmp_path / "t.json")) == TOKENIZER
    (tmp_path / "other.json").write_text('{"format": "x"}')
    for name in ("other.json", "nowhere.json"):
        with pytest.raises(DataError, match="is no tokenizer"):
            Tokenizer.load(tmp_path / name)


class Foreign:
    unk_token, pad_token = "?", None

    def get_vocab(self) -> dict[str, int]:
        return {"?": 7, "a": 3}


def test_what_is_taken_for_a_tokenizer() -> None:
    assert as_tokenizer(TOKENIZER) is TOKENIZER
    found = as_tokenizer(Foreign())
    assert (found.unknown, found.padding, found.encode("a b").tolist()) == ("?", None, [3, 7])
    assert as_tokenizer(["a", "b"]).words == {"a": 0, "b": 1}
    assert as_tokenizer({"a": 4}).encode("a b").tolist() == [4]
    with pytest.raises(OptionError, match="the tokenizer is 3; give a"):
        as_tokenizer(3)


def test_mistakes() -> None:
    with pytest.raises(OptionError, match="'a' and 'b' have the same id 1"):
        Tokenizer(words={"a": 1, "b": 1})
    with pytest.raises(UnknownNameError, match="unknown word 'uknown' in unknown="):
        Tokenizer(words={"unknown": 1}, unknown="uknown")
    with pytest.raises(OptionError, match="the id of the word 'a' is -1"):
        Tokenizer(words={"a": -1})
    for call, says in ((lambda: Tokenizer(words=None), "words is None"),
                       (lambda: Tokenizer.of("a b", 5), "is one text"),
                       (lambda: TOKENIZER.encode(None), "the text is None"),
                       (lambda: TOKENIZER.encode("a", 0), "length is 0")):
        with pytest.raises(OptionError, match=says):
            call()
    with pytest.raises(OptionError, match="no padding word"):
        as_tokenizer(["a"]).encode("a", 3)
