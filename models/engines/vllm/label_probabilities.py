"""From the token probabilities of one decoded label to a distribution over all labels."""

from collections.abc import Mapping, Sequence
from math import exp


def label_probabilities(
    labels: Sequence[str],
    steps: Sequence[Mapping[str, float]],
    decoded: Sequence[str],
    answer: str,
) -> dict[str, float]:
    """Return the probability of each label; the values sum to 1.

    `steps[t]` maps the text of each candidate token at step t to its log-probability, `decoded[t]` is
    the token that was chosen, `answer` the label they spell. At every step the candidates that continue towards some label are
    normalised among themselves (what the grammar allows), so this is the model's own distribution
    under the label constraint. The mass of a branch that was not followed and that leads to several
    labels is shared evenly among them: the engine never looked further down that branch.
    """
    result = dict.fromkeys(labels, 0.0)
    prefix, mass, alive = "", 1.0, list(labels)
    for candidates, chosen in zip(steps, decoded, strict=True):
        branches = _branches(alive, prefix, candidates)
        weights = {token: exp(candidates[token]) for token in branches}
        total = sum(weights.values())
        if len(alive) == 1 or chosen not in branches or total == 0.0:
            break  # decided; or the end of the answer
        for token, leads_to in branches.items():
            if token != chosen:
                _share(result, leads_to, mass * weights[token] / total)
        mass *= weights[chosen] / total
        prefix += chosen
        alive = branches[chosen]
    _share(result, [answer] if answer in alive else alive, mass)
    return result


def _branches(alive: Sequence[str], prefix: str, candidates: Mapping[str, float]) -> dict[str, list[str]]:
    """Map each candidate token that continues towards a label to the labels that it leads to."""
    found = {token: [label for label in alive if label.startswith(prefix + token)] for token in candidates}
    return {token: leads_to for token, leads_to in found.items() if token and leads_to}


def _share(result: dict[str, float], labels: Sequence[str], mass: float) -> None:
    for label in labels:
        result[label] += mass / len(labels)
