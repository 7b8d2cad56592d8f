"""From raw review text to tokens: the one definition that training and serving share."""

import html
import re
import string
from typing import Final

CLEANING_VERSION: Final = 1
"""Raised with every change of what `tokenize` returns: old scorers are then refused."""

# Longer numbers are no characters, and Python refuses to convert thousands of digits.
_ENTITY: Final = re.compile(
    r"&(?:#[0-9]{1,7}(?![0-9])|#[xX][0-9a-fA-F]{1,6}(?![0-9a-fA-F])|[a-zA-Z][a-zA-Z0-9]{1,31});?"
)
_TAG: Final = re.compile(r"<[a-zA-Z/!?][^<>]*>")
_URL: Final = re.compile(r"(?:https?://|www\.)\S*")
_WORD: Final = re.compile(r"[^\W_]+")

# The same as the regular expressions for ASCII text, in one pass over the characters.
_ASCII_WORDS: Final = str.maketrans(
    {chr(i): " " for i in range(128) if not chr(i).isalnum()}
    | dict(zip(string.ascii_uppercase, string.ascii_lowercase, strict=True))
    | {"'": None}
)


def tokenize(text: str) -> list[str]:
    """Split a review into clean, lower-case words.

    HTML tags and URLs are dropped, entities decoded, apostrophes removed (``don't`` is one word,
    ``dont``) and all other punctuation separates words. Any string is accepted.

    Parameters
    ----------
    text : str
        Raw text, possibly with HTML.

    Returns
    -------
    list of str
        Words of letters and digits, in order; empty when nothing is left.

    Examples
    --------
    >>> tokenize("It's <b>GREAT</b> &amp; fun!<br />See http://example.org")
    ['its', 'great', 'fun', 'see']
    """
    if "&" in text:
        text = _ENTITY.sub(lambda match: html.unescape(match[0]), text)
    if "<" in text:
        text = _TAG.sub(" ", text)
    text = text.lower()
    if "://" in text or "www." in text:
        text = _URL.sub(" ", text)
    if text.isascii():
        return text.translate(_ASCII_WORDS).split()
    return _WORD.findall(text.replace("'", "").replace("’", ""))


def clean_text(text: str) -> str:
    """Return the clean words of a review, joined by single spaces.

    Cleaning clean text changes nothing.

    Parameters
    ----------
    text : str
        Raw text, possibly with HTML.

    Returns
    -------
    str
        The text that the vectorizer sees.

    Examples
    --------
    >>> clean_text("An  awful,AWFUL film...")
    'an awful awful film'
    """
    return " ".join(tokenize(text))
