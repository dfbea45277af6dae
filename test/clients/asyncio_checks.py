"""The asyncio clients of both protocols."""

import asyncio

import numpy as np
import tritonclient.grpc.aio
import tritonclient.http.aio
from checks import check
from tritonclient.utils import InferenceServerException


async def _use(client, protocol):
    """The whole client by await."""
    assert await client.is_server_live()
    assert await client.is_server_ready()
    assert await client.is_model_ready("simple")
    await client.get_server_metadata()
    await client.get_model_metadata("simple")
    await client.get_model_config("simple")
    await client.get_inference_statistics("simple")
    await client.get_model_repository_index()
    wanted, calls = [], []
    for number in range(100):
        inputs, total, _ = protocol.add_sub(rows=1 + number % 8, start=number)
        wanted.append(total)
        calls.append(client.infer("simple", inputs, request_id=str(number)))
    for answer, total in zip(await asyncio.gather(*calls), wanted):
        np.testing.assert_array_equal(answer.as_numpy("OUTPUT0"), total)
    text = protocol.texts([b"a\0b", b""])
    assert (await client.infer("simple_identity", [text])).as_numpy("OUTPUT0").tolist() == [[b"a\0b", b""]]
    try:
        await client.infer("no_such_model", protocol.add_sub()[0])
        raise AssertionError("an unknown model answered")
    except InferenceServerException as error:
        assert "Request for unknown model" in error.message()
    await client.unload_model("simple_int8")
    try:
        assert not await client.is_model_ready("simple_int8")
    except InferenceServerException as error:
        assert "simple_int8" in error.message()
    await client.load_model("simple_int8")
    assert await client.is_model_ready("simple_int8")


@check
def asyncio_http(server):
    """The HTTP client by await: a hundred requests at once, errors, model control."""

    async def use():
        async with tritonclient.http.aio.InferenceServerClient(server.http.url) as client:
            await _use(client, server.http)

    asyncio.run(use())


@check
def asyncio_grpc(server):
    """The gRPC client by await: a hundred requests at once, errors, model control."""

    async def use():
        async with tritonclient.grpc.aio.InferenceServerClient(server.grpc.url) as client:
            await _use(client, server.grpc)

    asyncio.run(use())


@check
def asyncio_stream(server):
    """A stream by async iteration keeps its order, errors in their places."""
    protocol = server.grpc

    async def requests():
        for number in range(60):
            inputs, _, _ = protocol.add_sub(start=number)
            model = "no_such_model" if number == 30 else "simple"
            yield {"model_name": model, "inputs": inputs, "request_id": str(number)}

    async def use():
        async with tritonclient.grpc.aio.InferenceServerClient(protocol.url) as client:
            number = 0
            async for result, error in client.stream_infer(requests()):
                if number == 30:
                    assert "Request for unknown model" in error.message()
                else:
                    assert error is None, error
                    assert result.get_response().id == str(number)
                    np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), protocol.add_sub(start=number)[1])
                number += 1
            assert number == 60, number

    asyncio.run(use())


@check
def asyncio_stream_cancelled(server):
    """A stream that is cancelled half way ends at once and harms nothing."""
    protocol = server.grpc

    async def requests():
        for number in range(1000):
            yield {"model_name": "simple", "inputs": protocol.add_sub(start=number)[0]}
            await asyncio.sleep(0.01)

    async def use():
        async with tritonclient.grpc.aio.InferenceServerClient(protocol.url) as client:
            answers = client.stream_infer(requests())
            seen = 0
            try:
                async for _, error in answers:
                    assert error is None, error
                    seen += 1
                    if seen == 5:
                        answers.cancel()
            except (asyncio.CancelledError, InferenceServerException):
                pass
            assert 5 <= seen < 1000
            assert await client.is_server_ready()

    asyncio.run(use())
