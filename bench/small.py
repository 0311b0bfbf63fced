"""A whole run over 1,000 rows and 40 columns, process start included: wall time and peak anonymous memory.

    python bench/small.py DIR [--repeat 20] [--binary howdah]

DIR is where data.py put the tables. The job has nothing but a name, the data and the label: everything else is default. The
home is on the same disk as DIR, so that the time includes what is synced to it. The peak is sampled every 2 ms.
"""

import argparse
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from memory import anonymous


def main():
    p = argparse.ArgumentParser()
    p.add_argument("dir")
    p.add_argument("--repeat", type=int, default=20)
    p.add_argument("--binary", default="")
    a = p.parse_args()
    with tempfile.TemporaryDirectory(dir=a.dir) as tmp:
        binary = a.binary
        if not binary:
            binary = f"{tmp}/howdah"
            subprocess.run(["go", "build", "-o", binary, "./cmd/howdah"], cwd=pathlib.Path(__file__).parent.parent, check=True)
        job = pathlib.Path(tmp) / "small.yaml"
        job.write_text(f"version: 1\nname: small\ndata: {{path: {pathlib.Path(a.dir).resolve()}/small}}\ncolumns: {{label: {{role: label}}}}\n")
        seconds, cpu, peaks = [], [], []
        for turn in range(2 * a.repeat + 1):
            argv = [binary, "run", str(job), "--home", f"{tmp}/home-{turn}"]
            if turn % 2 == 0:  # the clock
                before, begun = time_of_children(), time.perf_counter()
                done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                took = time.perf_counter() - begun
                if done.returncode:
                    sys.exit(done.stdout.decode())
                if turn > 0:
                    seconds.append(took)
                    cpu.append(time_of_children() - before)
            else:  # the memory: sampling takes time of its own
                child, peak = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL), 0.0
                while child.poll() is None:
                    peak = max(peak, anonymous(child.pid))
                    time.sleep(0.002)
                peaks.append(peak)
        print(f"wall time: median {statistics.median(seconds):.3f} s, fastest {min(seconds):.3f} s (wanted: under 0.2 s); processor {statistics.median(cpu):.3f} s")
        print(f"anonymous memory: median {statistics.median(peaks):.0f} MB, most {max(peaks):.0f} MB (wanted: under 80 MB)")


def time_of_children():
    import os

    t = os.times()
    return t.children_user + t.children_system


if __name__ == "__main__":
    main()
