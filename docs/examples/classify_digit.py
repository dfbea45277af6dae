"""Sends a handwritten digit to a running server with Triton's client and prints the three best classes.

pip install 'tritonclient[http]'
python docs/examples/classify_digit.py [localhost:8000]
"""

import json
import pathlib
import sys

import numpy as np
import tritonclient.http as triton

server = sys.argv[1] if len(sys.argv) > 1 else "localhost:8000"
digit = json.loads(pathlib.Path(__file__).with_name("digit.json").read_text())["inputs"][0]
pixels = np.array(digit["data"], dtype=np.float32).reshape(digit["shape"])

with triton.InferenceServerClient(server) as client:
    image = triton.InferInput("image", list(pixels.shape), "FP32")
    image.set_data_from_numpy(pixels)
    scores = triton.InferRequestedOutput("scores", class_count=3)
    answer = client.infer("digits_cnn", [image], outputs=[scores])

print(f"{answer.get_response()['model_name']} version {answer.get_response()['model_version']}:")
for best in answer.as_numpy("scores").reshape(-1):
    score, _, label = best.decode().split(":")
    print(f"  digit {label}  score {float(score):.4f}")
