"""Shares a prediction out to the words of the text, for people to look at."""

from collections import defaultdict
from typing import NamedTuple

from sentiment_core.cleaning import tokenize
from sentiment_core.scorer import Explanation


class WordContribution(NamedTuple):
    """What one word of the text adds to the log-odds of the positive class."""

    word: str
    contribution: float


def attribute_words(
    text: str, explanation: Explanation, *, max_ngram: int
) -> list[WordContribution]:
    """Give each word its share of the terms it is part of.

    A term's contribution is divided equally among its occurrences and among the words of each.

    Parameters
    ----------
    text : str
        The explained text.
    explanation : Explanation
        Of that text.
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
        term.term: term.contribution / term.occurrences / (term.term.count(" ") + 1)
        for term in explanation.terms
    }
    totals: dict[int, float] = defaultdict(float)
    for start in range(len(words)):
        for end in range(start + 1, min(start + max_ngram, len(words)) + 1):
            value = share.get(" ".join(words[start:end]), 0.0)
            for position in range(start, end):
                totals[position] += value
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
