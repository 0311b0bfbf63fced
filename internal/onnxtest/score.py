"""Scores models by onnxruntime. Reads {"cases": [{"model", "inputs"}]} from standard input, writes
{"versions", "results": [{"outputs"} or {"error"}]} to standard output. Tensors are {"type", "shape", "data"}: little-endian
bytes in base64, or a list for strings. Before it scores a model it checks it by onnx's own checker, and that the official
onnx.proto writes the same bytes again: no field is unknown to it, none in another place."""

import base64
import json
import sys

import numpy
import onnx
import onnxruntime

TYPES = {"float": "<f4", "double": "<f8", "int64": "<i8", "int32": "<i4", "uint32": "<u4", "bool": "?"}
NAMES = {"tensor(%s)" % k: k for k in list(TYPES) + ["string"]}


def load(t):
    if t["type"] == "string":
        a = numpy.empty(len(t["data"]), dtype=object)
        a[:] = [base64.b64decode(s).decode("utf-8") for s in t["data"]]
        return a.reshape(t["shape"])
    return numpy.frombuffer(base64.b64decode(t["data"]), dtype=TYPES[t["type"]]).reshape(t["shape"])


def dump(a, kind):
    t = {"type": NAMES[kind], "shape": list(a.shape)}
    if t["type"] == "string":
        t["data"] = [base64.b64encode(s.encode("utf-8")).decode() for s in a.reshape(-1)]
    else:
        t["data"] = base64.b64encode(numpy.ascontiguousarray(a, dtype=TYPES[t["type"]]).tobytes()).decode()
    return t


def score(case):
    raw = base64.b64decode(case["model"])
    proto = onnx.load_model_from_string(raw)
    onnx.checker.check_model(proto, full_check=True)
    if proto.SerializeToString(deterministic=True) != raw:
        raise ValueError("the official onnx.proto writes this model with other bytes")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    if not case.get("optimize", True):
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(raw, options, providers=["CPUExecutionProvider"])
    outputs = session.get_outputs()
    values = session.run(None, {k: load(v) for k, v in case["inputs"].items()})
    return {o.name: dump(v, o.type) for o, v in zip(outputs, values)}


def main():
    results = []
    for case in json.load(sys.stdin)["cases"]:
        try:
            results.append({"outputs": score(case)})
        except Exception as e:  # the error is the answer
            results.append({"error": "%s: %s" % (type(e).__name__, str(e)[:2000])})
    versions = {m.__name__: m.__version__ for m in (numpy, onnx, onnxruntime)}
    versions["python"] = sys.version.split()[0]
    json.dump({"versions": versions, "results": results}, sys.stdout)


main()
