"""iris_pipeline: a scikit-learn pipeline with its default ZipMap and without configuration.

Data: Fisher's iris as scikit-learn ships it. Input `X` FP32 [batch, 4]; outputs `output_label` INT64 [batch] and
`output_probability`, in the file a sequence of maps from class to probability.
"""

import numpy as np
from skl2onnx import to_onnx
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from model_folder import write_expected, write_model


def main():
    bunch = load_iris()
    train_x, test_x, train_y, test_y = train_test_split(
        bunch.data.astype(np.float32), bunch.target, test_size=0.3, random_state=5, stratify=bunch.target
    )
    model = make_pipeline(StandardScaler(), RandomForestClassifier(n_estimators=25, max_depth=5, random_state=5))
    model.fit(train_x, train_y)
    accuracy = float(model.score(test_x, test_y))
    print(f"iris_pipeline: accuracy on {len(test_y)} held-out flowers {accuracy:.4f}")
    assert accuracy >= 0.9

    path = write_model("iris_pipeline", to_onnx(model, train_x[:1], target_opset={"": 18, "ai.onnx.ml": 3}))
    cases = [
        (
            {"X": rows},
            {
                "output_label": model.predict(rows).astype(np.int64),
                "output_probability": model.predict_proba(rows).astype(np.float32),
            },
        )
        for rows in (test_x[:1], test_x[1:5])
    ]
    about = {
        "about": "scikit-learn StandardScaler and RandomForestClassifier on held-out iris flowers, default ZipMap",
        "accuracy": round(accuracy, 4),
        "labels": {"output_probability": [str(label) for label in model.classes_]},
    }
    write_expected("iris_pipeline", path, about, cases, rtol=1e-4, atol=1e-5)


if __name__ == "__main__":
    main()
