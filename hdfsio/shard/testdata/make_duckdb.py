"""Writes duckdb/*.parquet and duckdb.json, which holds the values that a reader must find in them.

    python make_duckdb.py
"""
import json
import os

import duckdb

here = os.path.dirname(os.path.abspath(__file__))
out = os.path.join(here, "duckdb")
for f in os.listdir(out):
    os.remove(os.path.join(out, f))
con = duckdb.connect()
con.execute("set threads=1")
con.execute("""create table t as select
    i::integer as i32, case when i % 7 = 3 then null else i::bigint * 1234567891 end as i64, (i % 200)::utinyint as u8, ((i * 20000000) % 4000000000)::uinteger as u32,
    (i / 8)::float as f32, case when i % 11 = 5 then null else i / 7 end as f64, i % 3 = 0 as flag, (i / 100)::decimal(9, 2) as dec9, (i / 100000)::decimal(18, 5) as dec18,
    (i * 1000000007)::decimal(38, 4) as dec38, date '2013-01-05' + i::integer as day, timestamp '2013-01-05 10:00:00' + interval (i) second as ts,
    timestamptz '2013-01-05 10:00:00+00' + interval (i) second as tz, (timestamp '2013-01-05 10:00:00.123456789')::timestamp_ns as ns, time '10:11:12.5' as tod,
    case when i % 13 = 3 then null else 't' || (i % 40) end as text, 'row ' || i as free, ('\\x' || lpad(to_hex(i % 256), 2, '0'))::blob as bin,
    case when i % 9 = 4 then null else list_transform(range(i % 5), lambda j: case when (i + j) % 6 = 5 then null else i + j end) end as list,
    {'a': i, 'b': 'x' || i} as s
    from range(600) r(i)""")
select = """select i32, i64, u8, u32, f32::double as f32, f64, flag, dec9::varchar as dec9, dec18::varchar as dec18, dec38::varchar as dec38,
    (day - date '1970-01-01')::integer as day, epoch_us(ts) as ts, epoch_us(tz) as tz, epoch_ns(ns) as ns, (epoch(tod) * 1000000)::bigint as tod, text, free, hex(bin) as bin, list, s.a as "s.a", s.b as "s.b" from t order by i32"""
cur = con.execute(select)
names = [c[0] for c in cur.description]
columns = {n: [] for n in names}
for row in cur.fetchall():
    for n, v in zip(names, row):
        if n.startswith("dec"):
            v = float(v)
        if n == "bin":
            v = v.lower()
        columns[n].append(v)
files = {}
for name, options in {
    "v1_snappy": "compression snappy", "v1_zstd": "compression zstd, row_group_size 2048", "v1_gzip": "compression gzip", "v1_lz4_raw": "compression lz4_raw", "v1_brotli": "compression brotli",
    "v2_snappy": "compression snappy, parquet_version v2", "v2_zstd": "compression zstd, parquet_version v2", "v2_plain": "compression uncompressed, parquet_version v2, string_dictionary_page_size_limit 1, dictionary_size_limit 1",
}.items():
    con.execute(f"copy (select * from t order by i32) to '{out}/{name}.parquet' (format parquet, {options})")
    files[name] = "t"
with open(os.path.join(here, "duckdb.json"), "w") as f:
    json.dump({"versions": {"duckdb": duckdb.__version__}, "files": files, "tables": {"t": columns}}, f, separators=(",", ":"), allow_nan=False)
print(len(files), "files")
