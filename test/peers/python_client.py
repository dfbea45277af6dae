"""Checks of a running server by grpcio, whose HTTP/2 is that of gRPC's C implementation. Takes the server's address and
prints a line for each check: "ok NAME", or "FAILED NAME: what was seen". Messages are encoded here, by hand, but for
those of reflection."""

import struct
import sys
import time

import grpc
from google.protobuf import descriptor_pool, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

SERVICE = "/inference.GRPCInferenceService"
PATIENCE_S = 20


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def delimited(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def infer_request(model, *inputs):
    """Inputs are (name, datatype, shape, raw bytes)."""
    tensors = [
        delimited(1, name.encode()) + delimited(2, datatype.encode()) + delimited(3, b"".join(map(varint, shape)))
        for name, datatype, shape, _ in inputs
    ]
    parts = [delimited(1, model.encode())]
    parts += [delimited(5, tensor) for tensor in tensors]
    parts += [delimited(7, raw) for *_, raw in inputs]
    return b"".join(parts)


def fields(message, wanted):
    """The values of every length-delimited field with that number; other wire types do not occur in these answers."""

    def number_at(at):
        value = shift = 0
        while True:
            value |= (message[at] & 127) << shift
            shift += 7
            at += 1
            if message[at - 1] < 128:
                return value, at

    values, at = [], 0
    while at < len(message):
        tag, at = number_at(at)
        assert tag & 7 == 2, f"wire type {tag & 7}"
        size, at = number_at(at)
        if tag >> 3 == wanted:
            values.append(message[at : at + size])
        at += size
    return values


def sums(start):
    shape = (1, 16)
    first = struct.pack("<16i", *range(start, start + 16))
    second = struct.pack("<16i", *[3] * 16)
    return infer_request("simple", ("INPUT0", "INT32", shape, first), ("INPUT1", "INT32", shape, second))


def check_sums(response, start):
    outputs = [struct.unpack("<16i", raw) for raw in fields(response, 6)]
    numbers = range(start, start + 16)
    assert outputs == [tuple(n + 3 for n in numbers), tuple(n - 3 for n in numbers)], outputs


class Peer:
    def __init__(self, address):
        size = [("grpc.max_receive_message_length", 64 << 20), ("grpc.max_send_message_length", 64 << 20)]
        self.channel = grpc.insecure_channel(address, options=size)
        self.live = self.channel.unary_unary(f"{SERVICE}/ServerLive")
        self.infer = self.channel.unary_unary(f"{SERVICE}/ModelInfer")
        self.stream = self.channel.stream_stream(f"{SERVICE}/ModelStreamInfer")

    def check_unary(self, start, **how):
        check_sums(self.infer(sums(start), timeout=PATIENCE_S, **how), start)

    def check_live(self):
        response, call = self.live.with_call(b"", timeout=PATIENCE_S)
        assert response == b"\x08\x01", response
        assert call.code() == grpc.StatusCode.OK, call.code()

    def check_concurrent(self):
        for _ in range(5):
            calls = [self.infer.future(sums(i), timeout=PATIENCE_S) for i in range(200)]
            for i, call in enumerate(calls):
                check_sums(call.result(), i)

    def check_stream(self, **how):
        answers = self.stream(iter([sums(i) for i in range(50)]), timeout=PATIENCE_S, **how)
        seen = [fields(answer, 2)[0] for answer in answers]
        assert len(seen) == 50, len(seen)
        for i, answer in enumerate(seen):
            check_sums(answer, i)

    def check_large(self, **how):
        text = bytes(97 + i * i % 23 for i in range(1 << 16)) * 64
        raw = struct.pack("<I", len(text)) + text
        request = infer_request("simple_identity", ("INPUT0", "BYTES", (1, 1), raw))
        outputs = fields(self.infer(request, timeout=PATIENCE_S, **how), 6)
        assert outputs == [raw], [len(output) for output in outputs]

    def check_deadline(self):
        def requests():
            yield sums(5)
            time.sleep(8)

        answers = self.stream(requests(), timeout=3)
        check_sums(fields(next(answers), 2)[0], 5)
        self.expect(grpc.StatusCode.DEADLINE_EXCEEDED, lambda: next(answers))
        self.check_unary(6)

    def check_cancelled(self):
        for i in range(50):
            answers = self.stream(iter_then_wait(sums(i), 0.02), timeout=PATIENCE_S)
            check_sums(fields(next(answers), 2)[0], i)
            answers.cancel()
            self.expect(grpc.StatusCode.CANCELLED, lambda answers=answers: next(answers))
        self.check_unary(7)

    def check_unknown_model(self):
        error = self.expect(grpc.StatusCode.NOT_FOUND, lambda: self.infer(infer_request("no such model – nowhere")))
        assert error.details(), "no message"

    def check_unknown_method(self):
        method = self.channel.unary_unary(f"{SERVICE}/NoSuchMethod")
        self.expect(grpc.StatusCode.UNIMPLEMENTED, lambda: method(b"", timeout=PATIENCE_S))

    def check_reflection(self):
        database = ProtoReflectionDescriptorDatabase(self.channel)
        assert "inference.GRPCInferenceService" in database.get_services(), database.get_services()
        pool = descriptor_pool.DescriptorPool(database)
        service = pool.FindServiceByName("inference.GRPCInferenceService")
        for method in service.methods:
            message_factory.GetMessageClass(method.input_type)()
        Request = message_factory.GetMessageClass(pool.FindMessageTypeByName("inference.ModelInferRequest"))
        parameters = Request.DESCRIPTOR.fields_by_name["parameters"]
        assert parameters.message_type.GetOptions().map_entry and parameters.message_type.name == "ParametersEntry"
        request = Request.FromString(sums(10))
        request.parameters["priority"].int64_param = 0
        check_sums(self.infer(request.SerializeToString(), timeout=PATIENCE_S), 10)

    def expect(self, code, act):
        try:
            given = act()
        except grpc.RpcError as error:
            assert error.code() == code, f"expected {code}, saw {error.code()}: {error.details()}"
            return error
        raise AssertionError(f"expected {code}, saw an answer of {len(given)} bytes")


def iter_then_wait(message, seconds):
    yield message
    time.sleep(seconds)


def main():
    peer = Peer(sys.argv[1])
    zipped = {"compression": grpc.Compression.Gzip}
    checks = [
        ("ServerLive", peer.check_live),
        ("inference", lambda: peer.check_unary(10)),
        ("200 calls at once, five times", peer.check_concurrent),
        ("a stream of 50 inferences", peer.check_stream),
        ("gzip, inference", lambda: peer.check_unary(20, **zipped)),
        ("gzip, a stream of 50 inferences", lambda: peer.check_stream(**zipped)),
        ("gzip, a message of 4 MB and back", lambda: peer.check_large(**zipped)),
        ("a message of 4 MB and back", peer.check_large),
        ("a stream whose deadline passes", peer.check_deadline),
        ("50 streams that are cancelled", peer.check_cancelled),
        ("an unknown model", peer.check_unknown_model),
        ("an unknown method", peer.check_unknown_method),
        ("messages made from what reflection tells", peer.check_reflection),
    ]
    for name, run in checks:
        try:
            run()
        except Exception as error:
            print(f"FAILED {name}: {type(error).__name__} {error}".replace("\n", " "), flush=True)
        else:
            print(f"ok {name}", flush=True)


main()
