"""Word search: texts as lines of words, and the words of a query as parts of such lines.

A word is a run of letters and digits without case and accents. The apostrophe of an ending is left
out (`mary's` is `marys`), like invisible characters; everything else separates words (`d'été` is
two). Scripts without blanks between words (Chinese, Japanese, Thai …) and symbols have one word per
character.

A query is a set of terms, each in its one spelling: `volley` matches the beginning of a word too,
since it has three letters or more and is no number; `1` and a term in quotes match whole words
only. A term is looked for as a substring of the lines of words, in Python and SQL alike.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

from icalbridge.text import display_text, search_key

if TYPE_CHECKING:
    from collections.abc import Iterable

MIN_PREFIX = 3
"""Letters of a term that also matches the beginning of a word."""
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3100-\u312f\u31a0-\u31bf"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]"
)
_QUOTES = re.compile("[“”„‟«»]")
_APOSTROPHE = re.compile(r"['‘’‛ʼ](?=[st]?(?![^\W_]))")
"""Before a final s or t, or at the end."""
_TERM = re.compile(r'"([^"]*)"|([^\s,"]+)')


def _split_key(key: str) -> list[str]:
    key = _APOSTROPHE.sub("", key)
    if key.isascii():
        return re.findall("[a-z0-9]+", key)
    return "".join(map(_spaced_character, key)).split()


def _spaced_character(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cf":
        return ""
    if category == "So" or _UNSPACED.match(character):
        return f" {character} "
    return character if category[0] in "LMN" and character != "ʼ" else " "


def word_lines(*texts: str) -> str:
    """Return the words of some texts, a line for each, in which `word_pattern` is looked for."""
    return "\n".join(map(_word_line, texts))


@lru_cache(maxsize=8192)  # what is on every week is called the same every week
def _word_line(text: str) -> str:
    return f" {' '.join(_split_key(search_key(display_text(text))))} "


def has_words(lines: str, terms: Iterable[str], unwanted: Iterable[str] = ()) -> bool:
    """Return whether all of the terms, and none of the unwanted ones, are in lines of words."""
    return all(word_pattern(term) in lines for term in terms) and not any(
        word_pattern(term) in lines for term in unwanted
    )


def parse_words(text: str) -> set[str]:
    """Return the terms of a query; commas separate words like blanks, except in quotes."""
    key = _QUOTES.sub('"', search_key(text))
    terms = (
        _term(_split_key(phrase or word), is_phrase=not word) for phrase, word in _TERM.findall(key)
    )
    return {term for term in terms if term}


def write_words(terms: Iterable[str]) -> str:
    """Return terms as the text of a query."""
    return " ".join(terms)


def _term(words: list[str], *, is_phrase: bool) -> str:
    """Return the one spelling of a term; words that nobody put in quotes are a phrase, too, if
    there are several in one (`3-on-3`).
    """
    if all(_UNSPACED.fullmatch(word) for word in words):
        return "".join(words)
    exact = is_phrase and _is_prefix(words[0])
    return f'"{" ".join(words)}"' if exact or len(words) > 1 else words[0]


def _is_prefix(word: str) -> bool:
    return len(word) >= MIN_PREFIX and not word.isnumeric()


@lru_cache(maxsize=1024)
def word_pattern(term: str) -> str:
    """Return the substring of lines of words that a term is."""
    words = _split_key(term)
    begins = term == words[0] and _is_prefix(term)
    return f" {' '.join(words)}" if begins else f" {' '.join(words)} "
