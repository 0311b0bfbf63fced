#!/bin/bash
# Run all tests, on a fresh machine with Go, Java 17, Maven and Python 3.
#
#     bash internal/test.sh [arguments of go test]
#
# What the tests need besides Go is fetched once into the user's cache: the jars of Hadoop 3.4.2 (the tests start a real HDFS on
# loopback themselves) and a Python environment with onnxruntime. Where CI=true nothing is skipped: what cannot be had is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${XDG_CACHE_HOME:-$HOME/.cache}/howdah

HOWDAH_HADOOP_LIB=$(sh internal/hadooptest/fetch.sh) || {
	echo "internal/test.sh: the Hadoop jars cannot be fetched: Java 17 and Maven are needed" >&2
	[ "${CI:-}" != true ] || exit 1
	unset HOWDAH_HADOOP_LIB
}
[ -z "${HOWDAH_HADOOP_LIB:-}" ] || export HOWDAH_HADOOP_LIB

if [ -z "${HOWDAH_PYTHON:-}" ]; then
	want=$(cksum <internal/onnxtest/requirements.txt | cut -d' ' -f1)
	venv=$cache/python-$want
	if [ ! -e "$venv/.complete" ]; then
		rm -rf "$venv"
		if python3 -m venv "$venv" && "$venv/bin/pip" install -q -r internal/onnxtest/requirements.txt; then
			touch "$venv/.complete"
		else
			echo "internal/test.sh: onnxruntime cannot be installed: Python 3 with venv is needed" >&2
			[ "${CI:-}" != true ] || exit 1
		fi
	fi
	[ ! -e "$venv/.complete" ] || export HOWDAH_PYTHON=$venv/bin/python
fi

if [ $# -eq 0 ]; then
	set -- ./...
fi
exec go test -timeout 20m "$@"
