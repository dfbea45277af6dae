"""Model control in explicit mode: index, load, unload, overrides of configuration and files, and the errors."""

import json

import numpy as np
from checks import check_both, expect_error
from spin_model import CONFIG, spin_model


def _index(client, protocol):
    """Entries by name."""
    answer = client.get_model_repository_index()
    entries = (
        answer
        if protocol.name == "http"
        else [
            {"name": entry.name, "version": entry.version, "state": entry.state, "reason": entry.reason}
            for entry in answer.models
        ]
    )
    return {entry["name"]: entry for entry in entries}


def _max_batch_size(client, protocol, model):
    config = client.get_model_config(model)
    return config["max_batch_size"] if protocol.name == "http" else config.config.max_batch_size


@check_both
def index(server, protocol):
    """The index lists every model with version and state."""
    with protocol.client() as client:
        entries = _index(client, protocol)
        for model in ("simple", "digits_cnn", "iris_pipeline", "vote_pipeline"):
            assert entries[model]["state"] == "READY", entries[model]
            assert entries[model]["version"] == "1"


@check_both
def unload_and_load(server, protocol):
    """An unloaded model refuses with a text, the index says unloaded, a load brings it back."""
    with protocol.client() as client:
        inputs, total, _ = protocol.add_sub()
        client.unload_model("simple")
        try:
            entry = _index(client, protocol)["simple"]
            state = (entry["state"], entry.get("reason", ""))
            assert state in (("UNAVAILABLE", "unloaded"), ("UNLOADING", "")), entry
            expect_error(lambda: client.infer("simple", inputs), "Request for unknown model: 'simple'")
            client.unload_model("simple")
        finally:
            client.load_model("simple")
        assert client.is_model_ready("simple")
        client.load_model("simple")
        np.testing.assert_array_equal(client.infer("simple", inputs).as_numpy("OUTPUT0"), total)


@check_both
def config_override(server, protocol):
    """A load with a configuration puts it in force, a plain load keeps it, an unload ends it."""
    with protocol.client() as client:
        assert _max_batch_size(client, protocol, "simple") == 8
        client.load_model("simple", config=json.dumps({"max_batch_size": 16}))
        try:
            assert _max_batch_size(client, protocol, "simple") == 16
            inputs, total, _ = protocol.add_sub(rows=16)
            np.testing.assert_array_equal(client.infer("simple", inputs).as_numpy("OUTPUT0"), total)
            client.load_model("simple")
            assert _max_batch_size(client, protocol, "simple") == 16
        finally:
            client.unload_model("simple")
            client.load_model("simple")
        assert _max_batch_size(client, protocol, "simple") == 8


@check_both
def failed_loads(server, protocol):
    """A load that fails says why and leaves the old version serving."""
    with protocol.client() as client:
        expect_error(lambda: client.load_model("no_such_model"), "failed to load 'no_such_model'")
        inputs, total, _ = protocol.add_sub()
        expect_error(lambda: client.load_model("simple", config='{"max_batch_size": -4}'), "simple")
        expect_error(lambda: client.load_model("simple", config="{"), "simple")
        expect_error(lambda: client.load_model("simple", config='{"input": [{"name": "WRONG"}]}'), "simple")
        broken = {"file:1/model.onnx": b"no model at all"}
        expect_error(lambda: client.load_model("simple", config='{"max_batch_size": 8}', files=broken), "simple")
        assert client.is_model_ready("simple")
        assert client.is_server_ready()
        np.testing.assert_array_equal(client.infer("simple", inputs).as_numpy("OUTPUT0"), total)
        assert _max_batch_size(client, protocol, "simple") == 8
        client.unload_model("no_such_model")


@check_both
def file_override(server, protocol):
    """A model sent with the load call serves though the repository does not have it."""
    with protocol.client() as client:
        client.load_model("spin", config=json.dumps(CONFIG), files={"file:1/model.onnx": spin_model()})
        try:
            steps = np.array([[5], [9]], dtype=np.int64)
            answer = client.infer("spin", [protocol.input("STEPS", steps, "INT64")])
            assert answer.as_numpy("DONE").tolist() == [[9], [9]]
        finally:
            client.unload_model("spin")
        files = {"file:../escape.onnx": spin_model()}
        expect_error(
            lambda: client.load_model("spin", config=json.dumps(CONFIG), files=files),
            "must stay within model directory",
        )
        expect_error(
            lambda: client.load_model("spin", files={"file:1/model.onnx": spin_model()}), "'config' must be specified"
        )
