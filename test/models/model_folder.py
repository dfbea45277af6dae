"""Where the example models go: the repository's layout, and the expected answers the tests compare with.

Every script beside this one trains or builds one model and ends in `write_model` and `write_expected`. Nothing here
knows a framework.
"""

import json
import pathlib

import numpy as np
import onnx
import onnxruntime

TEST_MODELS = pathlib.Path(__file__).resolve().parent
REPOSITORY = TEST_MODELS.parent.parent / "model-repository"

DATATYPES = {
    "float32": "FP32",
    "float64": "FP64",
    "int32": "INT32",
    "int64": "INT64",
    "int8": "INT8",
    "bool": "BOOL",
    "object": "BYTES",
}


def write_model(name, model, config=None, labels=None):
    """Writes <repository>/<name>/1/model.onnx, and config.pbtxt and labels.txt where they are given."""
    onnx.checker.check_model(model)
    folder = REPOSITORY / name
    (folder / "1").mkdir(parents=True, exist_ok=True)
    path = folder / "1" / "model.onnx"
    path.write_bytes(model.SerializeToString(deterministic=True))
    if config is not None:
        (folder / "config.pbtxt").write_text(config.strip() + "\n")
    if labels is not None:
        (folder / "labels.txt").write_text("".join(f"{label}\n" for label in labels))
    opsets = ", ".join(f"{entry.domain or 'ai.onnx'} {entry.version}" for entry in model.opset_import)
    print(f"{name}: {path.stat().st_size} bytes, IR {model.ir_version}, {opsets}")
    return path


def run(path, inputs):
    """All outputs of ONNX Runtime by name. A ZipMap's maps become the matrix of their values."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return {name: _matrix(value) for name, value in zip(names, session.run(names, inputs))}


def write_expected(name, path, about, cases, rtol, atol):
    """Writes expected/<name>.json.

    `cases` are pairs of inputs and of what the framework itself answers, both by tensor name. ONNX Runtime is run here,
    must agree, and is recorded as well.
    """
    written = []
    for inputs, answers in cases:
        runtime = run(path, inputs)
        assert sorted(runtime) == sorted(answers), (sorted(runtime), sorted(answers))
        outputs = []
        for output, answer in answers.items():
            answer = _matrix(answer)
            if answer.dtype == object:
                assert (answer == runtime[output]).all(), output
            else:
                np.testing.assert_allclose(runtime[output], answer, rtol=rtol, atol=atol)
            outputs.append({**tensor(output, runtime[output]), "framework": values(answer)})
        written.append({"inputs": [tensor(key, value) for key, value in inputs.items()], "outputs": outputs})
    facts = {"model": name, **about, "rtol": rtol, "atol": atol, "cases": written}
    target = TEST_MODELS / "expected" / f"{name}.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(facts, indent=1, ensure_ascii=True) + "\n")
    print(f"{name}: {len(written)} cases, {target.stat().st_size} bytes expected")


def tensor(name, array):
    """A tensor as the protocol's JSON has it, its data flat."""
    return {
        "name": name,
        "datatype": DATATYPES[array.dtype.name],
        "shape": list(array.shape),
        "data": values(array),
    }


def values(array):
    """Flat values; floats with as many digits as their type holds."""
    flat = array.reshape(-1)
    if array.dtype == np.float32:
        return [float(f"{value:.9g}") for value in flat]
    return flat.tolist()


def _matrix(value):
    if isinstance(value, list):
        return np.array([list(row.values()) for row in value], dtype=np.float32)
    array = np.asarray(value)
    return array.astype(object) if array.dtype.kind in "US" or array.dtype.name == "str" else array
