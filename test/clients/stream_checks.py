"""ModelStreamInfer through the client's callback stream: order, errors in band, many models, restarts."""

import queue
import time

import numpy as np
from checks import check, expect_error


class Answers:
    """The callback of a stream, and what it got in order."""

    def __init__(self):
        self._queue = queue.Queue()

    def __call__(self, result, error):
        self._queue.put((result, error))

    def next(self):
        return self._queue.get(timeout=30)

    def empty(self):
        return self._queue.empty()


@check
def stream_order(server):
    """Answers come in the order of the requests, two models in turn, every one final."""
    protocol = server.grpc
    answers = Answers()
    with protocol.client() as client:
        client.start_stream(answers)
        wanted = []
        for number in range(300):
            if number % 3 == 2:
                client.async_stream_infer(
                    "simple_identity", [protocol.texts([str(number).encode()])], request_id=str(number)
                )
                wanted.append(None)
            else:
                inputs, total, _ = protocol.add_sub(rows=1 + number % 8, start=number)
                client.async_stream_infer("simple", inputs, request_id=str(number))
                wanted.append(total)
        for number, total in enumerate(wanted):
            result, error = answers.next()
            assert error is None, error
            response = result.get_response()
            assert response.id == str(number), (response.id, number)
            assert response.parameters["triton_final_response"].bool_param
            if total is None:
                assert result.as_numpy("OUTPUT0").tolist() == [[str(number).encode()]]
            else:
                np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), total)
        client.stop_stream()
        assert answers.empty()


@check
def stream_errors(server):
    """An error comes in its place and does not end the stream."""
    protocol = server.grpc
    answers = Answers()
    with protocol.client() as client:
        client.start_stream(answers)
        good, total, _ = protocol.add_sub()
        client.async_stream_infer("simple", good, request_id="a")
        client.async_stream_infer("no_such_model", good, request_id="b")
        client.async_stream_infer("simple", good[:1], request_id="c")
        client.async_stream_infer("simple", good, request_id="d")
        result, error = answers.next()
        assert error is None and result.get_response().id == "a"
        _, error = answers.next()
        assert "Request for unknown model" in error.message(), error
        _, error = answers.next()
        assert "expected 2 inputs but got 1 inputs" in error.message(), error
        result, error = answers.next()
        assert error is None and result.get_response().id == "d"
        np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), total)
        client.stop_stream()


@check
def stream_again(server):
    """A client can stop and start streams, with compression, and use unary calls beside them."""
    protocol = server.grpc
    with protocol.client() as client:
        for algorithm in (None, "gzip", "deflate"):
            answers = Answers()
            client.start_stream(answers, compression_algorithm=algorithm, stream_timeout=30)
            inputs, total, _ = protocol.add_sub(rows=4)
            client.async_stream_infer("simple", inputs, enable_empty_final_response=True)
            np.testing.assert_array_equal(client.infer("simple", inputs).as_numpy("OUTPUT0"), total)
            result, error = answers.next()
            assert error is None, error
            np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), total)
            client.stop_stream()
            assert answers.empty()


@check
def stream_timeout(server):
    """A stream past its deadline reports that once, and a new one works."""
    protocol = server.grpc
    answers = Answers()
    with protocol.client() as client:
        client.start_stream(answers, stream_timeout=0.5)
        _, error = answers.next()
        assert error.status() == "StatusCode.DEADLINE_EXCEEDED", error
        time.sleep(0.1)
        inputs, _, _ = protocol.add_sub()
        expect_error(lambda: client.async_stream_infer("simple", inputs), "no longer in valid state")
        client.stop_stream()
        client.start_stream(answers)
        client.async_stream_infer("simple", inputs)
        result, error = answers.next()
        assert error is None and result is not None
        client.stop_stream()
