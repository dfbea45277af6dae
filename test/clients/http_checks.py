"""What only the HTTP client has: JSON tensors, compression, the static body functions, raw answers."""

import gzip
import json
import urllib.error
import urllib.request

import numpy as np
import tritonclient.http
from checks import check, expect_error
from server import array_of, expected, same


@check
def json_tensors(server):
    """Tensors as JSON both ways give the same answers as bytes."""
    protocol = server.http
    with protocol.client() as client:
        for model in (
            "simple",
            "simple_string",
            "iris_pipeline",
            "vote_pipeline",
            "digits_keras",
            "diabetes_regression",
        ):
            facts = expected(model)
            for case in facts["cases"]:
                inputs = [
                    protocol.input(entry["name"], array_of(entry), entry["datatype"], binary_data=False)
                    for entry in case["inputs"]
                ]
                outputs = [protocol.output(entry["name"], binary_data=False) for entry in case["outputs"]]
                answer = client.infer(model, inputs, outputs=outputs)
                for entry in case["outputs"]:
                    same(_with_bytes(answer.as_numpy(entry["name"])), array_of(entry), facts)


@check
def mixed_tensors(server):
    """One input as JSON and one as bytes, one output as JSON and one as bytes, in any order."""
    protocol = server.http
    with protocol.client() as client:
        for flags in ((True, False), (False, True)):
            first = np.arange(16, dtype=np.int32).reshape(1, 16)
            inputs = [
                protocol.input(name, first, "INT32", binary_data=flag)
                for name, flag in zip(("INPUT0", "INPUT1"), flags)
            ]
            outputs = [
                protocol.output(name, binary_data=flag) for name, flag in zip(("OUTPUT1", "OUTPUT0"), reversed(flags))
            ]
            answer = client.infer("simple", inputs, outputs=outputs)
            np.testing.assert_array_equal(answer.as_numpy("OUTPUT0"), first * 2)
            np.testing.assert_array_equal(answer.as_numpy("OUTPUT1"), first * 0)


@check
def json_texts(server):
    """Texts with NUL characters and quotes survive JSON."""
    protocol = server.http
    row = ["", "\0", "a\0b", 'quote " backslash \\ line\n', "Grüße 日本語 🙂"]
    with protocol.client() as client:
        answer = client.infer(
            "simple_identity",
            [protocol.texts([text.encode() for text in row], binary_data=False)],
            outputs=[protocol.output("OUTPUT0", binary_data=False)],
        )
        assert answer.get_output("OUTPUT0")["data"] == row


@check
def compression(server):
    """Every pair of request and response compression gives the same answer."""
    protocol = server.http
    with protocol.client() as client:
        inputs, total, _ = protocol.add_sub(rows=8)
        for request in (None, "gzip", "deflate"):
            for response in (None, "gzip", "deflate"):
                for binary in (True, False):
                    answer = client.infer(
                        "simple",
                        inputs,
                        outputs=[protocol.output("OUTPUT0", binary_data=binary)],
                        request_compression_algorithm=request,
                        response_compression_algorithm=response,
                    )
                    np.testing.assert_array_equal(answer.as_numpy("OUTPUT0"), total)


@check
def unknown_compression(server):
    """An encoding the server does not know is refused with its name for what it takes."""
    request = urllib.request.Request(
        f"http://{server.http.url}/v2/models/simple/infer", data=b"x", headers={"Content-Encoding": "br"}, method="POST"
    )
    try:
        urllib.request.urlopen(request, timeout=10)
    except urllib.error.HTTPError as error:
        assert error.code == 415, error.code
        assert json.loads(error.read())["error"]
        return
    raise AssertionError("the request succeeded")


@check
def static_bodies(server):
    """Bodies made and read by the client's static functions work over any HTTP library."""
    inputs, total, _ = server.http.add_sub(rows=2)
    body, json_size = tritonclient.http.InferenceServerClient.generate_request_body(inputs)
    request = urllib.request.Request(
        f"http://{server.http.url}/v2/models/simple/infer",
        data=body,
        headers={"Inference-Header-Content-Length": str(json_size), "Content-Type": "application/octet-stream"},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        answer = tritonclient.http.InferenceServerClient.parse_response_body(
            response.read(), header_length=int(response.headers["Inference-Header-Content-Length"])
        )
    np.testing.assert_array_equal(answer.as_numpy("OUTPUT0"), total)


@check
def compressed_by_hand(server):
    """A gzip body with its own length header, and an answer that was asked for as gzip."""
    body = json.dumps(
        {
            "inputs": [
                {"name": name, "datatype": "INT32", "shape": [1, 16], "data": [list(range(16))]}
                for name in ("INPUT0", "INPUT1")
            ]
        }
    ).encode()
    request = urllib.request.Request(
        f"http://{server.http.url}/v2/models/simple/infer",
        data=gzip.compress(body),
        headers={"Content-Encoding": "gzip", "Accept-Encoding": "gzip;q=1.0, identity;q=0.1"},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        assert response.headers["Content-Encoding"] == "gzip", dict(response.headers)
        answer = json.loads(gzip.decompress(response.read()))
    assert answer["outputs"][0]["datatype"] == "INT32"


@check
def malformed_json(server):
    """Bodies that are no request are answered with 400 and an error, and the connection's server lives on."""
    for body in (b"", b"{", b"[]", b'{"inputs": 3}', b'{"inputs": [{"name": "INPUT0"}]}', b"\xff\xfe"):
        request = urllib.request.Request(f"http://{server.http.url}/v2/models/simple/infer", data=body, method="POST")
        try:
            urllib.request.urlopen(request, timeout=10)
            raise AssertionError(f"{body!r} succeeded")
        except urllib.error.HTTPError as error:
            assert error.code == 400, (body, error.code)
            assert json.loads(error.read())["error"]


@check
def lying_sizes(server):
    """A binary size that does not fit the bytes is refused."""
    protocol = server.http
    inputs, _, _ = protocol.add_sub()
    with protocol.client() as client:
        inputs[0]._parameters["binary_data_size"] = 60
        expect_error(lambda: client.infer("simple", inputs))
        inputs[0]._parameters["binary_data_size"] = 10**9
        expect_error(lambda: client.infer("simple", inputs))


@check
def query_and_headers(server):
    """Query parameters and extra headers do no harm."""
    protocol = server.http
    with protocol.client() as client:
        inputs, total, _ = protocol.add_sub()
        answer = client.infer("simple", inputs, headers={"X-Trace": "1"}, query_params={"who": "check", "n": [1, 2]})
        np.testing.assert_array_equal(answer.as_numpy("OUTPUT0"), total)


def _with_bytes(array):
    """JSON texts come as str."""
    if array.dtype != np.object_:
        return array
    return np.array(
        [text.encode() if isinstance(text, str) else text for text in array.reshape(-1)], np.object_
    ).reshape(array.shape)
