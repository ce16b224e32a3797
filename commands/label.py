"""`breakeven label`: people label records on a page of this machine."""

from typing import Annotated

from cyclopts import Parameter, validators


def label(
    workload: str,
    /,
    *,
    by: str | None = None,
    from_: Annotated[str, Parameter(name="--from")] = "published",
    limit: Annotated[int, Parameter(validator=validators.Number(gte=1))] = 100,
    port: Annotated[int, Parameter(validator=validators.Number(gte=0, lte=65535))] = 8502,
    browser: bool = True,
) -> None:
    """Label records of a workload on a page, on this machine alone, until Ctrl-C. What was labelled is used to train and to evaluate.

    Parameters
    ----------
    workload
        Name of the workload, such as sentiment. It answers labels; of objects and texts people judge what is published, in audits.
    by
        Who labels; default: the name of this machine's user. Each labels for himself, and sees nothing of what others said.
    from_
        published: what was answered, first where an audit found another answer, then the least sure; audit: what was audited, or, where no API may be asked, the random draw that people audit; else a file of records.
    limit
        Records at most.
    port
        Port on 127.0.0.1; 0: any that is free.
    browser
        Open a browser's window on it.
    """
    from commands.label_now import label_and_print

    label_and_print(workload, by, from_, limit, port, open_browser=browser)
