"""Writes weights.safetensors beside this file by the safetensors library: a logistic model of two dense and one one-hot slot."""
import os

import numpy as np
import safetensors
from safetensors.numpy import save_file

here = os.path.dirname(os.path.abspath(__file__))
save_file(
    {
        "one_hot.c0": np.array([[1.5], [-2.25], [3.0]], dtype=np.float32),
        "output.bias": np.array([0.125], dtype=np.float32),
        "output.weight": np.array([[-1.0], [0.1]], dtype=np.float32),
    },
    os.path.join(here, "weights.safetensors"),
    metadata={"safetensors": safetensors.__version__, "numpy": np.__version__},
)
