"""Deadlines, cancellation and queue limits, with a model that runs as long as it is told."""

import contextlib
import json
import queue
import time

import numpy as np
from checks import check, check_both, expect_error
from spin_model import CONFIG, spin_model

FOR_EVER = 2**40


@contextlib.contextmanager
def _spin(protocol):
    with protocol.client() as client:
        client.load_model("spin", config=json.dumps(CONFIG), files={"file:1/model.onnx": spin_model()})
        try:
            yield client
        finally:
            client.unload_model("spin")


def _steps(protocol, count):
    return [protocol.input("STEPS", np.array([[count]], dtype=np.int64), "INT64")]


def _free_again(client, protocol):
    """The only instance answers a short request soon, so nothing runs on for nobody."""
    started = time.monotonic()
    last = None
    while time.monotonic() - started < 20:
        try:
            assert client.infer("spin", _steps(protocol, 3)).as_numpy("DONE").tolist() == [[3]]
            return
        except Exception as error:
            last = error
            time.sleep(0.05)
    raise AssertionError(f"the instance stayed busy: {last}")


@check
def grpc_deadline(server):
    """A deadline ends an endless request, and the instance with it."""
    with _spin(server.grpc) as client:
        error = expect_error(lambda: client.infer("spin", _steps(server.grpc, FOR_EVER), client_timeout=0.5))
        assert error.status() == "StatusCode.DEADLINE_EXCEEDED"
        _free_again(client, server.grpc)


@check
def grpc_cancellation(server):
    """A cancelled call frees the instance."""
    with _spin(server.grpc) as client:
        done = queue.Queue()
        call = client.async_infer(
            "spin", _steps(server.grpc, FOR_EVER), lambda result, error: done.put((result, error))
        )
        server.until_busy()
        call.cancel()
        result, error = done.get(timeout=10)
        assert result is None and "cancel" in error.message().lower(), error
        _free_again(client, server.grpc)


@check
def stream_cancellation(server):
    """A stream stopped with cancel_requests frees the instance."""
    with _spin(server.grpc) as client:
        client.start_stream(lambda result, error: None)
        client.async_stream_infer("spin", _steps(server.grpc, FOR_EVER))
        server.until_busy()
        client.stop_stream(cancel_requests=True)
        _free_again(client, server.grpc)


@check
def http_timeout(server):
    """An HTTP client that gives up frees the instance."""
    with _spin(server.http) as client:
        with server.http.client(network_timeout=0.5, connection_timeout=5.0) as impatient:
            try:
                impatient.infer("spin", _steps(server.http, FOR_EVER))
                raise AssertionError("an endless request was answered")
            except Exception as error:
                assert "time" in str(error).lower(), error
        _free_again(client, server.http)


@check_both
def queue_timeout(server, protocol):
    """A request that waits longer than the queue policy allows is rejected, retryably."""
    with _spin(protocol) as client:
        blocker = server.grpc.client()
        running = blocker.async_infer("spin", _steps(server.grpc, FOR_EVER), lambda result, error: None)
        server.until_busy()
        try:
            error = expect_error(lambda: client.infer("spin", _steps(protocol, 1)), "Request timeout expired")
            assert error.status() in ("503", "StatusCode.UNAVAILABLE"), error.status()
        finally:
            running.cancel()
        _free_again(client, protocol)
        blocker.close()


@check
def queue_limit(server):
    """Beyond the queue's size requests are refused at once, the others are not harmed."""
    protocol = server.grpc
    with _spin(protocol) as client:
        done = queue.Queue()
        calls = []
        for _ in range(16):
            calls.append(
                client.async_infer("spin", _steps(protocol, FOR_EVER), lambda result, error: done.put((result, error)))
            )
            server.until_busy()
        refused = 0
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with contextlib.suppress(queue.Empty):
                _, error = done.get(timeout=0.2)
                refused += "Exceeds maximum queue size" in error.message()
            if refused >= 3:
                break
        assert refused >= 3, refused
        for call in calls:
            call.cancel()
        _free_again(client, protocol)


@check
def others_go_on(server):
    """While one model is busy for good, others answer over both protocols."""
    with _spin(server.grpc) as client:
        running = client.async_infer("spin", _steps(server.grpc, FOR_EVER), lambda result, error: None)
        server.until_busy()
        try:
            for protocol in (server.http, server.grpc):
                with protocol.client() as other:
                    for number in range(50):
                        inputs, total, _ = protocol.add_sub(start=number)
                        np.testing.assert_array_equal(other.infer("simple", inputs).as_numpy("OUTPUT0"), total)
        finally:
            running.cancel()
        _free_again(client, server.grpc)


@check
def unload_waits(server):
    """An unload lets the running request finish."""
    protocol = server.grpc
    with protocol.client() as client:
        client.load_model("spin", config=json.dumps(CONFIG), files={"file:1/model.onnx": spin_model()})
        done = queue.Queue()
        client.async_infer("spin", _steps(protocol, 200_000), lambda result, error: done.put((result, error)))
        server.until_busy()
        client.unload_model("spin")
        result, error = done.get(timeout=30)
        assert error is None, error
        assert result.as_numpy("DONE").tolist() == [[200_000]]
        expect_error(lambda: client.infer("spin", _steps(protocol, 1)), "Request for unknown model")
