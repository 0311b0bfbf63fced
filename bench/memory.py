"""Peak anonymous memory of whole runs, sampled every 10 ms, by the size of the table and of its row groups.

    python bench/memory.py DIR [--tables wide2m,wide20m,...] [--workers 2] [--binary howdah]

DIR is where data.py put the tables. Each run is `howdah run` of the job below, in a home and scratch of its own that are
removed afterwards. RssAnon comes from /proc/PID/status: what the process allocated, without mapped files and page cache.
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

JOB = """\
version: 1
name: memory-{name}
data: {{path: {path}}}
columns: {{label: {{role: label}}}}
features:
  - {{columns: {{type: number}}, missing: median, clip: {{quantiles: [0.001, 0.999]}}, scale: standard}}
selection: [{{method: variance, min: 0}}, {{method: correlation, max: 0.95}}, {{method: mutual_information, keep: 0.9}}]
model: logistic
optimizer: {{type: adam, learning_rate: 0.001}}
train: {{epochs: {epochs}, batch_size: 256, seed: 7}}
runtime: {{scratch: {scratch}}}
"""


def anonymous(pid):
    try:
        with open(f"/proc/{pid}/status") as f:
            m = re.search(r"RssAnon:\s+(\d+) kB", f.read())
            return int(m.group(1)) / 1e3 if m else 0.0
    except (FileNotFoundError, ProcessLookupError):
        return 0.0


def run(binary, table, workers, epochs, env=None):
    """Returns seconds, the peak in MB, and [(second, MB, phase)] of each new peak by phase."""
    with tempfile.TemporaryDirectory(dir=table.parent) as tmp:
        tmp = pathlib.Path(tmp)
        job = tmp / "job.yaml"
        job.write_text(JOB.format(name=table.name, path=table, scratch=tmp / "scratch", epochs=epochs))
        (tmp / "scratch").mkdir()
        begun = time.monotonic()
        with open(tmp / "out", "w") as out:
            p = subprocess.Popen([binary, "run", str(job), "--home", str(tmp / "home"), "--workers", str(workers)], stdout=out, stderr=out, env=env)
            by_phase, phase, ticks = {}, "start", 0
            while p.poll() is None:
                if ticks % 20 == 0:
                    lines = (tmp / "out").read_text().splitlines()
                    phase = lines[-1].strip()[:48] if lines else phase
                mb = anonymous(p.pid)
                by_phase[phase] = max(by_phase.get(phase, 0), mb)
                ticks += 1
                time.sleep(0.01)
        if p.returncode:
            sys.exit(f"{table}: howdah failed ({p.returncode}):\n" + (tmp / "out").read_text())
        return time.monotonic() - begun, max(by_phase.values()), by_phase


def main():
    p = argparse.ArgumentParser()
    p.add_argument("dir")
    p.add_argument("--tables", default="wide2m,wide20m,wide2m-1m,wide20m-1m")
    p.add_argument("--workers", type=int, default=2)
    p.add_argument("--epochs", type=int, default=1)
    p.add_argument("--binary", default="")
    p.add_argument("--phases", action="store_true")
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as tmp:
        binary = a.binary
        if not binary:
            binary = f"{tmp}/howdah"
            subprocess.run(["go", "build", "-o", binary, "./cmd/howdah"], cwd=pathlib.Path(__file__).parent.parent, check=True)
        peaks = {}
        print(f"{'table':12} {'seconds':>8} {'peak MB':>8}", flush=True)
        for name in a.tables.split(","):
            seconds, peak, phases = run(binary, pathlib.Path(a.dir).resolve() / name, a.workers, a.epochs)
            peaks[name] = peak
            print(f"{name:12} {seconds:8.1f} {peak:8.0f}", flush=True)
            if a.phases:
                for phase, mb in phases.items():
                    print(f"    {mb:8.0f} {phase}", flush=True)
        for small, large in (("wide2m", "wide20m"), ("wide2m-1m", "wide20m-1m")):
            if small in peaks and large in peaks:
                print(f"{large} / {small}: {peaks[large] / peaks[small]:.2f} (wanted: at most 1.10, and both below 600 MB)")


if __name__ == "__main__":
    main()
