"""The evaluation flow: small model against API model on labelled records, one workload after the other."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from prefect import Flow, State, flow, get_run_logger, runtime

from flows.environment import read_settings
from flows.final_state import final_state
from models import workloads as registry
from models.economics.training_proposal import Proposal
from models.errors import BreakevenError, Interrupted, UsageError
from models.evaluation.figures import KEEP, Evaluation
from models.nearest import unknown_name
from models.settings import Settings
from tasks.display.prefect_artifacts import artifact_key, progress_artifact, publish_markdown
from tasks.evaluation.run import EvaluationRequest, evaluate
from tasks.evaluation_report import sentences
from tasks.evaluation_report.files import markdown, write_documents
from tasks.report.training_section import describe_proposal
from tasks.training.monthly import train_what_is_due


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What an evaluation found, and where its page lies."""

    evaluation: Evaluation
    path: str


EvaluationFlow = Flow[..., list[Evaluated] | State[BreakevenError]]
TrainDue = Callable[[Sequence[str], Settings, Callable[[str], None]], Sequence[Proposal]]
Evaluate = Callable[[EvaluationRequest, Settings, Callable[[str], None]], Evaluation]


def choose_workloads(settings: Settings, asked: Sequence[str] | None, labels: str | None) -> list[str]:
    """Return the workloads to evaluate: those asked for, else all whose settings name a labelled file.

    None of them where the month has something to train all the same. Raises `UsageError` for an unknown name, and where there is
    nothing to evaluate.
    """
    if unknown := sorted(set(asked or ()) - set(registry.names(settings))):
        raise UsageError(unknown_name("workload", unknown[0], registry.names(settings)))
    if labels is not None and len(asked or ()) != 1:
        msg = "one file of labels is for one workload: name it"
        raise UsageError(msg)
    if asked:
        return list(asked)
    ready = [name for name in sorted(settings.workloads) if settings.workload(name).labelled_file]
    trains = settings.training.monthly != "off" and any(one.train for one in settings.workloads.values())
    if not ready and not trains:
        msg = (
            "no workload has labelled records: set BREAKEVEN_WORKLOADS__<NAME>__LABELLED_FILE or labelled_file in "
            "[workloads.<name>] of breakeven.toml"
        )
        raise UsageError(msg)
    return ready


def name_of_run() -> str:
    """Name a run by its workloads: `evaluation sentiment`."""
    named = runtime.flow_run.parameters.get("workloads")
    return f"evaluation {', '.join(named) if named else 'all'}"


def evaluate_each(
    asks: Sequence[EvaluationRequest], settings: Settings, out: str | None, evaluate_one: Evaluate
) -> list[Evaluated]:
    """Evaluate one workload after the other and show the results; one that fails stops no other.

    Raises `Interrupted`, and the one failure, or one error that names them all.
    """
    done: list[Evaluated] = []
    failures: dict[str, BreakevenError] = {}
    for ask in asks:
        try:
            with progress_artifact(artifact_key("evaluation", ask.workload, "progress")):
                found = evaluate_one(ask, settings, get_run_logger().info)
        except Interrupted:
            raise
        except BreakevenError as error:
            failures[ask.workload] = error
            continue
        done.append(_shown(found, settings, out))
    if failures:
        raise _failed(failures, len(asks))
    return done


def build(evaluate_one: Evaluate = evaluate, train_due: TrainDue = train_what_is_due) -> EvaluationFlow:
    """Make the flow over what evaluates one workload, and what trains those that are due after the monthly evaluation."""

    @flow(
        name="evaluation",
        flow_run_name=name_of_run,
        description="Small model against API model on labelled records, with a verdict for each workload.",
    )
    def evaluation(  # noqa: PLR0913, PLR0917  what a user can ask for, by name
        workloads: list[str] | None = None,
        labels: str | None = None,
        label_column: str | None = None,
        limit: int | None = None,
        adapter: str | None = None,
        keep: float = KEEP,
        seed: int = 0,
        rerun: bool = False,
        out: str | None = None,
        judge: bool = False,
        second_labels: str | None = None,
        classifier: str | None = None,
    ) -> list[Evaluated] | State[BreakevenError]:
        """Evaluate workloads on labelled records: small model against API model, with a verdict for each.

        Args:
            workloads: Names of the workloads. Default: all whose settings name a file of labelled records.
            labels: File of labelled records, CSV, JSON lines or Parquet; for one workload. Default: its setting.
            label_column: The column of the right answer. Default: the workload's setting, else by its kind.
            limit: Take so many of the records, drawn by the seed.
            adapter: Folder of a LoRA adapter that is compared with its base model.
            keep: Wished part of the API model's accuracy, from 0 to 1, for the verdict and the threshold.
            seed: What the records of `limit` are drawn by.
            rerun: Ask again what was answered in this month already.
            out: Folder for page, JSON and Markdown. Default: evaluations/WORKLOAD in the output folder.
            judge: Let the API model say which of two answers is better, for texts and objects.
            second_labels: The column of a second labeller's labels.
            classifier: Name of a classifier that was trained here. Default: the one in force, else the newest candidate.
        """
        where = None if adapter is None else Path(adapter)
        try:
            settings = read_settings()
            asks = [
                EvaluationRequest(
                    name,
                    labels,
                    label_column,
                    limit,
                    where,
                    keep,
                    seed,
                    rerun,
                    judge,
                    second_labels,
                    classifier,
                )
                for name in choose_workloads(settings, workloads, labels)
            ]
            with _training_after(asks if workloads is None else None, settings, train_due):
                return evaluate_each(asks, settings, out, evaluate_one)
        except BreakevenError as error:
            return final_state(error)

    return evaluation


@contextmanager
def _training_after(
    asks: Sequence[EvaluationRequest] | None, settings: Settings, train_due: TrainDue
) -> Iterator[None]:
    """Train what is due behind the block, the monthly evaluation, whatever fails in it; None: it is another one. Raises what the block did."""
    try:
        yield
    except Interrupted:
        asks = None
        raise
    finally:
        if asks is not None:
            for proposal in train_due([one.workload for one in asks], settings, get_run_logger().info):
                get_run_logger().info("%s", describe_proposal(proposal))


def _shown(found: Evaluation, settings: Settings, out: str | None) -> Evaluated:
    """Write the documents, and show the Markdown and the verdict in Prefect."""
    folder = settings.output_dir / "evaluations" / found.workload if out is None else Path(out)
    page, *_ = write_documents(found, folder, ("html", "json", "markdown"), settings.group_access)
    publish_markdown(
        artifact_key("evaluation", found.workload), markdown(found), f"Evaluation of {found.workload}"
    )
    get_run_logger().info("%s: %s", found.workload, sentences.verdict(found))
    return Evaluated(found, str(page))


def _failed(failures: dict[str, BreakevenError], count: int) -> BreakevenError:
    """Return the one failure, or one error that names them all."""
    if count == 1:
        return next(iter(failures.values()))
    causes = "; ".join(f"{name} ({error})" for name, error in failures.items())
    return BreakevenError(f"{len(failures)} of {count} evaluations failed: {causes}")


evaluation = build()
