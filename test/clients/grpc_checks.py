"""What only gRPC has: compression, metadata, typed contents, the health service, large messages, the answer as JSON."""

import grpc
import numpy as np
import tritonclient.grpc
from checks import check, expect_error
from tritonclient.grpc import service_pb2, service_pb2_grpc


@check
def grpc_compression(server):
    """gzip and deflate requests are read."""
    protocol = server.grpc
    with protocol.client() as client:
        inputs, total, _ = protocol.add_sub(rows=8)
        for algorithm in ("gzip", "deflate", None):
            answer = client.infer("simple", inputs, compression_algorithm=algorithm)
            np.testing.assert_array_equal(answer.as_numpy("OUTPUT0"), total)


@check
def grpc_metadata_and_keepalive(server):
    """Call metadata and keepalive settings do no harm."""
    options = tritonclient.grpc.KeepAliveOptions(keepalive_time_ms=600_000, keepalive_timeout_ms=20_000)
    with server.grpc.client(keepalive_options=options) as client:
        inputs, total, _ = server.grpc.add_sub()
        answer = client.infer("simple", inputs, headers={"x-trace": "1"}, client_timeout=20)
        np.testing.assert_array_equal(answer.as_numpy("OUTPUT0"), total)
        assert answer.get_response(as_json=True)["model_name"] == "simple"


@check
def typed_contents(server):
    """Tensors in typed fields instead of raw bytes."""
    with grpc.insecure_channel(server.grpc.url) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        request = service_pb2.ModelInferRequest(model_name="simple", id="typed")
        for name in ("INPUT0", "INPUT1"):
            tensor = request.inputs.add(name=name, datatype="INT32", shape=[1, 16])
            tensor.contents.int_contents[:] = range(-8, 8)
        answer = stub.ModelInfer(request, timeout=20)
        assert answer.id == "typed"
        raw = dict(zip([output.name for output in answer.outputs], answer.raw_output_contents))
        assert np.frombuffer(raw["OUTPUT0"], np.int32).tolist() == [2 * number for number in range(-8, 8)]

        request = service_pb2.ModelInferRequest(model_name="simple_int8")
        for name in ("INPUT0", "INPUT1"):
            request.inputs.add(name=name, datatype="INT8", shape=[1, 16]).contents.int_contents[:] = [100] * 16
        raw = dict(zip(["OUTPUT0", "OUTPUT1"], stub.ModelInfer(request, timeout=20).raw_output_contents))
        assert np.frombuffer(raw["OUTPUT0"], np.int8).tolist() == [-56] * 16

        request = service_pb2.ModelInferRequest(model_name="simple_identity")
        texts = [b"", b"a\0b", b"\xff"]
        request.inputs.add(name="INPUT0", datatype="BYTES", shape=[1, 3]).contents.bytes_contents[:] = texts
        raw = stub.ModelInfer(request, timeout=20).raw_output_contents[0]
        assert tritonclient.utils.deserialize_bytes_tensor(raw).tolist() == texts

        request = service_pb2.ModelInferRequest(model_name="simple")
        for name in ("INPUT0", "INPUT1"):
            request.inputs.add(name=name, datatype="INT32", shape=[1, 16]).contents.fp32_contents[:] = range(16)
        try:
            stub.ModelInfer(request, timeout=20)
            raise AssertionError("floats were taken for integers")
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
            assert "unexpected explicit tensor data" in error.details(), error.details()


@check
def reserved_parameters(server):
    """Parameters that begin with triton_ are refused; the client itself would not send them."""
    with grpc.insecure_channel(server.grpc.url) as channel:
        request = service_pb2.ModelInferRequest(model_name="simple")
        request.parameters["triton_x"].int64_param = 1
        for name in ("INPUT0", "INPUT1"):
            request.inputs.add(name=name, datatype="INT32", shape=[1, 16]).contents.int_contents[:] = range(16)
        try:
            service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer(request, timeout=20)
            raise AssertionError("a reserved parameter was taken")
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
            assert "parameter keys starting with 'triton_' are reserved" in error.details(), error.details()


@check
def status_codes(server):
    """Errors carry the code of their kind."""
    protocol = server.grpc
    with protocol.client() as client:
        inputs, _, _ = protocol.add_sub()
        assert expect_error(lambda: client.infer("nope", inputs)).status() == "StatusCode.NOT_FOUND"
        assert expect_error(lambda: client.infer("simple", inputs[:1])).status() == "StatusCode.INVALID_ARGUMENT"
        unsupported = expect_error(lambda: client.register_system_shared_memory("region", "/region", 64))
        assert unsupported.status() == "StatusCode.UNIMPLEMENTED", unsupported


@check
def health_service(server):
    """grpc.health.v1 says SERVING; an unknown method says UNIMPLEMENTED."""
    with grpc.insecure_channel(server.grpc.url) as channel:
        raw = lambda data: data
        call = channel.unary_unary("/grpc.health.v1.Health/Check", request_serializer=raw, response_deserializer=raw)
        assert call(b"", timeout=20) == b"\x08\x01"
        unknown = channel.unary_unary(
            "/inference.GRPCInferenceService/NoSuchCall", request_serializer=raw, response_deserializer=raw
        )
        try:
            unknown(b"", timeout=20)
            raise AssertionError("an unknown method was answered")
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.UNIMPLEMENTED


@check
def large_messages(server):
    """Forty megabytes of text go both ways."""
    protocol = server.grpc
    big = bytes(range(256)) * 40_960
    with protocol.client() as client:
        answer = client.infer("simple_identity", [protocol.texts([big, big, big, big])])
        assert answer.as_numpy("OUTPUT0").tolist() == [[big] * 4]


@check
def garbage_message(server):
    """Bytes that are no message fail that call alone."""
    with grpc.insecure_channel(server.grpc.url) as channel:
        raw = lambda data: data
        call = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer", request_serializer=raw, response_deserializer=raw
        )
        for body in (b"\xff" * 40, b"\x0a\xff\xff\xff\xff\x07", b"\x2a\x05abc"):
            try:
                call(body, timeout=20)
                raise AssertionError("garbage was answered")
            except grpc.RpcError as error:
                assert error.code() not in (grpc.StatusCode.OK, grpc.StatusCode.DEADLINE_EXCEEDED), error.code()
        request = service_pb2.ModelInferRequest(model_name="simple_identity")
        request.inputs.add(name="INPUT0", datatype="BYTES", shape=[1, 1]).contents.bytes_contents[:] = [b"fine"]
        assert call(request.SerializeToString(), timeout=20)
