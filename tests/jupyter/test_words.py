"""What the panel says stands in `prunelab.jupyter.words`, and nowhere else; all that stands there is said."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import prunelab
from prunelab.jupyter import words

JUPYTER = Path(prunelab.__file__).parent / "jupyter"
PANELS, SCRIPTS = sorted(JUPYTER.glob("panels/*.py")), sorted(JUPYTER.glob("static/*.js"))
TABLES = {name: getattr(words, name) for name in words.__all__}

# names of classes, styles and markup, and the messages of errors, are for programs or stand with what they are about
_MARKUP = re.compile(r"<[^>]*>?|[\w-]+=\"[^\"]*\"?|[\w-]+:[^;]+;|[\w ]*pl-[\w-]*")
_WORDS = re.compile(r"[A-Za-z]{2,} [a-z]{2,}")
_WORD = re.compile(r"[A-Z][a-z]+|MACs")
_NAMES = re.compile(r"\$\{[^}]*\}|[\w.]*-[\w-]+|change:\w+|jupyter\w*")  # in scripts
_FOR_PROGRAMS = {"box", "html", "add_class", "tabs", "figure", "OptionError", "unknown_name"}
_NAMED = re.compile(r"(title|placeholder|textContent) = [\"'`]\w|aria-label\", [\"'`]\w|(title|holder|aria-label)=\"\w")


def strays(source: str) -> Iterator[str]:
    """Texts for people in a module's code, each with its line."""
    tree = ast.parse(source)
    passed = set[int]()
    for node in ast.walk(tree):
        named = getattr(node.func, "id", getattr(node.func, "attr", "")) if isinstance(node, ast.Call) else ""
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            passed.add(id(node.body[0].value))  # type: ignore[attr-defined]
        # `Panel` tells of itself, and lists its parts, as any object does
        if (isinstance(node, ast.FunctionDef) and node.name == "__repr__") or named in _FOR_PROGRAMS:
            passed.update(id(child) for child in ast.walk(node))
        if isinstance(node, ast.Subscript):  # a key of a table
            passed.update(id(child) for child in ast.walk(node.slice))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in passed:
            text = _MARKUP.sub("", node.value).strip()
            if _WORDS.search(text) or _WORD.fullmatch(text):
                yield f"{node.lineno}: {node.value!r}"


def said_in_script(source: str) -> Iterator[str]:
    """Lines of JavaScript that say something themselves."""
    for n, line in enumerate(source.splitlines(), 1):
        code = re.sub(r"(^|\s)//.*|words\[[^\]]*\]+", "", line)
        texts = [_MARKUP.sub("", text) for _, text in re.findall(r"([\"'`])((?:(?!\1).)*)\1", code)]
        if _NAMED.search(code) or any(_WORDS.search(re.sub(_NAMES, "", text)) for text in texts):
            yield f"{n}: {line.strip()}"


@pytest.mark.parametrize("file", PANELS, ids=lambda file: file.name)
def test_a_part_says_nothing_of_its_own(file: Path) -> None:
    assert list(strays(file.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: file.name)
def test_a_script_says_nothing_of_its_own(file: Path) -> None:
    assert list(said_in_script(file.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("source", [
    'button = Button(description="Measure again")', 'tooltip="what is measured"', 'f"{n} units are gone"',
    'html = "<b>not timed</b>"', 'title = "Masks"',
])
def test_a_stray_text_is_found(source: str) -> None:
    assert list(strays(source))


@pytest.mark.parametrize("source", [
    'code.title = "the last click"', 'el.setAttribute("aria-label", "layers");', '`<input placeholder="filter">`',
    "told.textContent = `${n} would be cut`;",
])
def test_a_stray_text_of_a_script_is_found(source: str) -> None:
    assert list(said_in_script(source))


@pytest.mark.parametrize("table", TABLES)
def test_every_word_is_used(table: str) -> None:
    """Keys that are put together in the code (a name and "hint") are looked for by their first word."""
    everything = "\n".join(file.read_text(encoding="utf-8") for file in [*PANELS, *SCRIPTS])
    unused = [key for key in TABLES[table] if not re.search(rf"[\"'.`]{re.escape(key)}\b", everything)
              and not re.search(rf"[\"'. {{]{re.escape(key.split()[0])}\b", everything)]
    assert unused == []


def test_every_text_is_a_whole_one() -> None:
    texts = {f"{name}.{key}": text for name, table in TABLES.items() for key, text in table.items()}
    assert [place for place, text in texts.items() if not text.strip() or text.count("{") != text.count("}")] == []
