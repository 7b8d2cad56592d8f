"""The search for better parameters: Optuna's trials, in processes that share a journal."""

import json
import multiprocessing
import time
from collections.abc import Iterator, Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final

import numpy as np
import optuna
import pandas as pd
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import MaxTrialsCallback, Study
from optuna.trial import FrozenTrial, Trial, TrialState

from sentiment_core.calibration import stratified_folds
from sentiment_core.errors import DataError, RunError
from sentiment_core.params import ChoiceRange, Params
from sentiment_train.model.cross_validation import CrossValidation
from sentiment_train.results import FinishedTrial

_FINISHED: Final = (TrialState.COMPLETE, TrialState.PRUNED)
_SECONDS_BETWEEN_LOOKS: Final = 0.2
_TRIALS_BEFORE_PRUNING: Final = 5


class Search:
    """A search that goes on where an earlier one of the same name has stopped.

    Parameters
    ----------
    journal : Path
        File of all searches; the folder is created.
    name : str
        Of this search.
    rows : DataFrame, shape (n_reviews, 2)
        Columns ``text`` and ``label``: the training rows alone.
    params : Params
        Where it starts, and what it searches (``tune``).
    """

    def __init__(self, journal: Path, name: str, rows: pd.DataFrame, params: Params) -> None:
        journal.parent.mkdir(parents=True, exist_ok=True)
        self._journal, self._name, self._rows, self._params = journal, name, rows, params
        if not stratified_folds(rows["label"].to_numpy(), params.tune.folds):
            raise DataError("Too few reviews for a cross-validation: it takes two of each class.")
        self._study = _open(journal, name, seed=params.model.random_state)
        if not self._study.get_trials(deepcopy=False):
            current = params.flat()
            start = {name: _stored(params, name, current[name]) for name in params.tune.ranges}
            self._study.enqueue_trial(start)

    def run(self, n_trials: int, n_processes: int) -> Iterator[FinishedTrial]:
        """Try parameters until so many were tried, those of earlier calls among them.

        Yields
        ------
        FinishedTrial
            As they end.

        Raises
        ------
        RunError
            If a process dies.
        """
        known = {trial.number for trial in self._study.get_trials(deepcopy=False, states=_FINISHED)}
        processes = self._start(n_trials, n_processes) if len(known) < n_trials else []
        try:
            while True:
                alive = any(process.is_alive() for process in processes)
                for trial in self._study.get_trials(deepcopy=False, states=_FINISHED):
                    if trial.number not in known:
                        known.add(trial.number)
                        yield self._finished(trial)
                if not alive:
                    break
                time.sleep(_SECONDS_BETWEEN_LOOKS)
            if any(process.exitcode for process in processes):
                raise RunError("A process of the search died: run the command again, it goes on.")
        finally:
            for process in processes:
                process.terminate()
                process.join()

    @property
    def n_finished(self) -> int:
        """How many parameters were tried so far."""
        return len(self._study.get_trials(deepcopy=False, states=_FINISHED))

    def best(self) -> FinishedTrial | None:
        """Return the best parameters so far; None if no trial was finished."""
        complete = self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        best = min(complete, key=lambda trial: trial.value or 0.0, default=None)
        return self._finished(best) if best else None

    def start(self) -> FinishedTrial | None:
        """Return the first trial, that of the given parameters; None if it was not finished."""
        trials = self._study.get_trials(deepcopy=False, states=_FINISHED)
        return next((self._finished(trial) for trial in trials if trial.number == 0), None)

    def _start(self, n_trials: int, n_processes: int) -> list[BaseProcess]:
        # A fork would share threads of libraries that are loaded here.
        context = multiprocessing.get_context("spawn")
        rows = self._rows["text"].tolist(), self._rows["label"].to_numpy()
        processes = [
            context.Process(
                target=_try, daemon=True,
                args=(self._journal, self._name, *rows, self._params, n_trials, number),
            )
            for number in range(n_processes)
        ]  # fmt: skip
        for process in processes:
            process.start()
        return list(processes)

    def _finished(self, trial: FrozenTrial) -> FinishedTrial:
        loss = trial.value if trial.state == TrialState.COMPLETE else None
        return FinishedTrial(trial.number, _values(self._params, trial.params), loss)


def _open(journal: Path, name: str, *, seed: int) -> Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(journal))),
        study_name=name,
        sampler=optuna.samplers.TPESampler(seed=seed, constant_liar=True),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=_TRIALS_BEFORE_PRUNING),
        load_if_exists=True,
    )


def _try(
    journal: Path,
    name: str,
    texts: list[str],
    labels: np.ndarray,
    params: Params,
    n_trials: int,
    number: int,
) -> None:
    study = _open(journal, name, seed=params.model.random_state + number)
    validation = CrossValidation(texts, labels, params.tune.folds)

    def objective(trial: Trial) -> float:
        values = _values(params, _suggest(params, trial))
        losses: list[float] = []
        try:
            for step, loss in enumerate(validation.losses(params.with_values(values))):
                losses.append(loss)
                trial.report(float(np.mean(losses)), step)
                if trial.should_prune():
                    raise optuna.TrialPruned
        except ValueError as error:  # no term is frequent enough
            raise optuna.TrialPruned from error
        return float(np.mean(losses))

    study.optimize(objective, callbacks=[MaxTrialsCallback(n_trials, states=_FINISHED)])


def _suggest(params: Params, trial: Trial) -> dict[str, Any]:
    for name, searched in params.tune.ranges.items():
        if isinstance(searched, ChoiceRange):
            trial.suggest_categorical(name, [json.dumps(value) for value in searched.choices])
        else:
            trial.suggest_float(name, searched.low, searched.high, log=searched.log)
    return trial.params


def _stored(params: Params, name: str, value: Any) -> Any:
    is_choice = isinstance(params.tune.ranges[name], ChoiceRange)
    return json.dumps(value) if is_choice else value


def _values(params: Params, stored: Mapping[str, Any]) -> dict[str, Any]:
    """Read parameters as a trial stores them: choices are JSON there."""
    return {
        name: json.loads(value)
        if isinstance(params.tune.ranges[name], ChoiceRange)
        else _rounded(value)
        for name, value in stored.items()
    }


def _rounded(value: float) -> float:
    """Keep three significant digits: more than that is not in the data."""
    return float(f"{value:.3g}")
