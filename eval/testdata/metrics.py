"""Writes metrics.json: what scikit-learn says of small sets of rows, for the tests of package eval.

    python metrics.py > metrics.json
"""
import json
import warnings

import numpy as np
import scipy
import sklearn
from sklearn import metrics as m

warnings.filterwarnings("ignore")


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def ece(p, y, w, bins=15):
    """Expected calibration error over bins of equal width (Naeini et al. 2015), straight from its definition."""
    b = np.minimum((p * bins).astype(int), bins - 1)
    total = 0.0
    for k in range(bins):
        i = b == k
        if w[i].sum() > 0:
            total += abs((w[i] * p[i]).sum() - (w[i] * y[i]).sum())
    return total / w.sum()


def delong(z, y):
    """Standard error of the AUC, from the placement values over all pairs (DeLong et al. 1988, eq. 6)."""
    pos, neg = z[y == 1], z[y == 0]
    d = pos[:, None] - neg[None, :]
    psi = (d > 0) + 0.5 * (d == 0)
    return float(np.sqrt(psi.mean(axis=1).var(ddof=1) / len(pos) + psi.mean(axis=0).var(ddof=1) / len(neg)))


def binary(rng, n, weighted, ties, threshold, two):
    z = rng.normal(-0.7, 1.5, n).astype(np.float32)
    if ties:
        z = np.round(z * 4) / 4
    y = (rng.random(n) < sigmoid(0.8 * z)).astype(int)
    w = rng.choice([0, 0.25, 1, 1.7, 3], n).astype(np.float32).astype(float) if weighted else np.ones(n)
    z = z.astype(np.float64)
    p = sigmoid(z)
    hat = (p >= threshold).astype(int)
    prior = 0.3
    b = np.full(n, prior)
    bhat = (b >= threshold).astype(int)
    k = dict(sample_weight=w)

    def all_of(p, hat, log_p, z):
        return {
            "log_loss": m.log_loss(y, log_p, **k),
            "auc": m.roc_auc_score(y, z, **k),
            "pr_auc": m.average_precision_score(y, z, **k),
            "accuracy": m.accuracy_score(y, hat, **k),
            "precision": m.precision_score(y, hat, zero_division=0, **k),
            "recall": m.recall_score(y, hat, zero_division=0, **k),
            "f1": m.f1_score(y, hat, zero_division=0, **k),
            "brier": m.brier_score_loss(y, p, **k),
            "calibration_error": ece(p, y, w),
        }

    c = {
        "task": "binary", "threshold": threshold, "priors": [1 - prior, prior], "logits": z.tolist(), "labels": y.tolist(),
        "metrics": all_of(p, hat, p, z), "baseline": all_of(b, bhat, b, b),
        "confusion": m.confusion_matrix(y, hat, **k).tolist(),
    }
    if weighted:
        c["weights"] = w.tolist()
    else:
        c["auc_error"] = delong(z, y)
    if two:
        shift = np.round(rng.normal(0, 2, n) * 4) / 4
        c["logits"] = np.stack([shift, z + shift], axis=1).ravel().tolist()
    return c


def multiclass(rng, n, k, weighted, absent):
    y = rng.integers(0, k, n)
    if absent:
        y[y == k - 1] = 0
    z = rng.normal(0, 1, (n, k)).astype(np.float32)
    z[np.arange(n), y] += 1
    if absent:
        z[:, k - 1] = -20
    z = z.astype(np.float64)
    w = rng.choice([0.25, 1, 1.7, 3], n).astype(np.float32).astype(float) if weighted else np.ones(n)
    p = softmax(z)
    hat = p.argmax(axis=1)
    priors = np.arange(1, k + 1) / (k * (k + 1) / 2)
    labels = list(range(k))
    s = dict(sample_weight=w)

    def all_of(p, hat):
        out = {
            "log_loss": m.log_loss(y, p, labels=labels, **s),
            "accuracy": m.accuracy_score(y, hat, **s),
            "brier": float((w * ((p - np.eye(k)[y]) ** 2).sum(axis=1)).sum() / w.sum()),
            "calibration_error": ece(p.max(axis=1), (hat == y).astype(float), w),
        }
        for name, average in (("", "macro"), ("_weighted", "weighted")):
            out["precision" + name] = m.precision_score(y, hat, average=average, zero_division=0, **s)
            out["recall" + name] = m.recall_score(y, hat, average=average, zero_division=0, **s)
            out["f1" + name] = m.f1_score(y, hat, average=average, zero_division=0, **s)
        for top in (3, 5):
            if k > top:
                out[f"top_{top}_accuracy"] = m.top_k_accuracy_score(y, p, k=top, labels=labels, **s)
        present = [c for c in labels if (y == c).any()]
        out["auc"] = float(np.mean([m.roc_auc_score(y == c, p[:, c], **s) for c in present]))
        return out

    base = all_of(np.tile(priors, (n, 1)), np.full(n, k - 1))
    if k > 3:
        base.pop("top_3_accuracy", None)  # scikit-learn refuses tied scores differently: tested by hand
        base.pop("top_5_accuracy", None)
    c = {
        "task": "multiclass", "classes": [f"c{i}" for i in labels], "priors": priors.tolist(), "logits": z.ravel().tolist(),
        "labels": y.tolist(), "metrics": all_of(p, hat), "baseline": base,
        "confusion": m.confusion_matrix(y, hat, labels=labels, **s).tolist(),
    }
    if weighted:
        c["weights"] = w.tolist()
    return c


def regression(rng, n, weighted, offset):
    f = (rng.normal(0, 3, n) + offset).astype(np.float32).astype(np.float64)
    y = (f + rng.normal(0, 1, n)).astype(np.float32).astype(np.float64)
    w = rng.choice([0, 0.25, 1, 1.7, 3], n).astype(np.float32).astype(float) if weighted else np.ones(n)
    mean = offset + 0.1
    k = dict(sample_weight=w)

    def all_of(f):
        return {
            "mse": m.mean_squared_error(y, f, **k),
            "rmse": m.root_mean_squared_error(y, f, **k),
            "mae": m.mean_absolute_error(y, f, **k),
            "r2": m.r2_score(y, f, **k),
        }

    c = {"task": "regression", "mean": mean, "logits": f.tolist(), "labels": y.tolist(), "metrics": all_of(f), "baseline": all_of(np.full(n, mean))}
    if weighted:
        c["weights"] = w.tolist()
    return c


def main():
    rng = np.random.default_rng(20261101)
    cases = {
        "binary": binary(rng, 400, False, False, 0.5, False),
        "binary ties": binary(rng, 400, False, True, 0.5, False),
        "binary weighted": binary(rng, 300, True, False, 0.37, False),
        "binary weighted ties": binary(rng, 300, True, True, 0.2, False),
        "binary two outputs": binary(rng, 200, False, True, 0.5, True),
        "multiclass 3": multiclass(rng, 200, 3, False, False),
        "multiclass 7 weighted": multiclass(rng, 200, 7, True, False),
        "multiclass class absent": multiclass(rng, 150, 4, True, True),
        "regression": regression(rng, 200, False, 0.0),
        "regression weighted, far from zero": regression(rng, 200, True, 10000.0),
    }
    print(json.dumps({"versions": {"scikit-learn": sklearn.__version__, "numpy": np.__version__, "scipy": scipy.__version__}, "cases": cases}))


main()
