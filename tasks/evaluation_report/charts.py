"""An evaluation's pictures: accuracies, confusions, the threshold's curve and reliability. Figures in, PNG out."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from models.evaluation.figures import Arm, Evaluation
from models.evaluation.scores import ScoreEstimate, Scores, Share
from tasks.documents.amounts import count, plural
from tasks.documents.page import Chart, Charts
from tasks.documents.plotting import figure, png, shorten
from tasks.evaluation_report import curves, sentences
from tasks.evaluation_report.chart_style import COLOURS, DASHES, MARKERS, axis_values, error_bars, share_axis
from tasks.evaluation_report.confusions import NO_ANSWER, frequent
from tasks.evaluation_report.sections import MOST_DRAWN

NAMED_CONFUSIONS = 3
LONGEST_LABEL = 16
MOST_NAMED = 10
"""Labels up to which columns of a confusion matrix have names, and its numbers are as large as the other words."""
NONE = "-"
_DARK = 0.55


def draw(evaluation: Evaluation) -> Charts:
    """Draw every picture that has something to show, by its name."""
    drawn = {
        "accuracy": accuracy(evaluation),
        "threshold": curves.threshold(evaluation),
        "calibration": curves.calibration(evaluation),
    }
    drawn |= {f"confusion_{arm.name}": confusion(arm) for arm in evaluation.arms}
    return {name: chart for name, chart in drawn.items() if chart is not None}


def accuracy(evaluation: Evaluation) -> Chart | None:
    """Draw each engine's accuracy, or the mean chrF of its texts, with its interval, and where the small model has to be."""
    scored = [(arm, score) for arm in evaluation.arms if (score := _score(arm)) is not None and score.of]
    if not scored:
        return None
    shares = [share for _, share in scored]
    shown = axis_values(shares)
    word = sentences.measured(evaluation)
    title = f"{word[0].upper() if word.islower() else word[0]}{word[1:]}"
    with figure(1.2 + 0.42 * len(scored)) as drawn:
        axes = drawn.add_subplot(title=f"{title}, with 95% intervals")
        for place, (arm, share) in enumerate(scored):
            axes.errorbar([share.value or 0.0], [place], xerr=error_bars([share]), fmt=MARKERS[arm.name],
                          color=COLOURS[arm.name], markersize=7, capsize=4, linewidth=1.8)  # fmt: skip
            if arm.name == "api" and share.value:
                wished = evaluation.keep * share.value
                axes.axvline(wished, color=COLOURS["api"], dashes=DASHES, linewidth=1.2,
                             label=f"{sentences.percentage(evaluation.keep)} of the API model's")  # fmt: skip
                shown.append(wished)
        share_axis(axes, "x", shown)
        _name_rows(axes, [sentences.ARMS[arm.name] for arm, _ in scored])
        if axes.get_legend_handles_labels()[0]:
            drawn.legend(*axes.get_legend_handles_labels(), loc="outside lower center")
        picture = png(drawn)
    told = "; ".join(f"{sentences.ARMS[arm.name]} {_told(share)}" for arm, share in scored)
    return Chart(picture, f"Points with error bars: {word}. {told[0].upper()}{told[1:]}.")


def _score(arm: Arm) -> Share | ScoreEstimate | None:
    return arm.right if arm.texts is None else arm.texts.chrf


def _told(score: Share | ScoreEstimate) -> str:
    return sentences.share(score) if isinstance(score, Share) else sentences.estimate(score)


def _name_rows(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), [name.replace(" with ", "\nwith ") for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")


def confusion(arm: Arm) -> Chart | None:
    """Draw how many records of each label were answered with which; None for one label, or too many to read."""
    scores = arm.scores
    if scores is None or not 1 < len(scores.labels) <= MOST_DRAWN:
        return None
    matrix = _shown(scores)
    shares = [[number / max(1, sum(row)) for number in row] for row in matrix]
    with figure(1.7 + 0.24 * len(matrix)) as drawn:
        axes = drawn.add_subplot(title="How each label was answered", ylabel="label")
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        _numbers(axes, matrix, shares)
        _name_labels(axes, scores, len(matrix[0]))
        axes.grid(visible=False)
        picture = png(drawn)
    return Chart(picture, _confusion_in_words(scores))


def _shown(scores: Scores) -> list[tuple[int, ...]]:
    """Return the matrix, without the column of no valid answer where it is empty."""
    unanswered = any(row[-1] for row in scores.confusion)
    return [row if unanswered else row[:-1] for row in scores.confusion]


def _name_labels(axes: Axes, scores: Scores, columns: int) -> None:
    """Name rows and columns; where there are many, columns by the numbers of their rows."""
    names = [_short(one.label) for one in scores.labels]
    numbered = len(names) > MOST_NAMED
    rows = [f"{name}  {number}" for number, name in enumerate(names, 1)] if numbered else names
    answers = (
        [*(str(number) for number in range(1, len(names) + 1)), NONE] if numbered else [*names, NO_ANSWER]
    )
    axes.set_yticks(range(len(rows)), rows)
    if numbered:
        axes.set_xticks(range(columns), answers[:columns], fontsize=7)
        axes.set_xlabel(f"answered ({NONE}: {NO_ANSWER})" if columns > len(names) else "answered")
    else:
        axes.set_xticks(range(columns), answers[:columns], rotation=40, ha="right", rotation_mode="anchor")
        axes.set_xlabel("answered")


def _short(label: str) -> str:
    line = shorten(label)
    return line if len(line) <= LONGEST_LABEL else f"{line[: LONGEST_LABEL - 1]}\N{HORIZONTAL ELLIPSIS}"


def _numbers(axes: Axes, matrix: Sequence[Sequence[int]], shares: Sequence[Sequence[float]]) -> None:
    size = 8.5 if len(matrix) <= MOST_NAMED else 5.5
    for row, numbers in enumerate(matrix):
        for column, number in enumerate(numbers):
            if number:
                colour = "white" if shares[row][column] > _DARK else "black"
                axes.text(column, row, count(number), ha="center", va="center", color=colour, fontsize=size)


def _confusion_in_words(scores: Scores) -> str:
    right = f"{count(scores.accuracy.count)} of {plural(scores.accuracy.of, 'record')} lie on the diagonal"
    most = frequent(scores, NAMED_CONFUSIONS)
    if not most:
        return f"Matrix of labels and answers: {right}."
    told = "; ".join(f"{one.label} answered as {one.answer}, {count(one.records)}" for one in most)
    return f"Matrix of labels and answers: {right}. Most often confused: {told}."
