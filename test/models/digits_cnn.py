"""digits_cnn: a PyTorch convolutional network that reads handwritten digits, by PyTorch's default ONNX exporter.

Data: scikit-learn's digits (UCI Optical Recognition of Handwritten Digits, 1797 images of 8x8, grey values 0 to 16).
Input `image` FP32 [batch, 1, 8, 8] with the grey values as they are; output `scores` FP32 [batch, 10], which sum to 1.
"""

import io
import json

import numpy as np
import onnx
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from model_folder import TEST_MODELS, write_expected, write_model

CONFIG = """
# Requests that arrive together run together; nothing else needs tuning.
backend: "onnxruntime"
max_batch_size: 64
input [ { name: "image" data_type: TYPE_FP32 dims: [ 1, 8, 8 ] } ]
output [ { name: "scores" data_type: TYPE_FP32 dims: [ 10 ] label_filename: "labels.txt" } ]
dynamic_batching { }
"""


class DigitsCnn(nn.Module):
    """Two convolutions and two dense layers; about 20 000 weights."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)
        )
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(32 * 4 * 4, 32), nn.ReLU(), nn.Linear(32, 10))

    def logits(self, image):
        return self.head(self.features(image / 16.0))

    def forward(self, image):
        return torch.softmax(self.logits(image), dim=1)


def train(images, digits):
    torch.manual_seed(7)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    model = DigitsCnn()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    order = torch.Generator().manual_seed(7)
    for _ in range(40):
        for batch in torch.randperm(len(images), generator=order).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model.logits(images[batch]), digits[batch]).backward()
            optimizer.step()
    return model.eval()


def export(model):
    """The default exporter. Its notes on where in the source a node came from name local paths and are dropped."""
    batch = torch.export.Dim("batch", min=1)
    program = torch.onnx.export(
        model,
        (torch.zeros(2, 1, 8, 8),),
        input_names=["image"],
        output_names=["scores"],
        dynamic_shapes={"image": {0: batch}},
        opset_version=20,
    )
    buffer = io.BytesIO()
    program.save(buffer)
    exported = onnx.load_from_string(buffer.getvalue())
    for part in [
        exported.graph,
        *exported.graph.node,
        *exported.graph.value_info,
        *exported.graph.initializer,
        *exported.graph.input,
        *exported.graph.output,
    ]:
        del part.metadata_props[:]
    for node in exported.graph.node:
        node.doc_string = ""
    return exported


def main():
    bunch = load_digits()
    images = bunch.images.astype(np.float32)[:, None]
    train_x, test_x, train_y, test_y = train_test_split(
        images, bunch.target, test_size=0.2, random_state=7, stratify=bunch.target
    )
    model = train(torch.from_numpy(train_x), torch.from_numpy(train_y))
    answer = lambda rows: {"scores": model(torch.from_numpy(rows)).detach().numpy()}
    accuracy = float((answer(test_x)["scores"].argmax(1) == test_y).mean())
    print(f"digits_cnn: accuracy on {len(test_y)} held-out digits {accuracy:.4f}")
    assert accuracy >= 0.97

    path = write_model("digits_cnn", export(model), CONFIG, labels=range(10))
    cases = [({"image": rows}, answer(rows)) for rows in (test_x[:1], test_x[1:6])]
    about = {
        "about": "PyTorch CNN on held-out digits",
        "accuracy": round(accuracy, 4),
        "classes": [int(digit) for digit in test_y[:6]],
    }
    write_expected("digits_cnn", path, about, cases, rtol=1e-4, atol=1e-5)
    write_request(test_x, test_y, answer(test_x)["scores"])


def write_request(images, digits, scores):
    """docs/examples/digit.json: a three that the model is sure of, as a body for POST /v2/models/digits_cnn/infer."""
    sure = np.where((digits == 3) & (scores.argmax(1) == 3), scores[:, 3], 0).argmax()
    rows = ",\n".join("        " + ", ".join(f"{int(grey):2d}" for grey in row) for row in images[sure, 0])
    image = f'{{\n      "name": "image",\n      "datatype": "FP32",\n      "shape": [1, 1, 8, 8],\n      "data": [\n{rows}\n      ]\n    }}'
    scores = '{ "name": "scores", "parameters": { "classification": 3 } }'
    request = f'{{\n  "inputs": [\n    {image}\n  ],\n  "outputs": [{scores}]\n}}\n'
    json.loads(request)
    target = TEST_MODELS.parent.parent / "docs" / "examples" / "digit.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(request)


if __name__ == "__main__":
    main()
