"""Writes steps.json: what scikit-learn, numpy and pandas make of the columns in it. Run: python steps.py"""

import json
import pathlib

import numpy as np
import pandas as pd
import sklearn
from sklearn.feature_extraction import FeatureHasher
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, RobustScaler, StandardScaler
from sklearn.utils import murmurhash3_32

rng = np.random.default_rng(1)
ROWS = 300

delay = np.round(rng.gamma(1.2, 20, ROWS) - 12, 1)
delay[rng.random(ROWS) < 0.1] = np.nan
distance = rng.integers(80, 5000, ROWS).astype(float)
offset = 1e9 + rng.normal(0, 1, ROWS)  # a variance that a naive sum of squares loses
constant = np.full(ROWS, 0.1)
few = rng.integers(-3, 4, ROWS)
carrier = rng.choice(["UA", "AA", "B6", "DL", "ÉÑ", "日本", ""], ROWS, p=[0.3, 0.2, 0.2, 0.1, 0.1, 0.05, 0.05])
stamps = rng.integers(-3_000_000_000_000_000, 5_000_000_000_000_000, ROWS)
stamps[:6] = [0, -1, 951782399999999, 951782400000000, 1735689599999999, -2208988800000001]


def column(x):
    return [None if isinstance(v, float) and np.isnan(v) else v for v in np.asarray(x).tolist()]


def dense(x):
    return np.asarray(x, dtype=np.float64).ravel().tolist()


X = {"delay": delay, "distance": distance, "offset": offset, "constant": constant}
cases = []


def case(name, col, rule, want, codes=False):
    cases.append({"name": name, "column": col, "rule": rule, "codes" if codes else "dense": want})


for strategy in ["mean", "median", "most_frequent"]:
    x = SimpleImputer(strategy=strategy).fit_transform(delay[:, None])
    case("impute " + strategy, "delay", {"missing": strategy, "scale": "none"}, dense(x))
case("impute constant", "delay", {"missing": {"constant": -7.5}, "scale": "none"}, dense(np.where(np.isnan(delay), -7.5, delay)))

filled = np.where(np.isnan(delay), np.nanmedian(delay), delay)
lo, hi = np.nanquantile(delay, [0.01, 0.95])
case("clip quantiles", "delay", {"clip": {"quantiles": [0.01, 0.95]}, "scale": "none"}, dense(np.clip(filled, lo, hi)))
case("clip fixed", "delay", {"clip": {"min": -5, "max": 60.5}, "scale": "none"}, dense(np.clip(filled, -5, 60.5)))
for name, scaler in [("standard", StandardScaler()), ("min_max", MinMaxScaler()), ("robust", RobustScaler())]:
    for col, x in X.items():
        y = filled if col == "delay" else x
        case(name, col, {"scale": name}, dense(scaler.fit_transform(y[:, None])))
case("log1p", "distance", {"scale": "log1p"}, dense(np.log1p(distance)))
case("log1p, standard", "distance", {"scale": ["log1p", "standard"]}, dense(StandardScaler().fit_transform(np.log1p(distance)[:, None])))

edges = np.unique(np.nanquantile(delay, np.arange(1, 10) / 10))
present = ~np.isnan(delay)
bins = np.where(present, np.digitize(np.where(present, delay, 0), edges), len(edges) + 1)
case("bucketize quantiles", "delay", {"encode": {"bucketize": {"quantiles": 10}}}, bins.tolist(), codes=True)
case("bucketize edges", "distance", {"encode": {"bucketize": [100, 500.5, 2000]}}, np.digitize(distance, [100, 500.5, 2000]).tolist(), codes=True)

for col, x in [("carrier", carrier), ("few", few)]:
    onehot = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit_transform(np.asarray(x, dtype=object)[:, None])
    case("one_hot", col, {"encode": "one_hot"}, onehot.argmax(axis=1).tolist(), codes=True)
    ordinal = OrdinalEncoder().fit_transform(np.asarray(x, dtype=object)[:, None])
    case("ordinal", col, {"encode": "ordinal"}, dense(ordinal))
most = pd.Series(carrier[carrier != ""]).mode()[0]
case("most_frequent text", "carrier", {"missing": "most_frequent", "encode": "ordinal"},
     dense(OrdinalEncoder().fit_transform(np.where(carrier == "", most, carrier).astype(object)[:, None])))

case("hash", "carrier", {"encode": {"hash": {"buckets": 37, "seed": 5}}}, [murmurhash3_32(s.encode(), seed=5, positive=True) % 37 for s in carrier], codes=True)
hashed = FeatureHasher(n_features=16, input_type="string").transform([[s] for s in carrier]).toarray()
case("signed hash", "carrier", {"encode": {"hash": {"buckets": 16, "signed": True}}}, dense(hashed))

t = pd.to_datetime(pd.Series(stamps), unit="us")
parts = {"year": t.dt.year, "quarter": t.dt.quarter, "month": t.dt.month, "week": t.dt.isocalendar().week, "day": t.dt.day,
         "day_of_week": t.dt.day_of_week, "day_of_year": t.dt.day_of_year, "hour": t.dt.hour, "minute": t.dt.minute, "second": t.dt.second}
for part, x in parts.items():
    case("date_parts " + part, "stamp", {"date_parts": [part], "missing": "median", "scale": "none"}, dense(x))

out = {
    "versions": {"scikit-learn": sklearn.__version__, "numpy": np.__version__, "pandas": pd.__version__},
    "columns": {"delay": column(delay), "distance": column(distance), "offset": column(offset), "constant": column(constant),
                "few": few.tolist(), "carrier": carrier.tolist(), "stamp": stamps.tolist()},
    "cases": cases,
}
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps(out, ensure_ascii=False, separators=(",", ":")) + "\n")
