"""Makes the tables of the benchmarks: 40 numeric columns and a label, Parquet, snappy.

    python bench/data.py DIR [small wide2m wide2m-one wide2m-1m wide20m wide20m-1m ...]

Without names all of them (about 13 GB). A table that is there is left alone. Of the 40 columns 24 are doubles of full
precision, 8 are doubles with 5% nulls, 4 are prices of two decimals and 4 are integers; `label` is 0 or 1. Row i is the
same in every table, however it is cut into files: values are drawn in blocks of 125,000 rows, each with a seed of its
own. Doubles are written plain, as most writers end up doing with values that seldom repeat; integers and prices by
dictionary.

Needs numpy and pyarrow.
"""

import pathlib
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

BLOCK = 125_000
TABLES = {  # name: rows, files, rows of a row group
    "small": (1_000, 1, 131_072),
    "wide2m": (2_000_000, 8, 131_072),
    "wide2m-one": (2_000_000, 1, 131_072),
    "wide2m-1m": (2_000_000, 2, 1_000_000),
    "wide20m": (20_000_000, 80, 131_072),
    "wide20m-1m": (20_000_000, 20, 1_000_000),
}
PLAIN = [f"x{i:02d}" for i in range(24)]
HOLED = [f"h{i:02d}" for i in range(8)]
PRICES = [f"p{i:02d}" for i in range(4)]
INTS = [f"n{i:02d}" for i in range(4)]


def block(k: int, rows: int) -> pa.Table:
    r = np.random.default_rng([2013, k])
    common = r.standard_normal(BLOCK)  # makes the columns correlate
    cols, logit = {}, np.zeros(BLOCK)
    for i, name in enumerate(PLAIN):
        v = r.standard_normal(BLOCK) + common * (i % 5) / 4
        if i % 4 == 3:
            v = np.exp(v)
        logit += v * (0.3 if i % 2 else -0.2)
        cols[name] = pa.array(v)
    for i, name in enumerate(HOLED):
        v = r.standard_normal(BLOCK) * 10 ** (i - 3) + i
        cols[name] = pa.array(v, mask=r.random(BLOCK) < 0.05)
    for name in PRICES:
        cols[name] = pa.array(np.round(r.gamma(2.0, 20.0, BLOCK), 2))
    for i, name in enumerate(INTS):
        cols[name] = pa.array(r.integers(0, 10 ** (i + 1), BLOCK))
    cols["label"] = pa.array((r.random(BLOCK) < 1 / (1 + np.exp(-logit))).astype(np.int32))
    return pa.table(cols).slice(0, rows)


def make(root: pathlib.Path, name: str) -> None:
    rows, files, group = TABLES[name]
    out = root / name
    if out.exists():
        return
    tmp = root / (name + ".tmp")
    tmp.mkdir(parents=True, exist_ok=True)
    per = rows // files
    for f in range(files):
        writer = None
        waiting, held = [], 0
        first = f * per
        for at in range(first, first + per, BLOCK):
            t = block(at // BLOCK, min(BLOCK, first + per - at))
            writer = writer or pq.ParquetWriter(tmp / f"part-{f:05d}.parquet", t.schema, compression="snappy", use_dictionary=PRICES + INTS + ["label"])
            waiting.append(t)
            held += t.num_rows
            last = at + BLOCK >= first + per
            while held >= group or (last and held > 0):
                whole = pa.concat_tables(waiting)
                writer.write_table(whole.slice(0, group).combine_chunks(), row_group_size=group)
                rest = whole.slice(group)
                waiting, held = [rest], rest.num_rows
        writer.close()
    tmp.rename(out)


if __name__ == "__main__":
    root = pathlib.Path(sys.argv[1])
    for name in sys.argv[2:] or TABLES:
        make(root, name)
        size = sum(p.stat().st_size for p in (root / name).iterdir())
        print(f"{name}: {size / 1e6:.1f} MB")
