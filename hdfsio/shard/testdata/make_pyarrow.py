"""Writes pyarrow/*.parquet and pyarrow.json, which holds the values that a reader must find in them.

    python make_pyarrow.py

A file of the matrix (codec x page version x dictionary, and each encoding) holds the same table, "matrix"; the others
have tables of their own. Values in JSON: null; numbers as Python prints them; floats that JSON lacks as "nan", "inf",
"-inf"; text as it is; bytes as hexadecimal; dates, times and timestamps as integers in the column's unit.
"""
import datetime as dt
import decimal
import json
import os
import struct
import uuid

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

here = os.path.dirname(os.path.abspath(__file__))
out = os.path.join(here, "pyarrow")
for f in os.listdir(out):
    os.remove(os.path.join(out, f))
tables, files = {}, {}


def plain(v):
    if v is None or isinstance(v, (bool, int, str)):
        return v
    if isinstance(v, (float, np.floating)):
        v = float(v)
        if v != v:
            return "nan"
        if v in (float("inf"), float("-inf")):
            return "inf" if v > 0 else "-inf"
        return v
    if isinstance(v, bytes):
        return v.hex()
    if isinstance(v, decimal.Decimal):
        return float(v)  # the nearest double
    if isinstance(v, list):
        return [plain(x) for x in v]
    raise TypeError(type(v))


def integers(a):
    t = a.type
    if pa.types.is_timestamp(t) or pa.types.is_time64(t):
        return a.cast(pa.int64())
    if pa.types.is_time32(t) or pa.types.is_date32(t):
        return a.cast(pa.int32())
    return a


def expect(name, table):
    cols = {}
    for f in table.schema:
        cols[f.name] = [plain(v) for v in integers(table[f.name].combine_chunks()).to_pylist()]
    tables[name] = cols


def write(file, table, expected, **kw):
    pq.write_table(table, os.path.join(out, file + ".parquet"), **kw)
    files[file] = expected


