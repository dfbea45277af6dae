"""vote_pipeline: a scikit-learn pipeline over columns of text and of numbers, with text labels.

Data: the American National Election Study of 1996 as statsmodels ships it (944 respondents, public domain). Party,
ideology and education are given as the words that the study's code book has for the codes; the pipeline encodes them
one-hot. Inputs are one tensor [batch, 1] per column, as skl2onnx makes them of a data frame: BYTES for words, FP32 for
numbers. Outputs: `output_label` BYTES [batch] and `output_probability`, in the file a sequence of maps.
"""

import numpy as np
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from statsmodels.datasets import anes96

from model_folder import write_expected, write_model

PARTIES = [
    "Strong Democrat",
    "Weak Democrat",
    "Independent-Democrat",
    "Independent-Independent",
    "Independent-Republican",
    "Weak Republican",
    "Strong Republican",
]
IDEOLOGIES = [
    "Extremely liberal",
    "Liberal",
    "Slightly liberal",
    "Moderate",
    "Slightly conservative",
    "Conservative",
    "Extremely conservative",
]
EDUCATIONS = [
    "1-8 grades",
    "Some high school",
    "High school graduate",
    "Some college",
    "College degree",
    "Master's degree",
    "PhD",
]
VOTES = ["Clinton", "Dole"]
WORDS = ["party", "ideology", "education"]
NUMBERS = ["age", "income", "tv_news"]

CONFIG = """
# Inputs and outputs are completed from the model.
backend: "onnxruntime"
max_batch_size: 128
dynamic_batching { }
"""


def respondents():
    """A data frame of the six columns, and the expected vote of each respondent."""
    study = anes96.load_pandas().data
    word = lambda column, words, first: study[column].map(lambda code: words[int(code) - first]).astype(object)
    frame = study[["age", "income"]].astype(np.float32)
    frame["tv_news"] = study["TVnews"].astype(np.float32)
    frame["party"] = word("PID", PARTIES, 0)
    frame["ideology"] = word("selfLR", IDEOLOGIES, 1)
    frame["education"] = word("educ", EDUCATIONS, 1)
    return frame[WORDS + NUMBERS], word("vote", VOTES, 0).to_numpy()


def main():
    people, votes = respondents()
    train_x, test_x, train_y, test_y = train_test_split(people, votes, test_size=0.25, random_state=3, stratify=votes)
    model = make_pipeline(
        ColumnTransformer(
            [("words", OneHotEncoder(handle_unknown="ignore"), WORDS), ("numbers", StandardScaler(), NUMBERS)]
        ),
        LogisticRegression(max_iter=1000),
    )
    model.fit(train_x, train_y)
    accuracy = float(model.score(test_x, test_y))
    print(f"vote_pipeline: accuracy on {len(test_y)} held-out respondents {accuracy:.4f}")
    assert accuracy >= 0.85

    types = [(name, StringTensorType([None, 1])) for name in WORDS]
    types += [(name, FloatTensorType([None, 1])) for name in NUMBERS]
    path = write_model(
        "vote_pipeline", to_onnx(model, initial_types=types, target_opset={"": 18, "ai.onnx.ml": 3}), CONFIG
    )
    cases = []
    for rows in (test_x[:1], test_x[1:7]):
        inputs = {name: rows[[name]].to_numpy(dtype=object) for name in WORDS}
        inputs |= {name: rows[[name]].to_numpy(dtype=np.float32) for name in NUMBERS}
        answers = {
            "output_label": model.predict(rows).astype(object),
            "output_probability": model.predict_proba(rows).astype(np.float32),
        }
        cases.append((inputs, answers))
    about = {
        "about": "scikit-learn OneHotEncoder, StandardScaler and LogisticRegression on held-out respondents",
        "accuracy": round(accuracy, 4),
        "labels": {"output_probability": list(model.classes_)},
    }
    write_expected("vote_pipeline", path, about, cases, rtol=1e-4, atol=1e-5)


if __name__ == "__main__":
    main()
