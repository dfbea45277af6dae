"""The server under test as the checks see it: its two addresses, clients for them, and inputs for its models."""

import json
import pathlib
import re
import time
import types
import urllib.request

import numpy as np
import tritonclient.grpc
import tritonclient.http

EXPECTED = pathlib.Path(__file__).resolve().parent.parent / "models" / "expected"

NUMPY = {
    "FP32": np.float32,
    "INT8": np.int8,
    "INT32": np.int32,
    "INT64": np.int64,
    "BYTES": np.object_,
}


class Protocol:
    """One of tritonclient.http and tritonclient.grpc with an address; both have the same names for the same things."""

    def __init__(self, name, module, url):
        self.name = name
        self.module = module
        self.url = url

    def client(self, **options):
        return self.module.InferenceServerClient(self.url, **options)

    def input(self, name, array, datatype, **how):
        tensor = self.module.InferInput(name, list(array.shape), datatype)
        tensor.set_data_from_numpy(array, **how)
        return tensor

    def output(self, name, **how):
        return self.module.InferRequestedOutput(name, **how)

    def add_sub(self, rows=1, start=0, **how):
        """Inputs of `simple` and the two answers."""
        first = np.arange(start, start + rows * 16, dtype=np.int32).reshape(rows, 16)
        second = np.full((rows, 16), 3, dtype=np.int32)
        inputs = [self.input("INPUT0", first, "INT32", **how), self.input("INPUT1", second, "INT32", **how)]
        return inputs, first + second, first - second

    def texts(self, *rows, **how):
        """The input of `simple_identity`, one row per argument."""
        array = np.array(rows, dtype=np.object_)
        return self.input("INPUT0", array, "BYTES", **how)


class Server:
    def __init__(self, http, grpc, metrics):
        self._metrics = f"http://{metrics}/metrics"
        self.http = Protocol("http", tritonclient.http, http)
        self.grpc = Protocol("grpc", tritonclient.grpc, grpc)

    def protocol(self, name):
        return {"http": self.http, "grpc": self.grpc}[name]

    def until_busy(self):
        """Returns when a request has arrived that is not answered: clients say only that they have sent it."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            text = urllib.request.urlopen(self._metrics, timeout=20).read().decode()
            if float(re.search(r"^nereid_inflight_bytes (\S+)$", text, re.MULTILINE).group(1)) > 0:
                return
            time.sleep(0.01)
        raise AssertionError("no request arrived")


def expected(model):
    """What test/models recorded for a model."""
    return json.loads((EXPECTED / f"{model}.json").read_text())


def array_of(tensor):
    """A tensor of the recorded answers as an array; texts as bytes."""
    data = tensor["data"]
    if tensor["datatype"] == "BYTES":
        data = [text.encode() for text in data]
    return np.array(data, dtype=NUMPY[tensor["datatype"]]).reshape(tensor["shape"])


def same(given, wanted, facts):
    """Fails unless two arrays are equal, floats within the model's tolerance.

    What a batching model gives as [rows] is declared, and answered, as [rows, 1]: a configuration has no empty dims.
    """
    if wanted.ndim == 1:
        wanted = wanted.reshape(-1, 1)
    assert given.shape == wanted.shape, (given.shape, wanted.shape)
    if wanted.dtype == np.float32:
        np.testing.assert_allclose(given, wanted, rtol=facts["rtol"], atol=facts["atol"])
    else:
        np.testing.assert_array_equal(given, wanted)


def plain(value):
    """Answers of the HTTP client are dictionaries, those of the gRPC client messages; both as attributes."""
    if isinstance(value, dict):
        return types.SimpleNamespace(**{key: plain(entry) for key, entry in value.items()})
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    return value