n = 700
some = lambda f, every=7: [None if i % every == 3 else f(i) for i in range(n)]
mixed = lambda i: (i * 2654435761) % 1000003
matrix = pa.table({
    "i32": pa.array([mixed(i) - 500000 for i in range(n)], pa.int32()),
    "i64": pa.array(some(lambda i: mixed(i) * 1234567 - 5), pa.int64()),
    "f32": pa.array([mixed(i) / 8 for i in range(n)], pa.float32()),
    "f64": pa.array(some(lambda i: mixed(i) / 7, 11), pa.float64()),
    "flag": pa.array([mixed(i) % 3 == 0 for i in range(n)]),
    "maybe": pa.array(some(lambda i: i // 100 % 2 == 0 or mixed(i) % 2 == 0, 5)),
    "text": pa.array(some(lambda i: "t%d" % (mixed(i) % 40), 13)),
    "free": pa.array(["row %d of %d" % (i, mixed(i)) for i in range(n)]),
    "list": pa.array([None if i % 9 == 4 else [None if (i + j) % 6 == 5 else mixed(i + j) for j in range(i % 5)] for i in range(n)], pa.list_(pa.int64())),
    "words": pa.array([["w%d" % ((i + j) % 12) for j in range(i % 4)] for i in range(n)], pa.list_(pa.string())),
})
required = pa.schema([f.with_nullable(f.name not in ("i32", "f32", "flag", "free")) for f in matrix.schema])
matrix = matrix.cast(required)
expect("matrix", matrix)
for codec in ["none", "snappy", "gzip", "zstd", "brotli", "lz4"]:
    for version in ["1.0", "2.0"]:
        for dictionary in [True, False]:
            write("codec_%s_v%s_%s" % (codec, version[0], "dict" if dictionary else "plain"), matrix, "matrix",
                  compression=codec, data_page_version=version, use_dictionary=dictionary, data_page_size=1024,
                  write_batch_size=64)
encodings = {
    "delta": {"i32": "DELTA_BINARY_PACKED", "i64": "DELTA_BINARY_PACKED", "text": "DELTA_LENGTH_BYTE_ARRAY", "free": "DELTA_BYTE_ARRAY"},
    "split": {"i32": "BYTE_STREAM_SPLIT", "i64": "BYTE_STREAM_SPLIT", "f32": "BYTE_STREAM_SPLIT", "f64": "BYTE_STREAM_SPLIT"},
    "rle": {"flag": "RLE", "maybe": "RLE"},
    "swapped": {"text": "DELTA_BYTE_ARRAY", "free": "DELTA_LENGTH_BYTE_ARRAY", "list.list.element": "DELTA_BINARY_PACKED", "words.list.element": "DELTA_BYTE_ARRAY"},
}
for name, e in encodings.items():
    for version in ["1.0", "2.0"]:
        write("encoding_%s_v%s" % (name, version[0]), matrix, "matrix", column_encoding=e, use_dictionary=False,
              data_page_version=version, data_page_size=1024, write_batch_size=64)
# a dictionary that is given up midway: codes first, then plain pages
write("fallback", matrix, "matrix", dictionary_pagesize_limit=300, data_page_size=512, write_batch_size=16)
write("groups", matrix, "matrix", row_group_size=150)
write("checksums", matrix, "matrix", write_page_checksum=True, data_page_size=1024, write_batch_size=64)
write("indexed", matrix, "matrix", write_page_index=True, data_page_size=1024, write_batch_size=64)

# every type, with nulls and the edges of its range
d = decimal.Decimal
epoch = dt.datetime(1970, 1, 1)
hostile = ["", "a", "żółć", "\u0000", None, "e\u0301", "🙂", "x" * 300]
types = pa.table({
    "bool": pa.array([True, False, None, True, True, False, None, False]),
    "int8": pa.array([-128, 127, None, 0, 1, -1, 5, 6], pa.int8()),
    "int16": pa.array([-32768, 32767, None, 0, 1, -1, 5, 6], pa.int16()),
    "int32": pa.array([-2**31, 2**31 - 1, None, 0, 1, -1, 5, 6], pa.int32()),
    "int64": pa.array([-2**63, 2**63 - 1, None, 0, 1, -1, 5, 6], pa.int64()),
    "uint8": pa.array([0, 255, None, 1, 2, 3, 128, 127], pa.uint8()),
    "uint16": pa.array([0, 65535, None, 1, 2, 3, 32768, 32767], pa.uint16()),
    "uint32": pa.array([0, 2**32 - 1, None, 1, 2, 3, 2**31, 2**31 - 1], pa.uint32()),
    "uint64": pa.array([0, 2**63 - 1, None, 1, 2, 3, 2**62, 7], pa.uint64()),
    "half": pa.array([np.float16(x) if x is not None else None for x in [0, -0.0, None, 65504, 6e-8, float("inf"), float("nan"), -1.5]], pa.float16()),
    "float": pa.array([0, -0.0, None, 3.4e38, 1e-45, float("inf"), float("nan"), -1.1], pa.float32()),
    "double": pa.array([0, -0.0, None, 1.7e308, 5e-324, float("-inf"), float("nan"), 0.1], pa.float64()),
    "dec9": pa.array([d("1.23"), d("-9999999.99"), None, d("0.00"), d("0.01"), d("-0.01"), d("7.00"), d("9999999.99")], pa.decimal128(9, 2)),
    "dec18": pa.array([d("1.234567"), d("-999999999999.999999"), None, d("0"), d("0.1"), d("123456789012.345678"), d("7"), d("-0.000001")], pa.decimal128(18, 6)),
    "dec38": pa.array([d("1.2345678901"), d("-" + "9" * 28 + "." + "9" * 10), None, d("0"), d("0.1"), d("12345678901234567890.1234567891"), d("-1"), d("9007199254740993.0000000001")], pa.decimal128(38, 10)),
    "dec76": pa.array([d("1." + "3" * 20), d("-" + "8" * 40), None, d("0"), d("0.1"), d("12345678901234567890.12345"), d("-1"), d("3")], pa.decimal256(76, 20)),
    "date": pa.array([dt.date(1970, 1, 1), dt.date(1, 1, 1), None, dt.date(9999, 12, 31), dt.date(2013, 1, 5), dt.date(1969, 12, 31), dt.date(2000, 2, 29), dt.date(2026, 1, 1)]),
    "time_ms": pa.array([0, 86399999, None, 1, 2, 3, 4, 5], pa.time32("ms")),
    "time_us": pa.array([0, 86399999999, None, 1, 2, 3, 4, 5], pa.time64("us")),
    "time_ns": pa.array([0, 86399999999999, None, 1, 2, 3, 4, 5], pa.time64("ns")),
    "ts_ms": pa.array([0, -1, None, 1, 253402300799999, -62135596800000, 1357344000000, 5], pa.timestamp("ms", "UTC")),
    "ts_us": pa.array([0, -1, None, 1, 253402300799999999, -62135596800000000, 1357344000000000, 5], pa.timestamp("us")),
    "ts_ns": pa.array([0, -1, None, 1, 2**63 - 1, -2**63, 1357344000000000000, 5], pa.timestamp("ns", "UTC")),
    "text": pa.array(hostile),
    "binary": pa.array([b"", b"\x00\xff", None, b"abc", b"\xfe" * 3, b"d", b"e", b"f"]),
    "fixed": pa.array([b"abc", b"\x00\xff\x01", None, b"def", b"ghi", b"jkl", b"mno", b"pqr"], pa.binary(3)),
    "coded": pa.array(["b", "a", None, "b", "b", "c", "", "a"]).dictionary_encode(),
    "nothing": pa.nulls(8),
    "floats": pa.array([[1.5], [], None, [None, 2.5], [float("nan")], [0.0, -0.0], [3.0], [4.0, 5.0, 6.0]], pa.list_(pa.float64())),
    "flags": pa.array([[True], [], None, [None, False], [True], [False, True], [True], [True, True, False]], pa.list_(pa.bool_())),
    "large": pa.array([["x"], [], None, [None, "y"], ["z"], ["", "x"], ["y"], ["z", "z", "z"]], pa.large_list(pa.large_string())),
    "pair": pa.array([[1, 2], [3, 4], None, [5, None], [7, 8], [9, 10], [11, 12], [13, 14]], pa.list_(pa.int32(), 2)),
})
expect("types", types.set_column(types.schema.get_field_index("coded"), "coded", types["coded"].cast(pa.string())))
for version in ["1.0", "2.0"]:
    write("types_v" + version[0], types, "types", data_page_version=version)
    write("types_plain_v" + version[0], types, "types", data_page_version=version, use_dictionary=False)

# structs, flattened; a null struct is null in each of its leaves
structs = pa.table({"id": pa.array(range(6)), "s": pa.array([
    {"a": 1, "b": {"c": "x", "d": 1.5}, "l": [1, 2]}, None, {"a": None, "b": None, "l": None}, {"a": 4, "b": {"c": None, "d": None}, "l": []},
    {"a": 5, "b": {"c": "y", "d": 2.5}, "l": [None]}, {"a": 6, "b": {"c": "z", "d": 3.5}, "l": [3]}],
    pa.struct([("a", pa.int64()), ("b", pa.struct([("c", pa.string()), ("d", pa.float64())])), ("l", pa.list_(pa.int64()))]))})
tables["structs"] = {
    "id": list(range(6)), "s.a": [1, None, None, 4, 5, 6], "s.b.c": ["x", None, None, None, "y", "z"],
    "s.b.d": [1.5, None, None, None, 2.5, 3.5], "s.l": [[1, 2], None, None, [], [None], [3]]}
write("structs", structs, "structs")
write("structs_v2", structs, "structs", data_page_version="2.0")

# shapes that are not read, beside a column that is
odd = pa.table({
    "ok": pa.array([1, 2]),
    "map": pa.array([[("k", 1)], []], pa.map_(pa.string(), pa.int64())),
    "deep": pa.array([[[1], [2]], []], pa.list_(pa.list_(pa.int64()))),
    "structs": pa.array([[{"a": 1}], []], pa.list_(pa.struct([("a", pa.int64())]))),
})
tables["odd"] = {"ok": [1, 2]}
write("odd", odd, "odd")

# legacy: int96 timestamps, lists of two levels of groups, beyond-int64 integers
legacy = pa.table({"ts": pa.array([0, -1, None, 1357344000123456789, 10**18], pa.timestamp("ns"))})
expect("int96", legacy)
write("int96", legacy, "int96", use_deprecated_int96_timestamps=True)
write("int96_plain", legacy, "int96", use_deprecated_int96_timestamps=True, use_dictionary=False)
write("uint64_beyond", pa.table({"u": pa.array([1, None, 2**63], pa.uint64())}), None)
write("uint64_beyond_plain", pa.table({"u": pa.array([1, None, 2**63], pa.uint64())}), None, use_dictionary=False)

# a UUID by its logical type
ids = [uuid.UUID(int=i * 0x0123456789abcdef0011223344556677 % 2**128) for i in range(1, 6)]
u = pa.table({"id": pa.array([ids[0].bytes, None, ids[1].bytes, ids[2].bytes, ids[0].bytes], pa.uuid())})
tables["uuid"] = {"id": [str(ids[0]), None, str(ids[1]), str(ids[2]), str(ids[0])]}
write("uuid", u, "uuid")
write("uuid_plain", u, "uuid", use_dictionary=False)

# no rows at all, and columns that are null throughout
empty = matrix.slice(0, 0)
expect("empty", empty)
write("empty", empty, "empty")
nulls = pa.table({"i": pa.array([None] * 50, pa.int64()), "t": pa.array([None] * 50, pa.string()), "l": pa.array([None] * 50, pa.list_(pa.int32()))})
expect("nulls", nulls)
write("nulls", nulls, "nulls")
write("nulls_v2", nulls, "nulls", data_page_version="2.0", use_dictionary=False)

# long enough that batches end within row groups and pages within batches
m = 9500
long = pa.table({
    "k": pa.array(range(m), pa.int64()),
    "x": pa.array([None if i % 1000 == 999 else i * 0.5 for i in range(m)], pa.float64()),
    "c": pa.array(["c%d" % (i // 1500) for i in range(m)]),
    "l": pa.array([[i] * (i % 3) for i in range(m)], pa.list_(pa.int32())),
})
expect("long", long)
write("long", long, "long", row_group_size=5000, data_page_size=8192, write_page_index=True, compression="zstd", use_dictionary=["c"])
write("long_v2", long, "long", row_group_size=9500, data_page_size=4096, data_page_version="2.0", compression="zstd", write_batch_size=100)

with open(os.path.join(here, "pyarrow.json"), "w") as f:
    json.dump({"versions": {"pyarrow": pa.__version__}, "files": files, "tables": tables}, f, separators=(",", ":"), allow_nan=False)
print(len(files), "files")
