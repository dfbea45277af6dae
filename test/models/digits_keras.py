"""digits_keras: a Keras network on handwritten digits, channels last, by way of a TensorFlow SavedModel and tf2onnx.

Data: scikit-learn's digits, as in digits_cnn.py. Names and the open batch dimension are left as the exporters give
them. The model has no configuration: the server completes it from the file.
"""

import os
import pathlib
import tempfile

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_DETERMINISTIC_OPS"] = "1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import keras
import numpy as np
import tensorflow as tf
import tf2onnx
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from model_folder import write_expected, write_model


def train(images, digits):
    keras.utils.set_random_seed(11)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1), name="pixels"),
            keras.layers.Rescaling(1 / 16),
            keras.layers.Conv2D(12, 3, padding="same", activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.MaxPooling2D(),
            keras.layers.Conv2D(24, 3, padding="same", activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(10, activation="softmax", name="digit"),
        ]
    )
    model.compile(keras.optimizers.Adam(5e-3), "sparse_categorical_crossentropy")
    model.fit(images, digits, epochs=40, batch_size=64, verbose=0)
    return model


def export(model):
    """The inference graph of the SavedModel, tensor names with their colons and slashes."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "saved"
        model.export(path, format="tf_saved_model", verbose=False)
        graph_def, inputs, outputs = tf2onnx.tf_loader.from_saved_model(
            str(path), None, None, signatures=["serving_default"]
        )
        with tf.Graph().as_default() as graph:
            tf.import_graph_def(graph_def, name="")
        with tf2onnx.tf_loader.tf_session(graph=graph):
            converted = tf2onnx.tfonnx.process_tf_graph(graph, opset=18, input_names=inputs, output_names=outputs)
        optimized = tf2onnx.optimizer.optimize_graph(converted)
        return optimized.make_model("digits_keras, converted from a SavedModel")


def main():
    bunch = load_digits()
    images = bunch.images.astype(np.float32)[..., None]
    train_x, test_x, train_y, test_y = train_test_split(
        images, bunch.target, test_size=0.2, random_state=11, stratify=bunch.target
    )
    tf.config.experimental.enable_op_determinism()
    model = train(train_x, train_y)
    accuracy = float((model.predict(test_x, verbose=0).argmax(1) == test_y).mean())
    print(f"digits_keras: accuracy on {len(test_y)} held-out digits {accuracy:.4f}")
    assert accuracy >= 0.96

    exported = export(model)
    (source,), (target,) = exported.graph.input, exported.graph.output
    path = write_model("digits_keras", exported)
    cases = [({source.name: rows}, {target.name: model.predict(rows, verbose=0)}) for rows in (test_x[:1], test_x[1:5])]
    about = {
        "about": "Keras CNN on held-out digits, channels last",
        "accuracy": round(accuracy, 4),
        "classes": [int(digit) for digit in test_y[:5]],
    }
    write_expected("digits_keras", path, about, cases, rtol=1e-4, atol=1e-5)


if __name__ == "__main__":
    main()
