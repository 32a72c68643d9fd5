"""`Tokenizer`: words and their ids, as a plain value and a JSON file."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from prunelab.errors import DataError, OptionError, check_whole, reason_of, shown, unknown_name

FORMAT = "prunelab-tokenizer"
WORDS = r"\w+"


@dataclass(frozen=True, kw_only=True)
class Tokenizer:
    """Words and their ids, which need not follow on each other.

    ``unknown`` is the word that stands for all others (without one, unknown words are left out), ``padding`` the one
    that fills sentences up. ``pattern`` finds the words of a text, in lower case unless ``lower`` is false.
    """

    words: Mapping[str, int]
    unknown: str | None = None
    padding: str | None = None
    pattern: str = WORDS
    lower: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.words, Mapping):
            raise OptionError(f"words is {shown(self.words)}; give a dict from words to ids")
        ids = list(self.words.values())
        if len(set(ids)) < len(ids):
            number = Counter(ids).most_common(1)[0][0]
            two = [w for w, k in self.words.items() if k == number][:2]
            raise OptionError(f"the words '{two[0]}' and '{two[1]}' have the same id {number}; give each its own")
        for word, number in self.words.items():
            check_whole(number, f"the id of the word '{word}'")
        for role, special in (("unknown", self.unknown), ("padding", self.padding)):
            if special is not None and special not in self.words:
                raise unknown_name("word", special, self.words, place=f"{role}=")

    @classmethod
    def of(cls, texts: Iterable[str], size: int, *, unknown: str = "<unk>", padding: str = "<pad>",
           pattern: str = WORDS, lower: bool = True) -> Tokenizer:
        """The ``size`` most frequent words of ``texts``, padding (0) and unknown (1) among them; of two that are
        equally frequent the one that comes first."""
        check_whole(size, "size", 3)
        if isinstance(texts, str):
            raise OptionError("texts is one text; give several, such as a list of them")
        found = Counter(word for text in texts for word in _words(text, pattern, lower))
        common = [word for word, _ in found.most_common(size - 2)]
        return cls(words={w: k for k, w in enumerate([padding, unknown, *common])}, unknown=unknown, padding=padding,
                   pattern=pattern, lower=lower)

    @property
    def special(self) -> tuple[int, ...]:
        """The ids of padding and of the unknown word, where there are such."""
        return tuple(self.words[w] for w in (self.padding, self.unknown) if w is not None)

    def get_vocab(self) -> dict[str, int]:
        """Words and ids as a dict, under the name that other tokenizers give it."""
        return dict(self.words)

    def encode(self, text: str, length: int | None = None) -> np.ndarray[Any, Any]:
        """The ids of a text's words: (words,) int64; with ``length``, cut or filled up to it."""
        if not isinstance(text, str):
            raise OptionError(f"the text is {shown(text)}; give a str")
        if length is not None:
            check_whole(length, "length", 1)
        other = self.words.get(self.unknown, -1) if self.unknown is not None else -1
        ids = [k for w in _words(text, self.pattern, self.lower) if (k := self.words.get(w, other)) >= 0]
        if length is not None:
            if self.padding is None and len(ids) < length:
                raise OptionError(f"length={length} fills sentences up, and the tokenizer has no padding word; make it "
                                  "with padding=")
            ids = [*ids[:length], *[self.words.get(self.padding or "", 0)] * (length - len(ids))]
        return np.array(ids, np.int64)

    def decode(self, ids: Iterable[int]) -> str:
        """The words of these ids, without padding."""
        named = {number: word for word, number in self.words.items()}
        found = [named.get(int(k), self.unknown or "") for k in np.asarray(ids).reshape(-1)]
        return " ".join(w for w in found if w and w != self.padding)

    def __len__(self) -> int:
        return len(self.words)

    def __repr__(self) -> str:
        first = ", ".join(list(self.words)[:5])
        return f"Tokenizer of {len(self):,} words ({first}, ...), unknown: {self.unknown}, padding: {self.padding}"

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it as JSON."""
        target = Path(path)
        data = {"format": FORMAT, "version": 1, "words": dict(self.words), "unknown": self.unknown,
                "padding": self.padding, "pattern": self.pattern, "lower": self.lower}
        target.write_text(json.dumps(data, ensure_ascii=False, indent=1), encoding="utf-8")
        return target

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Tokenizer:
        """Read what `save` wrote; no code runs.

        Raises:
            DataError: a file that is not there or is no tokenizer.
        """
        try:
            data = json.loads(Path(path).read_text(encoding="utf-8"))
            if data["format"] != FORMAT:
                raise KeyError("format")
            return cls(**{k: v for k, v in data.items() if k not in ("format", "version")})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{os.fspath(path)} is no tokenizer: {reason_of(error)}; "
                            "Tokenizer.save writes one") from error


def as_tokenizer(value: Any) -> Tokenizer:
    """Words and ids of whatever a person calls a tokenizer: a `Tokenizer`, a dict from words to ids, a list of words in
    the order of their ids, or anything with ``get_vocab()`` (its ``unk_token`` and ``pad_token`` are known then).

    Raises:
        OptionError: something else.
    """
    if isinstance(value, Tokenizer):
        return value
    if callable(getattr(value, "get_vocab", None)):
        words = dict(value.get_vocab())
        unknown, padding = (getattr(value, name, None) for name in ("unk_token", "pad_token"))
        return Tokenizer(words=words, unknown=unknown if unknown in words else None,
                         padding=padding if padding in words else None)
    if isinstance(value, Mapping):
        return Tokenizer(words=dict(value))
    if isinstance(value, (list, tuple)) and all(isinstance(w, str) for w in value):
        return Tokenizer(words={w: k for k, w in enumerate(value)})
    raise OptionError(f"the tokenizer is {shown(value)}; give a pl.text.Tokenizer, a dict from words to ids, a list of "
                      "words, or something with get_vocab()")


def _words(text: str, pattern: str, lower: bool) -> list[str]:
    return re.findall(pattern, text.lower() if lower else text)
