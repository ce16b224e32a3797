"""The middle of an evaluation in words and tables: cost and time, checks of answers, agreement, labels."""

from collections.abc import Iterator, Sequence
from fractions import Fraction

from models.evaluation.figures import Arm, Evaluation
from models.evaluation.scores import LabelScore, QualityCheck
from models.gpu_time import NS_PER_SECOND
from tasks.documents.amounts import count, hours, times, unit_usd, usd
from tasks.documents.page import Section, Table
from tasks.evaluation_report import sentences
from tasks.evaluation_report.confusions import frequent

MOST_DRAWN = 20
"""Labels whose confusions are drawn; of more, the most frequent confusions are listed, and the labels
that do worst."""
MOST_LISTED = 15


def costs(evaluation: Evaluation) -> Section | None:
    """Show what a thousand records cost on each engine and how long they take."""
    if not evaluation.arms:
        return None
    columns = ("Model", "1,000 records cost", "They take", "The evaluation cost", "Loading, once a run")
    used = ("Model", "Records", "Asked for", "Input tokens", "Output tokens")
    tables = (
        Table("Cost and time of each model", columns, tuple(map(_cost_row, evaluation.arms))),
        Table("What they stand on", used, tuple(map(_used_row, evaluation.arms))),
    )
    sentence = (
        "A thousand records that an engine is asked for, without loading the model, which comes once a run. A record"
        " whose text was there before takes the first one's answer and costs nothing."
    )
    factor = _factor(evaluation)
    return Section("costs", "What a thousand records cost", (sentence, *factor), tables=tables)


def _factor(evaluation: Evaluation) -> Iterator[str]:
    small, api = evaluation.arm("small"), evaluation.arm("api")
    if small is None or api is None or not small.nano_per_thousand or not api.nano_per_thousand:
        return
    factor = times(Fraction(api.nano_per_thousand, small.nano_per_thousand))
    yield f"The API model costs {factor} what the small model costs while it works; an idle machine is not in this."


def _cost_row(arm: Arm) -> tuple[str, ...]:
    seconds = arm.seconds_per_thousand
    loads = bool(arm.load_nano or arm.load_seconds)
    return (
        sentences.arm_name(arm.name),
        unit_usd(arm.nano_per_thousand),
        "unknown" if seconds is None else show_time(seconds),
        usd(arm.cost_nano),
        f"{usd(arm.load_nano)}, {show_time(arm.load_seconds)}" if loads else "",
    )


def _used_row(arm: Arm) -> tuple[str, ...]:
    return (
        sentences.arm_name(arm.name),
        *map(count, (arm.records, arm.asked, arm.input_tokens, arm.output_tokens)),
    )


def show_time(seconds: float) -> str:
    """Render seconds as a duration that can be read."""
    return hours(round(seconds * NS_PER_SECOND))


def checks(evaluation: Evaluation) -> Section | None:
    """Show what was looked at in the answers, one share each."""
    names = list(dict.fromkeys(check.name for arm in evaluation.arms for check in arm.checks))
    if not names:
        return None
    shown = [arm for arm in evaluation.arms if arm.checks]
    rows = tuple((_capital(name), *(_check_cell(arm, name) for arm in shown)) for name in names)
    columns = ("Check", *(sentences.arm_name(arm.name) for arm in shown))
    table = Table("What was looked at in the answers, with 95% intervals", columns, rows)
    sentence = "Each check stands for itself: there is no score that sums them up."
    return Section("checks", "What the answers are like", (sentence,), tables=(table,))


def _check_cell(arm: Arm, name: str) -> str:
    return next((_counted(check) for check in arm.checks if check.name == name), "")


def _counted(check: QualityCheck) -> str:
    of = f"{count(check.share.count)} of {count(check.share.of)}"
    return f"{of}: {sentences.share(check.share)}" if check.share.of else of


def _capital(name: str) -> str:
    return f"{name[:1].upper()}{name[1:]}"


def agreement(evaluation: Evaluation) -> Section | None:
    """Show how far the small model's answers agree with the API model's."""
    if not evaluation.agreement:
        return None
    rows = tuple((_capital(check.name), _counted(check)) for check in evaluation.agreement)
    table = Table("Agreement of the small model with the API model", ("What agrees", "How often"), rows)
    sentence = "Where the two differ, either may be right."
    return Section("agreement", "How far the models agree", (sentence,), tables=(table,))


def labels(arm: Arm) -> Section | None:
    """Show how well one engine does on each label, and which it takes for which."""
    every = _label_scores(arm)
    if not every:
        return None
    shown = sorted(every, key=lambda one: one.f1)[:MOST_LISTED] if len(every) > MOST_DRAWN else every
    which = f"the {MOST_LISTED} lowest of {len(every)} labels" if len(shown) < len(every) else "every label"
    columns = ("Label", "Records", "Precision", "Recall", "F1")
    tables = [Table(f"Precision and recall of {which}", columns, tuple(map(_label_row, shown)))]
    if len(every) > MOST_DRAWN:
        tables += _most_frequent(arm)
    sentence = (
        "Precision: of the answers that gave the label, how many were right. Recall: of the records that have it, how"
        " many were found. In brackets 95% intervals."
    )
    return Section(
        f"labels_{arm.name}",
        f"Label by label: {sentences.ARMS[arm.name]}",
        (sentence,),
        f"confusion_{arm.name}",
        tuple(tables),
    )


def _label_scores(arm: Arm) -> tuple[LabelScore, ...]:
    if arm.scores is not None:
        return arm.scores.labels
    return () if arm.label_sets is None else arm.label_sets.labels


def _label_row(one: LabelScore) -> tuple[str, ...]:
    shares = (sentences.share(one.precision) or "never answered", sentences.share(one.recall) or "no records")
    return (one.label, count(one.recall.of), *shares, sentences.decimal(one.f1))


def _most_frequent(arm: Arm) -> Sequence[Table]:
    if arm.scores is None or not (found := frequent(arm.scores)):
        return ()
    rows = tuple(
        (one.label, one.answer, count(one.records), sentences.percentage(one.share)) for one in found
    )
    columns = ("Label", "Answered as", "Records", "Of the label's")
    return (Table("The most frequent confusions", columns, rows, prose=frozenset({1}), wide=True),)
