"""What the API model said of the small model's answers beside its own, in words and a table."""

from models.evaluation.figures import Evaluation, Judgement
from models.evaluation.scores import Share
from tasks.documents.amounts import count, plural, usd
from tasks.documents.page import Section, Table
from tasks.evaluation_report import sentences


def judgement(evaluation: Evaluation) -> Section | None:
    """Show how often the judge preferred which model, how often it changed its mind, and what it cost."""
    found = evaluation.judgement
    if found is None:
        return None
    rows = tuple(
        (name, f"{count(share.count)} of {count(share.of)}", sentences.share(share))
        for name, share in (
            ("The small model's answer is better", found.small),
            ("The API model's answer is better", found.api),
            ("Neither is better", found.ties),
            ("Another judgement in the other order", found.swapped),
        )
    )
    table = Table("What the API model said of pairs of answers", ("Judgement", "Pairs", "95% interval"), rows)
    what = (
        f"{found.model} was shown the task, the text and both answers, each pair in both orders, and asked which is better. This is"
        " its opinion and no accuracy: a judge likes answers such as its own, and the 90% rule decides nothing by it."
    )
    told = (
        what,
        _order(found),
        _left_out(found),
        _cost(found),
    )
    return Section("judgement", "What the API model prefers", tuple(filter(None, told)), tables=(table,))


def _cost(found: Judgement) -> str:
    if not found.asked:
        return "Nothing had to be asked."
    asked = plural(found.asked, "question")
    return f"Judging cost {usd(found.cost_nano)}, for {asked}; it is in the ledger as evaluation_judge."


def _order(found: Judgement) -> str:
    return f"{_first(found.first)}Pairs on which the order decided count for neither model."


def _first(first: Share) -> str:
    if not first.of:
        return ""
    return (
        f"Of the single judgements that preferred an answer, {sentences.share(first)} preferred the one that stood first; 50%"
        " would be fair. "
    )


def _left_out(found: Judgement) -> str:
    told = []
    if found.equal:
        told.append(
            f"{plural(found.equal, 'pair was', 'pairs were')} the same answer twice, not asked about and counted as neither better"
        )
    if found.unjudged:
        told.append(f"{plural(found.unjudged, 'record')} had no two valid answers or no two judgements")
    return f"{'; '.join(told)}." if told else ""
