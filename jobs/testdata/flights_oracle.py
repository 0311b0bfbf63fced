"""What scikit-learn's logistic regression reaches on the rows of jobs/examples/flights-late.yaml.

    python jobs/testdata/flights_oracle.py testdata/flights > jobs/testdata/flights_oracle.json

Flights that arrived (or were cancelled: those are left out) are split by day, the oldest four fifths of the rows training, the
newest tenth testing; the borders fall between days, where the cumulated share of rows is nearest to 0.8 and 0.9. Numbers are
imputed by the median and standardised, categories one-hot encoded.
"""
import glob
import json
import sys

import numpy as np
import pandas as pd
import sklearn
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

frames = []
for f in sorted(glob.glob(sys.argv[1] + "/day=*/*.parquet")):
    d = pd.read_parquet(f)
    d["day"] = f.split("day=")[1].split("/")[0]
    frames.append(d)
d = pd.concat(frames, ignore_index=True)
d = d[d.arr_delay.notna()]
y = (d.arr_delay > 15).astype(int)
per_day = d.groupby("day").size().sort_index()
share = per_day.cumsum() / len(d)
borders = [share.index[int(np.argmin(np.abs(share.values - f)))] for f in (0.8, 0.9)]
train, test = d.day <= borders[0], d.day > borders[1]
when = pd.to_datetime(d.sched_dep)
d["hour"] = when.dt.hour.astype(str)
d["weekday"] = when.dt.day_of_week.astype(str)
numbers = ["sched_arr_time", "distance", "plane_year", "seats", "temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
texts = ["carrier", "origin", "dest", "hour", "weekday"]
model = make_pipeline(
    make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler()), numbers),
        (OneHotEncoder(handle_unknown="ignore"), texts)),
    LogisticRegression(max_iter=2000))
model.fit(d[train], y[train])
p = model.predict_proba(d[test])[:, 1]
json.dump({
    "sklearn": sklearn.__version__,
    "train_rows": int(train.sum()), "test_rows": int(test.sum()), "last_training_day": borders[0], "last_validation_day": borders[1],
    "auc": roc_auc_score(y[test], p), "log_loss": log_loss(y[test], p),
    "train_auc": roc_auc_score(y[train], model.predict_proba(d[train])[:, 1]),
    "baseline_log_loss": log_loss(y[test], np.full(len(p), y[train].mean())),
}, sys.stdout, indent=1)
print()
