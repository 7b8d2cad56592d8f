"""Shares a prediction out to the words of the text, for people to look at."""

from collections import defaultdict
from typing import NamedTuple

from sentiment_core.cleaning import tokenize
from sentiment_core.function_words import FUNCTION_WORDS
from sentiment_core.scorer import Explanation


class WordContribution(NamedTuple):
    """What one word of the text adds to the log-odds of the positive class."""

    word: str
    contribution: float


def attribute_words(
    text: str, explanation: Explanation, *, max_ngram: int
) -> list[WordContribution]:
    """Give each word its share of the terms it is part of.

    A term's contribution is divided equally among its occurrences, and among the words of each
    that say something by themselves: ``loved the`` speaks for ``loved`` alone, ``of the`` for both.

    Parameters
    ----------
    text : str
        The explained text.
    explanation : Explanation
        What a scorer explains of that text.
    max_ngram : int
        Longest term, in words.

    Returns
    -------
    list of WordContribution
        The words as they stand in the text, in order; the clean words where markup runs across
        spaces. Contributions sum to ``decision - intercept``.
    """
    words = tokenize(text)
    share = {
        term.term: term.contribution / term.occurrences / len(_speakers(term.term.split()))
        for term in explanation.terms
    }
    totals: dict[int, float] = defaultdict(float)
    for start in range(len(words)):
        for end in range(start + 1, min(start + max_ngram, len(words)) + 1):
            term = words[start:end]
            value = share.get(" ".join(term), 0.0)
            for offset in _speakers(term):
                totals[start + offset] += value
    chunks = text.split()
    parts = [tokenize(chunk) for chunk in chunks]
    if [word for part in parts for word in part] != words:
        return [WordContribution(word, totals[i]) for i, word in enumerate(words)]
    result, position = [], 0
    for chunk, part in zip(chunks, parts, strict=True):
        end = position + len(part)
        result.append(WordContribution(chunk, sum(totals[i] for i in range(position, end))))
        position = end
    return result


def strongest_words(explanation: Explanation, *, limit: int) -> list[WordContribution]:
    """Name the words that made the label, each once, however often it stands in the text.

    Parameters
    ----------
    explanation : Explanation
        What a scorer explains of a text.
    limit : int
        The most words to name.

    Returns
    -------
    list of WordContribution
        Clean words, the strongest first: each with all of its shares, as `attribute_words` gives
        them. Function words such as ``a`` and ``of`` are left out.
    """
    totals: dict[str, float] = defaultdict(float)
    for term in explanation.terms:
        words = term.term.split()
        speakers = _speakers(words)
        for offset in speakers:
            totals[words[offset]] += term.contribution / len(speakers)
    ranked = sorted(totals.items(), key=lambda item: (-abs(item[1]), item[0]))
    return [
        WordContribution(word, contribution)
        for word, contribution in ranked
        if contribution and word not in FUNCTION_WORDS
    ][:limit]


def _speakers(words: list[str]) -> list[int]:
    """Return the positions of the words that a term's contribution belongs to."""
    speakers = [i for i, word in enumerate(words) if word not in FUNCTION_WORDS]
    return speakers or list(range(len(words)))
