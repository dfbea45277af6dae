"""diabetes_regression: a scikit-learn regressor without configuration.

Data: scikit-learn's diabetes (442 patients, Efron et al. 2004), unscaled. Input `X` FP32 [batch, 10]; output `variable`
FP32 [batch, 1], the progression of the disease one year later.
"""

import numpy as np
from skl2onnx import to_onnx
from sklearn.datasets import load_diabetes
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.model_selection import train_test_split

from model_folder import write_expected, write_model


def main():
    bunch = load_diabetes(scaled=False)
    train_x, test_x, train_y, test_y = train_test_split(
        bunch.data.astype(np.float32), bunch.target, test_size=0.25, random_state=9
    )
    model = GradientBoostingRegressor(n_estimators=80, max_depth=2, learning_rate=0.08, random_state=9)
    model.fit(train_x, train_y)
    quality = float(model.score(test_x, test_y))
    print(f"diabetes_regression: R2 on {len(test_y)} held-out patients {quality:.4f}")
    assert quality >= 0.3

    path = write_model("diabetes_regression", to_onnx(model, train_x[:1], target_opset={"": 18, "ai.onnx.ml": 3}))
    cases = [
        ({"X": rows}, {"variable": model.predict(rows).astype(np.float32)[:, None]})
        for rows in (test_x[:1], test_x[1:5])
    ]
    about = {"about": "scikit-learn GradientBoostingRegressor on held-out patients", "r2": round(quality, 4)}
    write_expected("diabetes_regression", path, about, cases, rtol=1e-4, atol=1e-3)


if __name__ == "__main__":
    main()
