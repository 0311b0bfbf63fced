#!/bin/sh
# Fetch the Hadoop jars that the tests run, once, into a cache directory: $1, or $HOWDAH_HADOOP_LIB, or the user's cache.
# Needs Java and Maven. About 95 MB.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
lib=${1:-${HOWDAH_HADOOP_LIB:-${XDG_CACHE_HOME:-$HOME/.cache}/howdah/hadoop-3.4.2}}
if [ -e "$lib/.complete" ]; then
	echo "$lib"
	exit 0
fi
mkdir -p "$lib"
# The target directory is only a name here: nothing is built, and nothing is written beside the sources.
mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$lib" -DincludeScope=runtime >&2
touch "$lib/.complete"
echo "$lib"
