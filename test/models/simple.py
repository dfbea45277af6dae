"""simple, simple_int8, simple_string and simple_identity: the models that Triton's client examples call.

Built from their public description: INPUT0 and INPUT1 [batch, 16] give their sum as OUTPUT0 and their difference as
OUTPUT1, in INT32, in INT8 (which wraps) and as decimal numbers in BYTES; simple_identity gives its BYTES back.
"""

import numpy as np
from onnx import TensorProto, helper

from model_folder import write_expected, write_model

CONFIG = """
backend: "onnxruntime"
max_batch_size: 8
"""


def make(name, nodes, inputs, outputs):
    """`inputs` and `outputs`: name, element type, and the dimensions after the batch."""
    declare = lambda values: [helper.make_tensor_value_info(key, kind, ["batch", *dims]) for key, kind, dims in values]
    graph = helper.make_graph(nodes, name, declare(inputs), declare(outputs))
    return helper.make_model(graph, producer_name="nereid", ir_version=10, opset_imports=[helper.make_opsetid("", 21)])


def add_sub(name, kind, through=None):
    """Sum and difference; `through` is the type that is computed in when `kind` has no arithmetic."""
    node = helper.make_node
    nodes = []
    pair = ["INPUT0", "INPUT1"]
    if through is not None:
        nodes += [node("Cast", [key], [f"{key}/number"], to=through) for key in pair]
        pair = [f"{key}/number" for key in pair]
    results = ["OUTPUT0", "OUTPUT1"] if through is None else ["OUTPUT0/number", "OUTPUT1/number"]
    nodes += [node("Add", pair, [results[0]]), node("Sub", pair, [results[1]])]
    if through is not None:
        nodes += [node("Cast", [f"{key}/number"], [key], to=kind) for key in ("OUTPUT0", "OUTPUT1")]
    return make(
        name,
        nodes,
        [(key, kind, [16]) for key in ("INPUT0", "INPUT1")],
        [(key, kind, [16]) for key in ("OUTPUT0", "OUTPUT1")],
    )


def main():
    first = np.arange(32, dtype=np.int64).reshape(2, 16)
    second = np.ones((2, 16), dtype=np.int64) * 3
    kinds = [
        ("simple", TensorProto.INT32, None, lambda values: values.astype(np.int32)),
        ("simple_int8", TensorProto.INT8, TensorProto.INT32, lambda values: values.astype(np.int8)),
        ("simple_string", TensorProto.STRING, TensorProto.INT32, lambda values: values.astype(str).astype(object)),
    ]
    for name, kind, through, convert in kinds:
        path = write_model(name, add_sub(name, kind, through), CONFIG)
        inputs = {"INPUT0": convert(first), "INPUT1": convert(second)}
        answers = {"OUTPUT0": convert(first + second), "OUTPUT1": convert(first - second)}
        write_expected(name, path, {"about": "sum and difference, by NumPy"}, [(inputs, answers)], rtol=0, atol=0)

    identity = make(
        "simple_identity",
        [helper.make_node("Identity", ["INPUT0"], ["OUTPUT0"])],
        [("INPUT0", TensorProto.STRING, ["n"])],
        [("OUTPUT0", TensorProto.STRING, ["n"])],
    )
    path = write_model("simple_identity", identity, CONFIG)
    words = np.array([["a", "", "Grüße, \u65e5\u672c"]], dtype=object)
    write_expected(
        "simple_identity",
        path,
        {"about": "identity of texts"},
        [({"INPUT0": words}, {"OUTPUT0": words})],
        rtol=0,
        atol=0,
    )


if __name__ == "__main__":
    main()
