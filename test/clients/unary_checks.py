"""What both clients can do call by call: health, metadata, statistics, and inference in all its forms."""

import queue
import uuid

import numpy as np
from checks import check_both
from server import array_of, expected, plain, same

MODELS = [
    "simple",
    "simple_int8",
    "simple_string",
    "simple_identity",
    "digits_cnn",
    "digits_keras",
    "iris_pipeline",
    "vote_pipeline",
    "diabetes_regression",
]


@check_both
def health(server, protocol):
    """The server is live and ready, a known model is ready, an unknown one is not."""
    with protocol.client() as client:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("simple")
        assert client.is_model_ready("simple", "1")
        assert not client.is_model_ready("no_such_model")


@check_both
def server_metadata(server, protocol):
    """The server calls itself triton, with a version and the extensions that clients look for."""
    with protocol.client() as client:
        metadata = plain(client.get_server_metadata())
        assert metadata.name == "triton", metadata
        assert metadata.version
        for extension in ("classification", "model_repository", "binary_tensor_data", "statistics"):
            assert extension in list(metadata.extensions), metadata


@check_both
def model_metadata(server, protocol):
    """Metadata has versions, platform and tensors with the batch dimension."""
    with protocol.client() as client:
        metadata = plain(client.get_model_metadata("simple", "1"))
        assert metadata.name == "simple"
        assert list(metadata.versions) == ["1"]
        assert metadata.platform in ("onnxruntime_onnx", "onnxruntime"), metadata.platform
        assert sorted(tensor.name for tensor in metadata.inputs) == ["INPUT0", "INPUT1"]
        for tensor in [*metadata.inputs, *metadata.outputs]:
            assert tensor.datatype == "INT32"
            assert [int(extent) for extent in tensor.shape] == [-1, 16]


@check_both
def completed_metadata(server, protocol):
    """A model without configuration is completed from its file, ZipMap outputs as matrices."""
    with protocol.client() as client:
        metadata = plain(client.get_model_metadata("iris_pipeline"))
        outputs = {
            tensor.name: (tensor.datatype, [int(extent) for extent in tensor.shape]) for tensor in metadata.outputs
        }
        assert outputs["output_label"][0] == "INT64", outputs
        assert outputs["output_probability"] == ("FP32", [-1, 3]), outputs


@check_both
def model_config(server, protocol):
    """The configuration is the one in force, enums by name."""
    with protocol.client() as client:
        if protocol.name == "http":
            config = client.get_model_config("digits_cnn")
        else:
            config = client.get_model_config("digits_cnn", as_json=True)["config"]
        assert config["name"] == "digits_cnn"
        assert config["max_batch_size"] == 64
        assert config["backend"] == "onnxruntime"
        assert config["input"][0]["data_type"] == "TYPE_FP32"
        assert [int(extent) for extent in config["input"][0]["dims"]] == [1, 8, 8]
        assert "dynamic_batching" in config


@check_both
def recorded_answers(server, protocol):
    """Every example model gives the recorded answers, raw bytes both ways."""
    with protocol.client() as client:
        for model in MODELS:
            facts = expected(model)
            for case in facts["cases"]:
                inputs = [protocol.input(entry["name"], array_of(entry), entry["datatype"]) for entry in case["inputs"]]
                outputs = [protocol.output(entry["name"]) for entry in case["outputs"]]
                answer = client.infer(model, inputs, outputs=outputs)
                for entry in case["outputs"]:
                    same(answer.as_numpy(entry["name"]), array_of(entry), facts)


@check_both
def all_outputs(server, protocol):
    """Without requested outputs all come; with some, those only."""
    with protocol.client() as client:
        inputs, total, difference = protocol.add_sub(rows=3)
        answer = client.infer("simple", inputs)
        np.testing.assert_array_equal(answer.as_numpy("OUTPUT0"), total)
        np.testing.assert_array_equal(answer.as_numpy("OUTPUT1"), difference)
        answer = client.infer("simple", inputs, outputs=[protocol.output("OUTPUT1")])
        np.testing.assert_array_equal(answer.as_numpy("OUTPUT1"), difference)
        assert answer.as_numpy("OUTPUT0") is None


@check_both
def request_facts(server, protocol):
    """Id, model name and the concrete version come back; custom parameters, priority and timeout are taken."""
    with protocol.client() as client:
        inputs, _, _ = protocol.add_sub()
        name = str(uuid.uuid4())
        answer = client.infer(
            "simple",
            inputs,
            request_id=name,
            priority=1,
            timeout=10_000_000,
            parameters={"who": "check", "count": 3, "flag": True},
        )
        facts = plain(answer.get_response())
        assert facts.id == name
        assert facts.model_name == "simple"
        assert facts.model_version == "1"


@check_both
def texts(server, protocol):
    """Texts with NULs, of any length and in any script come back byte for byte."""
    row = [b"", b"\0", b"a\0b\0", "Grüße, 日本語 🙂".encode(), bytes(range(256)), b"x" * 100_000]
    with protocol.client() as client:
        for given in ([row], [row, row[::-1]], [[b""]]):
            answer = client.infer("simple_identity", [protocol.texts(*given)])
            back = answer.as_numpy("OUTPUT0")
            assert back.tolist() == given
        empty = protocol.input("INPUT0", np.empty((1, 0), dtype=np.object_), "BYTES")
        assert client.infer("simple_identity", [empty]).as_numpy("OUTPUT0").shape == (1, 0)


