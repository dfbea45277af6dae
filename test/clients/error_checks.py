"""The errors that both clients must see: names, shapes, the runtime's own, and the parts that are left out."""

import numpy as np
from checks import check_both, expect_error


@check_both
def errors_of_names(server, protocol):
    """Unknown models, versions, inputs and outputs are named."""
    with protocol.client() as client:
        inputs, _, _ = protocol.add_sub()
        expect_error(
            lambda: client.infer("no_such_model", inputs), "Request for unknown model: 'no_such_model' is not found"
        )
        expect_error(
            lambda: client.infer("simple", inputs, model_version="9"), "Request for unknown model", "is not found"
        )
        expect_error(lambda: client.infer("simple", inputs, model_version="x"))
        expect_error(lambda: client.get_model_metadata("no_such_model"), "Request for unknown model", "is not found")
        expect_error(lambda: client.get_model_config("no_such_model"), "Request for unknown model", "is not found")
        expect_error(
            lambda: client.get_inference_statistics("no_such_model"), "requested model 'no_such_model' is not available"
        )
        expect_error(
            lambda: client.infer("simple", inputs, outputs=[protocol.output("NOPE")]),
            "unexpected inference output 'NOPE' for model 'simple'",
        )
        odd = protocol.input("NOPE", np.zeros((1, 16), np.int32), "INT32")
        expect_error(lambda: client.infer("simple", [*inputs, odd]), "model 'simple'")
        expect_error(
            lambda: client.infer("simple", inputs[:1]),
            "expected 2 inputs but got 1 inputs for model 'simple'",
            "missing required input(s) ['INPUT1']",
        )


@check_both
def errors_of_shapes(server, protocol):
    """Wrong shapes, datatypes and batch sizes are explained."""
    with protocol.client() as client:
        wide = [protocol.input(name, np.zeros((1, 17), np.int32), "INT32") for name in ("INPUT0", "INPUT1")]
        expect_error(
            lambda: client.infer("simple", wide), "unexpected shape for input 'INPUT", "Expected [-1,16], got [1,17]"
        )
        floats = [protocol.input(name, np.zeros((1, 16), np.float32), "FP32") for name in ("INPUT0", "INPUT1")]
        expect_error(lambda: client.infer("simple", floats), "data-type is 'FP32', but model 'simple' expects 'INT32'")
        many, _, _ = protocol.add_sub(rows=9)
        expect_error(lambda: client.infer("simple", many), "inference request batch-size must be <= 8 for 'simple'")
        uneven = [protocol.add_sub(rows=1)[0][0], protocol.add_sub(rows=2)[0][1]]
        expect_error(lambda: client.infer("simple", uneven), "batch size does not match other inputs for 'simple'")
        inputs, total, _ = protocol.add_sub()
        np.testing.assert_array_equal(client.infer("simple", inputs).as_numpy("OUTPUT0"), total)


@check_both
def error_inside_the_runtime(server, protocol):
    """A text that is no number fails that request alone, and the model goes on."""
    with protocol.client() as client:
        word = np.array([[b"twelve"] * 16], dtype=np.object_)
        expect_error(
            lambda: client.infer(
                "simple_string", [protocol.input(name, word, "BYTES") for name in ("INPUT0", "INPUT1")]
            )
        )
        one = np.array([[b"1"] * 16], dtype=np.object_)
        answer = client.infer("simple_string", [protocol.input(name, one, "BYTES") for name in ("INPUT0", "INPUT1")])
        assert int(answer.as_numpy("OUTPUT0")[0][0]) == 2


@check_both
def left_out_parts(server, protocol):
    """What is not offered is refused with a text, never ignored."""
    with protocol.client() as client:
        expect_error(lambda: client.register_system_shared_memory("region", "/region", 64))
        inputs, _, _ = protocol.add_sub()
        inputs[0].set_shared_memory("region", 64)
        expect_error(lambda: client.infer("simple", inputs))


@check_both
def classification_of_texts(server, protocol):
    """Texts have no classes, and the answer says so."""
    with protocol.client() as client:
        expect_error(
            lambda: client.infer(
                "simple_identity", [protocol.texts([b"a"])], outputs=[protocol.output("OUTPUT0", class_count=1)]
            ),
            "class result not available for output due to unsupported type 'BYTES'",
        )
