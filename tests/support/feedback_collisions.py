"""Two workers that are given true labels of the same requests at the same moments."""

from collections import Counter
from pathlib import Path

from sentiment_core.errors import ConflictError
from sentiment_serve.metrics import ServeMetrics
from sentiment_serve.model.holder import ModelHolder
from sentiment_serve.prediction.service import PredictionService
from sentiment_serve.settings import ServeSettings

WORKERS = 2


def _service(home):
    holder = ModelHolder()
    settings = ServeSettings(sentiment_home=Path(home))
    return PredictionService(settings, holder, ServeMetrics(holder), None)


def _give_labels(home, barrier, requests, queue):
    service = _service(home)
    accepted = []
    for number in range(requests):
        if number % 10 == 0:
            barrier.wait()
        try:
            service.take_feedback(f"r{number}", "positive")
        except ConflictError:
            continue
        accepted.append(number)
    queue.put(accepted)


def count_accepted(home, context, requests):
    """Let all workers label the same requests; returns how often each label was taken."""
    service = _service(home)
    for number in range(requests):
        service.recent.remember(f"r{number}", "positive", "1")
    barrier, queue = context.Barrier(WORKERS), context.Queue()
    processes = [
        context.Process(target=_give_labels, args=(str(home), barrier, requests, queue))
        for _ in range(WORKERS)
    ]
    for process in processes:
        process.start()
    counts = Counter(number for _ in processes for number in queue.get())
    for process in processes:
        process.join()
    return [counts[number] for number in range(requests)]
