"""Labels one input, wherever it is and wherever its labels go, unless that was done before."""

from pathlib import Path

from sentiment_cli.batch.file_run import Options, Watch, finished, label_file
from sentiment_cli.batch.journal import Progress, Task
from sentiment_cli.batch.places import Input, Target, alone
from sentiment_cli.batch.processes import Labeller
from sentiment_cli.registered_model import Model


def label_input(
    source: Input,
    target: Target,
    model: Model,
    labeller: Labeller,
    options: Options,
    watch: Watch,
    locks: Path,
) -> Progress:
    """Fetch an input, label it and deliver its labels.

    Parameters
    ----------
    locks : Path
        Folder of the locks by which one command at a time writes an output.

    Returns
    -------
    Progress
        Complete: of this command, or of an earlier one that did the same.

    Raises
    ------
    ConflictError
        If another command writes the output, or if it is there and another.
    SentimentError
        If the input cannot be read, or a store does not give or take a file.
    """
    with alone(target, locks), source.fetched() as (path, size, changed):
        task = Task(
            source.address, size, changed, model.name, model.version, model.scorer.digest,
            options.text_column, options.prefix, options.explain,
        )  # fmt: skip
        is_delivered = target.recall()
        result = None if options.restart else finished(target.path, task)
        if result is None:
            result = label_file(path, target.path, task, model.scorer, labeller, options, watch)
        elif is_delivered:
            target.forget()
            return result
        target.deliver()
        return result
