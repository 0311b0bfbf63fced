"""The optimum of an L2-penalised, weighted logistic regression by scikit-learn; writes logistic.json beside this file.

scikit-learn minimises C·Σ w·loss + |coef|²/2; ours is Σ w·loss / Σ w + l2/2·|coef|², so l2 = 1/(C·Σ w).
"""
import json
import os

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression

rng = np.random.default_rng(7)
n, d, size = 300, 4, 5
x = rng.normal(size=(n, d)).astype(np.float32).astype(np.float64)
code = rng.integers(0, size + 1, n)
z = x @ np.array([1.0, -2.0, 0.5, 0.0]) + np.sin(code) + rng.logistic(size=n)
y = (z > 0).astype(int)
w = rng.uniform(0.5, 2, n).astype(np.float32).astype(np.float64)
full = np.hstack([x, np.eye(size + 1)[code][:, :size]])
l2 = 0.02
m = LogisticRegression(C=1 / (l2 * w.sum()), tol=1e-12, max_iter=10000).fit(full, y, sample_weight=w)
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "logistic.json"), "w") as f:
    json.dump(dict(sklearn=sklearn.__version__, numpy=np.__version__, l2=l2, x=x.ravel().tolist(), codes=code.tolist(), y=y.tolist(),
                   w=w.tolist(), coef=m.coef_[0].tolist(), intercept=m.intercept_[0]), f, separators=(",", ":"))
    f.write("\n")
