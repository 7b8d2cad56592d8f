"""Labels on a Dask cluster.

What lies in a store is fetched, labelled and delivered by the workers, a file each. What lies on
this machine is read and written here, and only its chunks go to the workers.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from sentiment_cli.batch.file_run import Options
from sentiment_cli.batch.journal import Progress
from sentiment_cli.batch.labelling import Job, Labelled, label_chunk
from sentiment_cli.batch.places import Input, Target, pair
from sentiment_cli.batch.processes import ThisProcess
from sentiment_cli.batch.reading import Chunk
from sentiment_cli.batch.run import label_input
from sentiment_cli.registered_model import Model
from sentiment_core.scorer import LinearScorer
from sentiment_core.store_settings import StoreSettings
from sentiment_train.cluster import Cluster

if TYPE_CHECKING:
    from distributed import Future


class SentModel(NamedTuple):
    """A model on its way to a worker."""

    name: str
    version: str
    content: bytes

    @classmethod
    def of(cls, model: Model) -> "SentModel":
        """Pack a model."""
        return cls(model.name, model.version, model.scorer.to_bytes())


class ClusterLabeller:
    """Labels chunks on the workers of a cluster.

    Parameters
    ----------
    cluster : Cluster
        Connected.
    model : Model
        What labels.
    """

    def __init__(self, cluster: Cluster, model: Model) -> None:
        self._cluster = cluster
        self._model = _send(cluster, model)

    def label(self, job: Job, chunks: Iterable[Chunk]) -> Iterator[Labelled]:
        """Label chunks; the results have the order of the chunks.

        Raises
        ------
        SentimentError
            If the cluster or the scheduler is lost.
        """
        return self._cluster.map(_label, chunks, self._model, job)


def in_stores(pairs: Sequence[tuple[Input, Target]]) -> bool:
    """Say whether all inputs and outputs are in stores, which the workers reach too."""
    return all(found.store and to.store for found, to in pairs)


def label_stored(
    cluster: Cluster, pairs: Sequence[tuple[Input, Target]], model: Model, options: Options
) -> Iterator[Progress]:
    """Label files in stores; the workers have addresses, keys and endpoint in their environment.

    Yields
    ------
    Progress
        Of each file, in their order.

    Raises
    ------
    SentimentError
        As `label_input` does, or if the cluster or the scheduler is lost.
    """
    addresses = [(found.address, to.address) for found, to in pairs]
    return cluster.map(label_stored_file, addresses, _send(cluster, model), options)


def _send(cluster: Cluster, model: Model) -> "Future[Any]":
    # A task and not scattered data: when the worker that holds it dies, it is made again.
    return cluster.submit(SentModel, *SentModel.of(model))


@lru_cache(maxsize=1)
def _loaded(model: SentModel) -> Model:
    return Model(model.name, model.version, LinearScorer.from_bytes(model.content))


def _label(chunk: Chunk, model: SentModel, job: Job) -> Labelled:
    return label_chunk(_loaded(model).scorer, job, chunk)


def label_stored_file(addresses: tuple[str, str], model: SentModel, options: Options) -> Progress:
    """Do on a worker what `label_stored` does: fetch a file, label it and deliver its labels.

    Parameters
    ----------
    addresses : (str, str)
        Where the file is, and where its labels go.

    Raises
    ------
    SentimentError
        As `label_input` does.
    """
    loaded = _loaded(model)
    with TemporaryDirectory(prefix="sentiment-batch-") as name:
        work = Path(name)
        ((found, to),) = pair(*addresses, StoreSettings(), work)
        labeller = ThisProcess(loaded.scorer)
        return label_input(found, to, loaded, labeller, options, lambda *_: None, work)