@check_both
def numbers_as_texts(server, protocol):
    """simple_string adds decimal texts, negative ones too."""
    with protocol.client() as client:
        first = np.array([[str(number).encode() for number in range(-8, 8)]], dtype=np.object_)
        second = np.array([[b"-5"] * 16], dtype=np.object_)
        inputs = [protocol.input("INPUT0", first, "BYTES"), protocol.input("INPUT1", second, "BYTES")]
        answer = client.infer("simple_string", inputs)
        assert [int(text) for text in answer.as_numpy("OUTPUT0")[0]] == [number - 5 for number in range(-8, 8)]
        assert [int(text) for text in answer.as_numpy("OUTPUT1")[0]] == [number + 5 for number in range(-8, 8)]


@check_both
def classification(server, protocol):
    """Classes come with value, index and label, best first, per row."""
    facts = expected("digits_cnn")
    case = facts["cases"][1]
    images, scores = array_of(case["inputs"][0]), array_of(case["outputs"][0])
    with protocol.client() as client:
        for count, rows in ((1, 1), (3, 5), (1000, 2)):
            answer = client.infer(
                "digits_cnn",
                [protocol.input("image", images[:rows], "FP32")],
                outputs=[protocol.output("scores", class_count=count)],
            ).as_numpy("scores")
            assert answer.shape == (rows, min(count, 10)), answer.shape
            for row, texts in enumerate(answer):
                best = np.argsort(-scores[row], kind="stable")
                parts = [text.decode().split(":") for text in texts]
                assert int(parts[0][1]) == best[0]
                values = [float(value) for value, _, _ in parts]
                assert values == sorted(values, reverse=True)
                for value, index, label in parts:
                    assert label == index
                    assert abs(float(value) - scores[row][int(index)]) < 1e-4


@check_both
def labels_of_a_zip_map(server, protocol):
    """The classes of a scikit-learn model are the labels of its probabilities."""
    facts = expected("vote_pipeline")
    case = facts["cases"][0]
    with protocol.client() as client:
        inputs = [protocol.input(entry["name"], array_of(entry), entry["datatype"]) for entry in case["inputs"]]
        outputs = [protocol.output("output_probability", class_count=2), protocol.output("output_label")]
        answer = client.infer("vote_pipeline", inputs, outputs=outputs)
        best, second = (text.decode().split(":") for text in answer.as_numpy("output_probability").reshape(-1))
        assert best[2] == answer.as_numpy("output_label")[0, 0].decode()
        assert sorted([best[2], second[2]]) == facts["labels"]["output_probability"]


@check_both
def statistics(server, protocol):
    """Counts grow by what was sent: requests, rows, executions, batch sizes."""
    with protocol.client() as client:

        def stats():
            if protocol.name == "http":
                return client.get_inference_statistics("simple", "1")["model_stats"][0]
            return client.get_inference_statistics("simple", "1", as_json=True)["model_stats"][0]

        def rows_of(size, answer):
            batches = {
                int(batch["batch_size"]): int(batch["compute_infer"]["count"])
                for batch in answer.get("batch_stats", [])
            }
            return batches.get(size, 0)

        before = stats()
        for rows in (1, 2, 5, 5):
            client.infer("simple", protocol.add_sub(rows=rows)[0])
        after = stats()
        grown = lambda key: int(after.get(key, 0)) - int(before.get(key, 0))
        success = lambda answer: int(answer["inference_stats"]["success"].get("count", 0))
        assert success(after) - success(before) == 4
        assert grown("inference_count") == 13
        assert grown("execution_count") == 4
        assert rows_of(5, after) - rows_of(5, before) == 2
        assert int(after["last_inference"]) > 1_600_000_000_000
        everything = client.get_inference_statistics()
        models = everything["model_stats"] if protocol.name == "http" else everything.model_stats
        assert len(models) >= len(MODELS)


@check_both
def many_at_once(server, protocol):
    """Two hundred requests in flight on one client each get their own answer."""
    options = {"concurrency": 16} if protocol.name == "http" else {}
    with protocol.client(**options) as client:
        wanted = []
        if protocol.name == "http":
            handles = []
            for number in range(200):
                inputs, total, _ = protocol.add_sub(rows=1 + number % 8, start=number)
                wanted.append(total)
                handles.append(client.async_infer("simple", inputs))
            answers = [handle.get_result() for handle in handles]
        else:
            done = queue.Queue()
            for number in range(200):
                inputs, total, _ = protocol.add_sub(rows=1 + number % 8, start=number)
                wanted.append(total)
                client.async_infer(
                    "simple", inputs, lambda result, error, number=number: done.put((number, result, error))
                )
            answers = [None] * 200
            for _ in range(200):
                number, result, error = done.get(timeout=30)
                assert error is None, error
                answers[number] = result
        for answer, total in zip(answers, wanted):
            np.testing.assert_array_equal(answer.as_numpy("OUTPUT0"), total)
