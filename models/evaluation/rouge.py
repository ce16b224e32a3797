"""ROUGE-L: the longest common subsequence of the words of two texts (Lin 2004, Text Summarization Branches Out)."""

from collections.abc import Sequence

from models.evaluation.wording import split_words


def rouge_l(answer: str, references: Sequence[str]) -> float:
    """Return the F1 of the longest common subsequence of words, with the reference that it is best with.

    Words are those of any script that separates words, in one letter case, unstemmed. rouge-score, the usual library, knows
    the letters a to z alone and drops all others; on texts of those the two agree.
    """
    words = split_words(answer)
    return max((_f1(words, split_words(reference)) for reference in references), default=0.0)


def _f1(mine: Sequence[str], right: Sequence[str]) -> float:
    if not mine or not right:
        return 0.0
    return 2 * common_subsequence(mine, right) / (len(mine) + len(right))


def common_subsequence(first: Sequence[str], second: Sequence[str]) -> int:
    """Return the length of the longest common subsequence, by rows of bits (Hyyrö 2004): long texts take milliseconds."""
    places: dict[str, int] = {}
    for at, word in enumerate(first):
        places[word] = places.get(word, 0) | 1 << at
    every = (1 << len(first)) - 1
    row = every
    for word in second:
        found = row & places.get(word, 0)
        row = (row + found | row - found) & every
    return len(first) - row.bit_count()
