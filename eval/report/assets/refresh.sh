#!/bin/sh
# Fetches the chart library that package-lock.json pins (by its integrity hash) and copies it here.
#   sh refresh.sh           after a change of the version in package.json and package-lock.json
#   sh refresh.sh --check   fails where a committed file is not the package's
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here/package.json" "$here/package-lock.json" "$work/"
(cd "$work" && npm ci --ignore-scripts --no-audit --no-fund --silent)
from=$work/node_modules/uplot
for pair in dist/uPlot.iife.min.js:uPlot.iife.min.js dist/uPlot.min.css:uPlot.min.css LICENSE:uPlot.LICENSE; do
  if [ "${1:-}" = --check ]; then
    cmp "$from/${pair%%:*}" "$here/${pair##*:}"
  else
    cp "$from/${pair%%:*}" "$here/${pair##*:}"
  fi
done
