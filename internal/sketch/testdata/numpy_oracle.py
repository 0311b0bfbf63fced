"""Writes numpy_oracle.json: what numpy, scipy and scikit-learn say about small sets of numbers.

The numbers are made by a formula that the Go test repeats (see oracle_test.go), so the file holds the answers only.
"""

import json
import os

import numpy as np
import scipy
import scipy.stats
import sklearn
from sklearn.feature_selection import chi2, f_classif
from sklearn.metrics import mutual_info_score


def uniform(n, salt):
    """n numbers in [0,1): the fractional parts of (i+1)·salt·phi, computed in integers modulo 2^53."""
    step = int(0.6180339887498949 * 2**53) * salt
    return np.array([((i + 1) * step % 2**53) / 2**53 for i in range(n)])


def sets():
    u, v = uniform(5000, 1), uniform(5000, 7)
    return {
        "uniform": u,
        "near 1e9": 1e9 + u * 1e-3,
        "near -1e15": -1e15 + np.floor(u * 100),
        "tiny": u * 1e-300,
        "skewed": u**9 * 1e6 - v,
        "few": np.floor(u * 3),
        "one": np.array([2.5]),
        "seventeen": v[:17],
    }


def main():
    q = [0, 0.001, 0.05, 0.25, 0.5, 0.75, 0.95, 0.999, 1]
    out = {
        "versions": {"numpy": np.__version__, "scipy": scipy.__version__, "scikit-learn": sklearn.__version__},
        "quantiles": q,
        "sets": {},
    }
    for name, x in sets().items():
        wide = x.astype(np.longdouble)
        out["sets"][name] = {
            "n": len(x),
            "mean": float(wide.mean()),
            "variance": float(wide.var()),
            "min": float(x.min()),
            "max": float(x.max()),
            "linear": np.quantile(x, q).tolist(),
            "inverted_cdf": np.quantile(x, q, method="inverted_cdf").tolist(),
            "distinct": len(np.unique(x)),
        }

    cols = [uniform(5000, s) * 10**k + 1e6 * k for k, s in enumerate([1, 7, 13])]
    cols.append(cols[0] * 2 - cols[1] * 0.1)
    x = np.array(cols)
    out["correlation"] = np.corrcoef(x).tolist()
    out["covariance"] = np.cov(x).tolist()

    y = np.floor(uniform(5000, 3) * 4).astype(int)
    f = uniform(5000, 5) + y * 0.1
    bins = np.floor(f * 6).astype(int)
    counts = np.zeros((4, bins.max() + 1))
    np.add.at(counts, (y, bins), 1)
    out["classes"] = {
        "f": float(f_classif(f[:, None], y)[0][0]),
        "chi2": float(chi2(f[:, None], y)[0][0]),
        "mutual_information": float(mutual_info_score(y, bins)),
        "contingency_chi2": float(scipy.stats.chi2_contingency(counts, correction=False)[0]),
        "contingency_dof": int(scipy.stats.chi2_contingency(counts, correction=False)[2]),
    }

    path = os.path.join(os.path.dirname(__file__), "numpy_oracle.json")
    with open(path, "w") as w:
        json.dump(out, w, indent=1)
        w.write("\n")


main()
