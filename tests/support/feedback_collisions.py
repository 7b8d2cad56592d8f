"""Two workers that are given true labels of the same requests at the same moments."""

import time
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
    find, accepted = service.recent.find, []

    def find_slowly(request):
        found = find(request)
        time.sleep(0.001)  # so that the other one looks too before this one has noted its label
        return found

    service.recent.find = find_slowly
    for request in requests:
        barrier.wait()
        try:
            service.take_feedback(request, "positive")
        except ConflictError:
            continue
        accepted.append(request)
    queue.put(accepted)


def count_accepted(home, context, number):
    """Let all workers label the same requests; returns how often each label was taken."""
    service = _service(home)
    names = [f"r{position}" for position in range(2 * number)]
    for name in names:
        service.recent.remember(name, "positive", "1")
    # Some have taken the place of others.
    requests = [name for name in names if service.recent.find(name)][:number]
    barrier, queue = context.Barrier(WORKERS), context.Queue()
    processes = [
        context.Process(target=_give_labels, args=(str(home), barrier, requests, queue))
        for _ in range(WORKERS)
    ]
    for process in processes:
        process.start()
    counts = Counter(request for _ in processes for request in queue.get(timeout=120))
    for process in processes:
        process.join()
    return [counts[request] for request in requests]
