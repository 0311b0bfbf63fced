"""Training epochs against scikit-learn, PyTorch and Vowpal Wabbit: the same encoded rows, one core each.

    python bench/train.py [--rows 500000] [--repeat 3]

40 float32 features and a label of two classes. howdah's epochs read a scratch file, checksums verified, shuffled, as in a
run; the others hold the rows in memory, but for Vowpal Wabbit, which reads its cache. Batches of 256 rows and Adam, but for
SGDClassifier and Vowpal Wabbit, which update after every row. Beside the rates stands the mean loss of the last epoch's rows
as the program has it, so that it is seen to learn. Vowpal Wabbit is left out where `import vowpalwabbit` fails.
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

COLS, BATCH, EPOCHS = 40, 256, 3


def load(path, rows):
    import numpy as np

    a = np.fromfile(path, dtype=np.float32)
    return a[: rows * COLS].reshape(rows, COLS), a[rows * COLS :]


def torch_side(path, rows, model):
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(7)
    x, y = (torch.from_numpy(a) for a in load(path, rows))
    if model == "logistic":
        net = torch.nn.Linear(COLS, 1)
    else:
        net = torch.nn.Sequential(torch.nn.Linear(COLS, 64), torch.nn.ReLU(), torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 1))
    loss_of = torch.nn.BCEWithLogitsLoss()
    opt = torch.optim.Adam(net.parameters(), lr=0.001, fused=True)
    seconds, losses = [], []
    for _ in range(EPOCHS):
        begun, total = time.perf_counter(), torch.zeros(())
        for part in torch.randperm(rows).split(BATCH):
            opt.zero_grad()
            loss = loss_of(net(x[part])[:, 0], y[part])
            loss.backward()
            opt.step()
            total += loss.detach()
        seconds.append(time.perf_counter() - begun)
        losses.append(float(total) / ((rows + BATCH - 1) // BATCH))
    return {"seconds": seconds, "loss": losses}


def sklearn_side(path, rows, model):
    import numpy as np
    from sklearn.linear_model import SGDClassifier
    from sklearn.metrics import log_loss

    x, y = load(path, rows)
    y = y.astype(np.int64)
    m = SGDClassifier(loss="log_loss", alpha=1e-6, random_state=7)
    seconds = []
    for _ in range(EPOCHS):
        begun = time.perf_counter()
        m.partial_fit(x, y, classes=[0, 1])
        seconds.append(time.perf_counter() - begun)
    return {"seconds": seconds, "loss": [log_loss(y[:50000], m.predict_proba(x[:50000]))]}


def vw_side(path, rows, model):
    from vowpalwabbit import Workspace

    x, y = load(path, rows)
    with tempfile.TemporaryDirectory() as tmp:
        with open(f"{tmp}/d", "w") as f:
            for row, label in zip(x.tolist(), y.tolist()):
                f.write(("1" if label else "-1") + " | " + " ".join(f"{i}:{v:.7g}" for i, v in enumerate(row)) + "\n")
        args = f"--loss_function logistic --quiet -d {tmp}/d --cache_file {tmp}/c"
        Workspace(args).finish()  # makes the cache
        seconds = []
        for _ in range(EPOCHS):
            begun = time.perf_counter()
            m = Workspace(args)
            m.run_parser() if hasattr(m, "run_parser") else None
            seconds.append(time.perf_counter() - begun)
            loss = m.get_sum_loss() / max(m.get_weighted_examples(), 1)
            m.finish()
    return {"seconds": seconds, "loss": [loss]}


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--rows", type=int, default=500_000)
    p.add_argument("--repeat", type=int, default=3)
    p.add_argument("--side", help=argparse.SUPPRESS)
    p.add_argument("--model", help=argparse.SUPPRESS)
    p.add_argument("--file", help=argparse.SUPPRESS)
    a = p.parse_args()
    if a.side:
        json.dump({"pytorch": torch_side, "scikit-learn": sklearn_side, "vowpal wabbit": vw_side}[a.side](a.file, a.rows, a.model), sys.stdout)
        return
    import numpy as np

    with tempfile.TemporaryDirectory() as tmp:
        r = np.random.default_rng(1)
        x = r.standard_normal((a.rows, COLS), dtype=np.float32)
        w = r.standard_normal(COLS) / 3
        y = (r.random(a.rows) < 1 / (1 + np.exp(-(x @ w)))).astype(np.float32)
        with open(f"{tmp}/rows", "wb") as f:
            x.tofile(f)
            y.tofile(f)
        binary = f"{tmp}/train"
        subprocess.run(["go", "build", "-o", binary, "./train"], cwd=pathlib.Path(__file__).parent, check=True)
        env = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
        sides = {}
        for model in ("logistic", "mlp"):
            sides[model, "howdah"] = [binary, "-rows", str(a.rows), "-cols", str(COLS), "-model", model, "-batch", str(BATCH), "-epochs", str(EPOCHS), f"{tmp}/rows"]
            for side in ("pytorch", "scikit-learn", "vowpal wabbit"):
                if side == "pytorch" or model == "logistic":
                    sides[model, side] = [sys.executable, __file__, "--rows", str(a.rows), "--side", side, "--model", model, "--file", f"{tmp}/rows"]
        seconds, last = {s: [] for s in sides}, {}
        for _ in range(a.repeat):
            for s, argv in list(sides.items()):
                got = subprocess.run(argv, capture_output=True, env=env)
                if got.returncode:
                    print(f"{s[1]} is left out: {got.stderr.decode().strip().splitlines()[-1]}")
                    del sides[s], seconds[s]
                    continue
                last[s] = json.loads(got.stdout)
                seconds[s] += last[s]["seconds"][1:]
        print(f"{'':28} {'s an epoch':>10} {'rows/s':>10} {'loss':>7} {'howdah is':>10}")
        for s in sides:
            m = statistics.median(seconds[s])
            faster = m / statistics.median(seconds[s[0], "howdah"])
            print(f"{s[0] + ', ' + s[1]:28} {m:10.3f} {a.rows / m:10.3g} {last[s]['loss'][-1]:7.4f} {faster:9.1f}x")


if __name__ == "__main__":
    main()
