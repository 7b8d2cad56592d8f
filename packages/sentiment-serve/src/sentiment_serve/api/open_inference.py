"""Requests and answers of the Open Inference Protocol, version 2, with its binary tensors.

The protocol: https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol;
tensors as bytes behind the JSON: https://github.com/triton-inference-server/server/blob/main/docs/
protocol/extension_binary_data.md.
"""

import json
import struct
from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple, cast

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from sentiment_core.errors import InputError
from sentiment_core.prediction import Prediction
from sentiment_serve.api.schemas import Review
from sentiment_serve.model.cache import LoadedModel

HEADER_LENGTH: Final = "Inference-Header-Content-Length"
"""Where the JSON ends in a body that has bytes behind it."""

INPUT: Final = "text"
DataType = Literal["BYTES", "FP64", "BOOL"]

_LENGTH: Final = struct.Struct("<I")
_TEXTS: Final = TypeAdapter(list[Review])


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore")


class InputTensor(_Part):
    """Texts: a tensor of shape [n] or [n, 1]."""

    name: Literal["text"] = Field(description="The only input.")
    shape: list[int] = Field(min_length=1, max_length=2, examples=[[2]])
    datatype: Literal["BYTES"]
    data: list[Any] | None = Field(
        default=None,
        description="The texts; absent where they stand as bytes behind the JSON.",
        examples=[["A fine film.", "A waste of time."]],
    )
    parameters: dict[str, Any] = Field(default_factory=dict)


class OutputRequest(_Part):
    """An output that is asked for."""

    name: str
    parameters: dict[str, Any] = Field(default_factory=dict)


class InferRequest(_Part):
    """One tensor of texts."""

    id: str | None = Field(default=None, max_length=200)
    inputs: list[InputTensor] = Field(min_length=1, max_length=1)
    outputs: list[OutputRequest] | None = Field(
        default=None, description="Some of the outputs; absent: all."
    )
    parameters: dict[str, Any] = Field(default_factory=dict)


class OutputTensor(BaseModel):
    """One value for each text."""

    name: str
    shape: list[int]
    datatype: DataType
    data: list[Any]


class InferAnswer(BaseModel):
    """Tensors of labels, confidences and whether little of the text is known."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[OutputTensor]


class Ready(BaseModel):
    """Whether something can be asked."""

    ready: bool


class Asked(NamedTuple):
    """What a request asks for."""

    request: InferRequest
    texts: list[str]


class Encoded(NamedTuple):
    """An answer's body; the length of its JSON where bytes stand behind it."""

    body: bytes
    json_length: int | None


def read_request(body: bytes, json_length: str | None) -> Asked:
    """Read a request.

    Parameters
    ----------
    body : bytes
        The whole body.
    json_length : str or None
        Value of the header `HEADER_LENGTH`, if there is one.

    Raises
    ------
    InputError
        If it is no request of the protocol, or not for this model.
    """
    end = len(body)
    if json_length is not None:
        if not json_length.isdecimal() or int(json_length) > len(body):
            raise InputError(f"{HEADER_LENGTH} is not the length of the JSON in the body.")
        end = int(json_length)
    try:
        request = InferRequest.model_validate_json(body[:end])
        (tensor,) = request.inputs
        size = tensor.parameters.get("binary_data_size")
        found = _flat(tensor.data or []) if size is None else _elements(body[end:], size)
        texts = _TEXTS.validate_python(found)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        place = ".".join(map(str, problem["loc"])) or "body"
        raise InputError(f"{place}: {problem['msg']}") from error
    if not texts or tensor.shape not in ([len(texts)], [len(texts), 1]):
        raise InputError(f"inputs.0.shape is {tensor.shape}, and there are {len(texts)} texts.")
    return Asked(request, texts)


def write_answer(asked: Asked, model: LoadedModel, predictions: Sequence[Prediction]) -> Encoded:
    """Write an answer, with bytes behind the JSON where the request asks for them.

    Raises
    ------
    InputError
        If the request asks for an output that there is not.
    """
    tensors = {tensor.name: tensor for tensor in _tensors(model, predictions)}
    request = asked.request
    wanted = request.outputs
    if wanted is None:
        wanted = [OutputRequest(name=name, parameters={}) for name in tensors]
    if unknown := [output.name for output in wanted if output.name not in tensors]:
        raise InputError(f"There is no output {unknown[0]:.80}, only {', '.join(tensors)}.")
    as_bytes = bool(request.parameters.get("binary_data_output", False))
    chunks: list[bytes] = []
    outputs: list[dict[str, object]] = []
    for output in wanted:
        described = tensors[output.name].model_dump()
        if output.parameters.get("binary_data", as_bytes):
            content = _as_bytes(tensors[output.name])
            del described["data"]
            described["parameters"] = {"binary_data_size": len(content)}
            chunks.append(content)
        outputs.append(described)
    answer: dict[str, object] = {"model_name": model.name, "model_version": model.version}
    if request.id is not None:
        answer["id"] = request.id
    text = json.dumps({**answer, "outputs": outputs}).encode()
    return Encoded(text + b"".join(chunks), len(text) if chunks else None)


def metadata(model: LoadedModel) -> dict[str, object]:
    """Describe a model and its tensors."""
    return {
        "name": model.name,
        "versions": [model.version],
        "platform": "sentiment-core",
        "inputs": [{"name": INPUT, "datatype": "BYTES", "shape": [-1]}],
        "outputs": [
            {"name": tensor.name, "datatype": tensor.datatype, "shape": [-1]}
            for tensor in _tensors(model, [])
        ],
    }


def _tensors(model: LoadedModel, predictions: Sequence[Prediction]) -> list[OutputTensor]:
    columns: list[tuple[str, DataType, list[Any]]] = [
        ("sentiment", "BYTES", [prediction.sentiment for prediction in predictions]),
        ("confidence", "FP64", [prediction.confidence for prediction in predictions]),
        ("low_information", "BOOL", [prediction.low_information for prediction in predictions]),
    ]
    if names := model.scorer.labels:
        labels = [names[prediction.sentiment] for prediction in predictions]
        columns.append(("label", "BYTES", labels))
    shape = [len(predictions)]
    return [
        OutputTensor(name=name, shape=shape, datatype=datatype, data=data)
        for name, datatype, data in columns
    ]


def _flat(data: list[Any]) -> list[Any]:
    """Take the texts out of a tensor of shape [n, 1], which may be nested."""
    return [row[0] if isinstance(row, list) and len(row) == 1 else row for row in data]


def _elements(content: bytes, size: object) -> list[str]:
    if type(size) is not int or size != len(content):
        raise InputError("binary_data_size is not the number of bytes behind the JSON.")
    texts, position = [], 0
    while position < len(content):
        start = position + _LENGTH.size
        if start > len(content):
            raise InputError("The bytes behind the JSON end within a length.")
        (length,) = _LENGTH.unpack_from(content, position)
        position = start + length
        if position > len(content):
            raise InputError("The bytes behind the JSON end within a text.")
        try:
            texts.append(content[start:position].decode())
        except UnicodeDecodeError as error:
            raise InputError(f"Text {len(texts) + 1} is not UTF-8.") from error
    return texts


def _as_bytes(tensor: OutputTensor) -> bytes:
    if tensor.datatype == "FP64":
        return struct.pack(f"<{len(tensor.data)}d", *tensor.data)
    if tensor.datatype == "BOOL":
        return bytes(tensor.data)
    encoded = [cast("str", value).encode() for value in tensor.data]
    return b"".join(_LENGTH.pack(len(value)) + value for value in encoded)
