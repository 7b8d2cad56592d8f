"""A client that was written for other servers works with the API."""

import itertools

import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from tests.support import eventually

pytestmark = pytest.mark.filterwarnings("default")  # MLflow's own

OUTPUTS = ("sentiment", "confidence", "low_information")


def texts(*values, binary=True):
    tensor = triton.InferInput("text", [len(values)], "BYTES")
    tensor.set_data_from_numpy(np.array(values, dtype=object), binary_data=binary)
    return [tensor]


def test_the_client_of_triton_works_unchanged(start_api, publisher, tmp_path):
    version, name = publisher.publish(tmp_path), publisher.name
    with start_api() as api:
        eventually(api.version)
        with triton.InferenceServerClient(api.url.removeprefix("http://")) as client:
            check_answers(client, name)
            check_descriptions(client, name, version)
            check_errors(client, name)


def check_answers(client, name):
    """Tensors travel as JSON or as bytes, there and back, each in every combination."""
    for sent, received in itertools.product((False, True), (None, False, True)):
        outputs = received is not None and [
            triton.InferRequestedOutput(output, binary_data=received) for output in OUTPUTS
        ]
        asked = texts("good", "bad b\u00e4d", binary=sent)
        result = client.infer(name, asked, outputs=outputs or None, request_id="7")
        labels = [
            value.decode() if isinstance(value, bytes) else value
            for value in result.as_numpy("sentiment")
        ]
        assert labels == ["positive", "negative"]
        confidences = result.as_numpy("confidence")
        assert confidences.dtype == np.float64
        assert (confidences > 0.5).all()
        assert result.as_numpy("low_information").tolist() == [False, False]
        assert result.get_response()["id"] == "7"


def check_descriptions(client, name, version):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(name)
    assert not client.is_model_ready(name, "99")
    assert client.get_server_metadata()["name"] == "sentiment-serve"
    metadata = client.get_model_metadata(name)
    assert metadata["versions"] == [version]
    assert [tensor["name"] for tensor in metadata["outputs"]] == list(OUTPUTS)
    assert client.infer(name, texts("good"), model_version=version).as_numpy("confidence").size == 1


def check_errors(client, name):
    with pytest.raises(InferenceServerException, match="There is no model other here"):
        client.infer("other", texts("good"))
    with pytest.raises(InferenceServerException, match="nothing to label"):
        client.infer(name, texts("good", " "))
