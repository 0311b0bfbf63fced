"""The profile pass against polars and DuckDB: wall time, interleaved, on the same files and cores.

    python bench/profile_pass.py DIR [--table wide2m] [--repeat 5] [--threads 2]

DIR is where data.py put the tables. Each program finds, of 40 columns, rows, nulls, extremes, mean, deviation, seven
quantiles, the number of different values, and the correlation of every pair over the rows in which both have a value.
polars and DuckDB use their approximate quantiles and distinct counts. Correlations are computed in the faster of two
ways: by the program's own corr, or from its columns by numpy (BLAS).

Every measurement is a process of its own; the time is that of the pass, without starting the process and importing
libraries. Beside the medians stand the errors: of ranks, as a share of the rows (the distance of the quantile asked for
from the ranks that the answer has), and of distinct counts, relative.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

SHARES = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99]


def names(path):
    import pyarrow.parquet as pq

    return [c for c in pq.read_schema(sorted(pathlib.Path(path).glob("*.parquet"))[0]).names if c != "label"]


def by_numpy(cols):
    """Pairwise correlations of columns with NaN for missing, in blocks that stay in the cache."""
    import numpy as np

    d, n = len(cols), len(cols[0])
    count, sx, sxx, sxy = (np.zeros((d, d)) for _ in range(4))
    shift = np.array([np.nanmean(c[:4096]) for c in cols])[:, None]
    for at in range(0, n, 16384):
        x = np.stack([c[at : at + 16384] for c in cols]) - shift
        there = ~np.isnan(x)
        x[~there] = 0
        m = there.astype(np.float64)
        count += m @ m.T
        sx += x @ m.T
        sxx += (x * x) @ m.T
        sxy += x @ x.T
    var = sxx - sx * sx / count
    return (sxy - sx * sx.T / count) / np.sqrt(var * var.T)


def polars(path, threads, corr):
    os.environ["POLARS_MAX_THREADS"] = str(threads)
    import polars as pl

    cols = names(path)
    begun = time.perf_counter()
    scan = pl.scan_parquet(f"{path}/*.parquet").select(cols)
    want = []
    for c in cols:
        x = pl.col(c)
        want += [x.len().alias(c + ":rows"), x.null_count().alias(c + ":nulls"), x.min().alias(c + ":min"), x.max().alias(c + ":max"),
                 x.mean().alias(c + ":mean"), x.std().alias(c + ":std"), x.approx_n_unique().alias(c + ":distinct"),
                 x.cast(pl.Float64).approx_quantile(SHARES, method="kll", error=0.005).alias(c + ":q")]
    if corr == "own":
        want += [pl.corr(a, b).alias(f"{i},{j}") for i, a in enumerate(cols) for j, b in enumerate(cols) if j > i]
        r = scan.select(want).collect(engine="streaming").row(0, named=True)
        rho = [[1.0 if i == j else r[f"{min(i, j)},{max(i, j)}"] for j in range(len(cols))] for i in range(len(cols))]
    else:
        data = scan.collect()
        r = data.lazy().select(want).collect(engine="streaming").row(0, named=True)
        rho = by_numpy([data[c].cast(pl.Float64).fill_null(float("nan")).to_numpy() for c in cols]).tolist()
    out = [{"name": c, "rows": r[c + ":rows"], "nulls": r[c + ":nulls"], "min": r[c + ":min"], "max": r[c + ":max"], "mean": r[c + ":mean"],
            "std": r[c + ":std"], "distinct": r[c + ":distinct"], "quantiles": list(r[c + ":q"])} for c in cols]
    return {"seconds": time.perf_counter() - begun, "columns": out, "correlations": rho}


def duckdb(path, threads, corr):
    import duckdb

    cols = names(path)
    begun = time.perf_counter()
    db = duckdb.connect(config={"threads": threads})
    src = f"read_parquet('{path}/*.parquet')"
    want = []
    for c in cols:
        want += ["count(*)", f"count(*) - count({c})", f"min({c})", f"max({c})", f"avg({c})", f"stddev_samp({c})", f"approx_count_distinct({c})", f"approx_quantile({c}, {SHARES})"]
    d = len(cols)
    if corr == "own":
        want += [f"corr({a}, {b})" for i, a in enumerate(cols) for j, b in enumerate(cols) if j > i]
    r = db.execute(f"SELECT {', '.join(want)} FROM {src}").fetchone()
    out = []
    for i, c in enumerate(cols):
        v = r[8 * i : 8 * i + 8]
        out.append({"name": c, "rows": v[0], "nulls": v[1], "min": v[2], "max": v[3], "mean": v[4], "std": v[5], "distinct": v[6], "quantiles": list(v[7])})
    if corr == "own":
        rest = iter(r[8 * d :])
        rho = [[1.0] * d for _ in range(d)]
        for i in range(d):
            for j in range(i + 1, d):
                rho[i][j] = rho[j][i] = next(rest)
    else:
        import numpy as np

        table = db.execute(f"SELECT {', '.join(cols)} FROM {src}").fetchnumpy()
        rho = by_numpy([np.ma.filled(table[c].astype(np.float64), np.nan) for c in cols]).tolist()
    return {"seconds": time.perf_counter() - begun, "columns": out, "correlations": rho}


class Truth:
    def __init__(self, path):
        import numpy as np
        import pyarrow.parquet as pq

        self.cols = {c: pq.read_table(path, columns=[c])[c].to_numpy().astype(np.float64) for c in names(path)}
        self.rho = np.array(by_numpy(list(self.cols.values())))
        self.cols = {c: np.sort(v[~np.isnan(v)]) for c, v in self.cols.items()}
        self.distinct = {c: int(1 + np.count_nonzero(np.diff(v))) for c, v in self.cols.items()}

    def errors(self, answer):
        import numpy as np

        rank = distinct = exact = 0.0
        for a in answer["columns"]:
            v = self.cols[a["name"]]
            for share, q in zip(SHARES, a["quantiles"]):
                lo, hi = np.searchsorted(v, q, "left") / len(v), np.searchsorted(v, q, "right") / len(v)
                rank = max(rank, lo - share, share - hi)
            distinct = max(distinct, abs(a["distinct"] / self.distinct[a["name"]] - 1))
            for got, want in ((a["min"], v[0]), (a["max"], v[-1]), (a["mean"], v.mean()), (a["std"], v.std(ddof=1)), (a["rows"] - a["nulls"], len(v))):
                exact = max(exact, abs(got - want) / max(1, abs(want)))
        return rank, distinct, exact, float(np.abs(np.array(answer["correlations"]) - self.rho).max())


def main():
    p = argparse.ArgumentParser()
    p.add_argument("dir")
    p.add_argument("--table", default="wide2m")
    p.add_argument("--repeat", type=int, default=5)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--side", help=argparse.SUPPRESS)
    a = p.parse_args()
    path = f"{a.dir}/{a.table}"
    if a.side:
        who, corr = a.side.split("/")
        json.dump({"polars": polars, "duckdb": duckdb}[who](path, a.threads, corr), sys.stdout)
        return
    with tempfile.TemporaryDirectory() as tmp:
        ours = f"{tmp}/profile"
        subprocess.run(["go", "build", "-o", ours, "./profile"], cwd=pathlib.Path(__file__).parent, check=True)
        sides = {"howdah": [ours, "-workers", str(a.threads), path]}
        env = dict(os.environ, POLARS_MAX_THREADS=str(a.threads), OPENBLAS_NUM_THREADS=str(a.threads))
        for who in ("polars", "duckdb"):
            for corr in ("own", "numpy"):
                sides[f"{who}/{corr}"] = [sys.executable, __file__, a.dir, "--table", a.table, "--threads", str(a.threads), "--side", f"{who}/{corr}"]
        seconds, cpu, last = {s: [] for s in sides}, {s: [] for s in sides}, {}
        for turn in range(a.repeat):
            for side, argv in list(sides.items()):
                if turn > 0 and "/" in side:  # the slower way of correlating is asked once
                    other = side.replace("own", "numpy") if side.endswith("own") else side.replace("numpy", "own")
                    if seconds[side][0] > seconds[other][0]:
                        continue
                before = os.times()
                got = json.loads(subprocess.run(argv, check=True, capture_output=True, env=env).stdout)
                after = os.times()
                seconds[side].append(got["seconds"])
                cpu[side].append(after.children_user + after.children_system - before.children_user - before.children_system)
                last[side] = got
        truth = Truth(path)
        best = min(statistics.median(seconds[s]) for s in sides if s != "howdah")
        print(f"{'':14} {'median s':>9} {'min':>7} {'cpu s':>7} {'runs':>5} {'rank err':>9} {'distinct':>9} {'moments':>9} {'corr':>9}")
        for s in sides:
            rank, distinct, exact, rho = truth.errors(last[s])
            print(f"{s:14} {statistics.median(seconds[s]):9.3f} {min(seconds[s]):7.3f} {statistics.median(cpu[s]):7.2f} {len(seconds[s]):5} {rank:9.3%} {distinct:9.3%} {exact:9.1e} {rho:9.1e}")
        mine = statistics.median(seconds["howdah"])
        print(f"howdah takes {mine / best:.2f} of the time of the fastest other")


if __name__ == "__main__":
    main()
