"""The search for better parameters: Optuna's trials, in processes that share a journal.

On a cluster one process asks Optuna, and the workers judge what it suggests.
"""

import json
import multiprocessing
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
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
from sentiment_train.cluster import Cluster
from sentiment_train.model.cross_validation import CrossValidation, LabelledTexts
from sentiment_train.results import FinishedTrial

_FINISHED: Final = (TrialState.COMPLETE, TrialState.PRUNED)
_SECONDS_BETWEEN_LOOKS: Final = 0.2
_TRIALS_BEFORE_PRUNING: Final = 5

_kept: Final = threading.local()
"""On a worker, for each of its threads: the cross-validation of the last reviews."""


class _LeftError(Exception):
    """Nobody waits for the search any more."""


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
        self._n_folds = len(stratified_folds(rows["label"].to_numpy(), params.tune.folds))
        if not self._n_folds:
            raise DataError("Too few reviews for a cross-validation: it takes two of each class.")
        self._study = _open(journal, name, seed=params.model.random_state)
        current = params.flat()
        self._start_values = {
            name: _stored(params, name, current[name]) for name in params.tune.ranges
        }
        if not self.n_finished:  # also where a first call has failed
            self._study.enqueue_trial(self._start_values, skip_if_exists=True)

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
        known = {trial.number for trial in self._trials()}
        processes = self._start(n_trials, n_processes) if len(known) < n_trials else []
        try:
            yield from self._as_they_end(
                known, lambda: any(process.is_alive() for process in processes)
            )
            if any(process.exitcode for process in processes):
                raise RunError("A process of the search died: run the command again, it goes on.")
        finally:
            for process in processes:
                process.terminate()
                process.join()

    def run_on(self, cluster: Cluster, n_trials: int) -> Generator[FinishedTrial]:
        """Do what `run` does on the workers of a cluster that are there, a fold of a trial each.

        A trial is worth what it is here; which ones are tried depends on who is first.

        Raises
        ------
        SentimentError
            If the cluster is lost; the next call goes on.
        """
        known = {trial.number for trial in self._trials()}
        if len(known) >= n_trials:
            return
        # A task and not scattered data: when the workers that hold it die, it is made again.
        rows = cluster.submit(LabelledTexts, *self._labelled_texts())
        is_left = threading.Event()

        def losses(params: Params) -> Iterator[float]:
            for fold in range(self._n_folds):
                if is_left.is_set():
                    raise _LeftError
                yield cluster.result(cluster.submit(_loss_on_fold, rows, params, fold))

        with ThreadPoolExecutor(1, "search") as pool:
            searching = pool.submit(
                _optimize,
                self._study,
                losses,
                self._params,
                n_trials,
                n_jobs=max(1, cluster.n_threads()),
            )
            try:
                yield from self._as_they_end(known, lambda: not searching.done())
                searching.result()
            finally:
                is_left.set()

    def _as_they_end(
        self, known: set[int], is_searching: Callable[[], bool]
    ) -> Iterator[FinishedTrial]:
        while True:
            goes_on = is_searching()
            for trial in self._trials():
                if trial.number not in known:
                    known.add(trial.number)
                    yield self._finished(trial)
            if not goes_on:
                return
            time.sleep(_SECONDS_BETWEEN_LOOKS)

    def _trials(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False, states=_FINISHED)

    def _labelled_texts(self) -> LabelledTexts:
        return LabelledTexts(self._rows["text"].tolist(), self._rows["label"].to_numpy())

    @property
    def n_finished(self) -> int:
        """How many parameters were tried so far."""
        return len(self._trials())

    def best(self) -> FinishedTrial | None:
        """Return the best parameters so far; None if no trial was finished."""
        complete = self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        best = min(complete, key=lambda trial: trial.value or 0.0, default=None)
        return self._finished(best) if best else None

    def start(self) -> FinishedTrial | None:
        """Return the trial of the given parameters; None if it was not finished."""
        mine = (trial for trial in self._trials() if trial.params == self._start_values)
        return next(map(self._finished, mine), None)

    def _start(self, n_trials: int, n_processes: int) -> list[BaseProcess]:
        # A fork would share threads of libraries that are loaded here.
        context = multiprocessing.get_context("spawn")
        rows = self._labelled_texts()
        processes = [
            context.Process(
                target=_try, daemon=True,
                args=(self._journal, self._name, rows, self._params, n_trials, number),
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
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # it tells of what is raised, too
    return optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(journal))),
        study_name=name,
        sampler=optuna.samplers.TPESampler(seed=seed, constant_liar=True),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=_TRIALS_BEFORE_PRUNING),
        load_if_exists=True,
    )


def _try(
    journal: Path, name: str, rows: LabelledTexts, params: Params, n_trials: int, number: int
) -> None:
    study = _open(journal, name, seed=params.model.random_state + number)
    validation = CrossValidation(*rows, params.tune.folds)
    _optimize(study, validation.losses, params, n_trials)


def _optimize(
    study: Study,
    losses_of: Callable[[Params], Iterable[float]],
    params: Params,
    n_trials: int,
    *,
    n_jobs: int = 1,
) -> None:
    """Try parameters, `n_jobs` at once in threads; a trial ends early where it is below most."""

    def objective(trial: Trial) -> float:
        values = _values(params, _suggest(params, trial))
        losses: list[float] = []
        try:
            for step, loss in enumerate(losses_of(params.with_values(values))):
                losses.append(loss)
                trial.report(float(np.mean(losses)), step)
                if trial.should_prune():
                    raise optuna.TrialPruned
        except ValueError as error:  # no term is frequent enough
            raise optuna.TrialPruned from error
        return float(np.mean(losses))

    callbacks = [MaxTrialsCallback(n_trials, states=_FINISHED)]
    study.optimize(objective, n_jobs=n_jobs, callbacks=callbacks)


def _loss_on_fold(rows: LabelledTexts, params: Params, fold: int) -> float:
    """Compute on a worker what `CrossValidation.loss` does; what is counted is kept there."""
    if getattr(_kept, "rows", None) is not rows:
        _kept.rows, _kept.validation = rows, CrossValidation(*rows, params.tune.folds)
    validation: CrossValidation = _kept.validation
    return validation.loss(params, fold)


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
