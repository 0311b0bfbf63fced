"""Makes selection.json, the oracle of filter selection: python selection.py > selection.json

Scores by scikit-learn and scipy on 400 rows of three numeric features, a constant one and two categorical ones, for a
binary label, one of three classes, and a quantity.
"""
import json
import sys
import warnings

import numpy as np
import scipy
import sklearn
from scipy.stats import f_oneway
from sklearn.feature_selection import VarianceThreshold, chi2, f_classif, f_regression
from sklearn.metrics import mutual_info_score

warnings.simplefilter("ignore")
rng = np.random.default_rng(5)
n = 400
x0 = np.round(rng.normal(50, 12, n), 3)
x1 = np.round(0.8 * x0 + rng.normal(0, 4, n), 3)
x2 = np.round(1e6 + rng.exponential(3, n), 3)  # a small spread far from zero
x3 = np.full(n, 0.1)
c0 = rng.integers(0, 4, n)
c1 = rng.integers(0, 7, n)
score = 0.05 * (x0 - 50) + 0.3 * (c0 - 1.5) + rng.normal(0, 1, n)
numeric = [x0, x1, x2, x3]
codes = [c0, c1]
edges = [np.unique(np.quantile(x, np.arange(1, 8) / 8)).tolist() for x in numeric]
label_edges = np.quantile(score, np.arange(1, 6) / 6).tolist()
binary = (score > 0.2).astype(int)
classes = np.digitize(score, [-0.7, 0.6])


def one_hot(c):
    return (c[:, None] == np.arange(c.max() + 1)).astype(float)


def per_label(y, kind):
    # F does not change with a shift; both functions lose digits far from zero.
    columns = np.column_stack([x0, x1, np.round(x2 - 1e6, 3), x3])
    groups = np.digitize(y, label_edges) if kind == "regression" else y
    binned = [np.digitize(x, e) for x, e in zip(numeric, edges)] + codes
    out = {"mutual_information": [mutual_info_score(groups, b) for b in binned]}
    if kind == "regression":
        f, p = f_regression(columns, y)
    else:
        f, p = f_classif(columns, y)
    f, p = list(f), list(p)
    f[3], p[3] = 0.0, 1.0  # constant: 0/0, which sklearn calls nan or 0
    if kind != "multiclass":
        for c in codes:
            r = f_oneway(*[y[c == k] for k in range(c.max() + 1)])
            f.append(r.statistic)
            p.append(r.pvalue)
    out["anova_f"], out["anova_f_p"] = f, p
    if kind != "regression":
        stat, pv = [], []
        for b in binned:
            used = one_hot(b)
            used = used[:, used.sum(0) > 0]
            s, _ = chi2(used, y)
            stat.append(float(np.sum(s)))
            df = (used.shape[1] - 1) * (len(np.unique(y)) - 1)
            pv.append(float(scipy.stats.chi2.sf(np.sum(s), df)) if df else 1.0)
        out["chi2"], out["chi2_p"] = stat, pv
    return {"y": y.tolist(), **{k: [float(v) for v in vs] for k, vs in out.items()}}


# A threshold of 0 would make variances_ the lesser of variance and range.
variance = VarianceThreshold(1e-12).fit(np.column_stack(numeric[:3])).variances_.tolist() + [0.0]
variance += [float(one_hot(c).var(0).sum()) for c in codes]
json.dump(
    {
        "versions": {"python": sys.version.split()[0], "numpy": np.__version__, "scipy": scipy.__version__, "scikit-learn": sklearn.__version__},
        "numeric": [x.tolist() for x in numeric],
        "codes": [c.tolist() for c in codes],
        "edges": edges,
        "label_edges": label_edges,
        "variance": variance,
        "correlation": np.corrcoef(np.column_stack(numeric[:3]).T).tolist(),
        "binary": per_label(binary, "binary"),
        "multiclass": per_label(classes, "multiclass"),
        "regression": per_label(score, "regression"),
    },
    sys.stdout,
)
