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
        branches: dict[str, list[str]] = {}
        for token in {chosen, *candidates}:
            leads_to = [label for label in alive if token and label.startswith(prefix + token)]
            if leads_to and token in candidates:
                branches[token] = leads_to
        if chosen not in branches:  # the end of the answer, or a token that no label starts with
            break
        weights = {token: exp(candidates[token]) for token in branches}
        total = sum(weights.values())
        if total == 0.0:
            break
        for token, leads_to in branches.items():
            if token != chosen:
                share = mass * weights[token] / total / len(leads_to)
                for label in leads_to:
                    result[label] += share
        mass *= weights[chosen] / total
        prefix += chosen
        alive = branches[chosen]
        if len(alive) == 1:
            break
    winners = [answer] if answer in alive else alive
    for label in winners:
        result[label] += mass / len(winners)
    return result
