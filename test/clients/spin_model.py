"""A model that takes as long as its caller says, for deadlines and cancellation: a Loop that counts to its input."""

from onnx import TensorProto, helper

CONFIG = {
    "name": "spin",
    "backend": "onnxruntime",
    "max_batch_size": 4,
    "instance_group": [{"count": 1, "kind": "KIND_CPU"}],
    "dynamic_batching": {
        "default_queue_policy": {
            "timeout_action": "REJECT",
            "default_timeout_microseconds": 300000,
            "max_queue_size": 2,
        }
    },
}


def spin_model():
    """STEPS INT64 [batch, 1] -> DONE INT64 [batch, 1], the largest of STEPS, counted up one by one."""
    node = helper.make_node
    integer = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.INT64, shape)
    body = helper.make_graph(
        [node("Identity", ["go_on"], ["still"]), node("Add", ["count", "one"], ["next"])],
        "body",
        [integer("step", []), helper.make_tensor_value_info("go_on", TensorProto.BOOL, []), integer("count", [])],
        [helper.make_tensor_value_info("still", TensorProto.BOOL, []), integer("next", [])],
    )
    graph = helper.make_graph(
        [
            node("ReduceMax", ["STEPS"], ["limit"], keepdims=0),
            node("Loop", ["limit", "always", "zero"], ["counted"], body=body),
            node("Mul", ["STEPS", "zero"], ["zeros"]),
            node("Add", ["zeros", "counted"], ["DONE"]),
        ],
        "spin",
        [integer("STEPS", ["batch", 1])],
        [integer("DONE", ["batch", 1])],
        [
            helper.make_tensor("one", TensorProto.INT64, [], [1]),
            helper.make_tensor("zero", TensorProto.INT64, [], [0]),
            helper.make_tensor("always", TensorProto.BOOL, [], [True]),
        ],
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    return model.SerializeToString()
