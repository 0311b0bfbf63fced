"""Ten steps of each optimiser on a small network, by PyTorch in float64; writes trajectories.json beside this file.

The network: dense slots, one embedding and one one-hot slot, a hidden layer of tanh. Every batch holds every code, so that
PyTorch's dense gradients and row-sparse ones mean the same. FTRL is the paper's algorithm 1 in numpy on PyTorch's gradients
(McMahan et al. 2013), and Adam without bias correction is written out; all else is torch.optim.
"""
import json
import os

import numpy as np
import torch

torch.set_default_dtype(torch.float64)
rng = np.random.default_rng(20130101)
D, SIZE_E, DIM, SIZE_H, HIDDEN, STEPS, BATCH = 4, 6, 3, 5, 7, 10, 24


def f32(x):
    """Numbers that float32 holds exactly."""
    return np.asarray(x, dtype=np.float32).astype(np.float64)


def problem(kind):
    n = STEPS * BATCH
    x = f32(rng.normal(size=(n, D)))
    codes = np.zeros((n, 2), dtype=np.int64)
    for s in range(STEPS):
        for j, size in enumerate([SIZE_E, SIZE_H]):
            c = np.concatenate([np.arange(size), rng.integers(0, size + 1, BATCH - size)])
            codes[s * BATCH:(s + 1) * BATCH, j] = rng.permutation(c)
    z = x @ rng.normal(size=D) + np.sin(codes).sum(axis=1) + 0.3 * rng.normal(size=n)
    k = 3 if kind == "multi" else 1
    if kind == "binary":
        y = (z > 0).astype(np.float64)
    elif kind == "multi":
        y = np.clip(np.floor(z + 1.5), 0, 2)
    else:
        y = f32(z)
    w = f32(rng.uniform(0.2, 2, size=n))
    params = {
        "dense_1.weight": f32(rng.uniform(-0.7, 0.7, size=(D + DIM, HIDDEN))),
        "dense_1.bias": f32(rng.uniform(-0.3, 0.3, size=HIDDEN)),
        "output.weight": f32(rng.uniform(-0.8, 0.8, size=(HIDDEN, k))),
        "output.bias": f32(rng.uniform(-0.3, 0.3, size=k)),
        "embedding.c0": f32(rng.uniform(-0.5, 0.5, size=(SIZE_E, DIM))),
        "one_hot.c1": f32(rng.uniform(-0.5, 0.5, size=(SIZE_H, HIDDEN))),
    }
    return dict(kind=kind, x=x, codes=codes, y=y, w=w, params=params)


def logits(p, x, codes):
    emb = torch.cat([p["embedding.c0"], torch.zeros(1, DIM)])[codes[:, 0]]
    hot = torch.cat([p["one_hot.c1"], torch.zeros(1, HIDDEN)])[codes[:, 1]]
    h = torch.tanh(torch.cat([x, emb], dim=1) @ p["dense_1.weight"] + p["dense_1.bias"] + hot)
    return h @ p["output.weight"] + p["output.bias"]


CLASS_WEIGHTS = [1.0, 2.5, 0.5]


def loss_of(kind, options, z, y, w):
    F = torch.nn.functional
    if kind == "binary":
        each = F.binary_cross_entropy_with_logits(z[:, 0], y, reduction="none")
    elif kind == "multi":
        each = F.cross_entropy(z, y.long(), reduction="none", label_smoothing=options.get("label_smoothing", 0.0))
        w = w * torch.tensor(CLASS_WEIGHTS)[y.long()]
    elif options["loss"] == "mse":
        each = F.mse_loss(z[:, 0], y, reduction="none")
    elif options["loss"] == "mae":
        each = F.l1_loss(z[:, 0], y, reduction="none")
    else:
        each = F.huber_loss(z[:, 0], y, reduction="none", delta=options["delta"])
    return (w * each).sum() / w.sum()


class PlainAdam:
    """m/(sqrt(v)+eps), no correction."""

    def __init__(self, params, lr, b1, b2, eps):
        self.params, self.lr, self.b1, self.b2, self.eps = params, lr, b1, b2, eps
        self.m = [torch.zeros_like(p) for p in params]
        self.v = [torch.zeros_like(p) for p in params]

    def step(self):
        with torch.no_grad():
            for p, m, v in zip(self.params, self.m, self.v):
                m.mul_(self.b1).add_(p.grad, alpha=1 - self.b1)
                v.mul_(self.b2).add_(p.grad**2, alpha=1 - self.b2)
                p -= self.lr * m / (v.sqrt() + self.eps)


class FTRL:
    def __init__(self, params, alpha, beta, l1, l2):
        self.params, self.alpha, self.beta, self.l1, self.l2 = params, alpha, beta, l1, l2
        self.z = [np.zeros(p.shape) for p in params]
        self.n = [np.zeros(p.shape) for p in params]

    def step(self):
        for p, z, n in zip(self.params, self.z, self.n):
            g, w = p.grad.numpy(), p.detach().numpy()
            sigma = (np.sqrt(n + g * g) - np.sqrt(n)) / self.alpha
            z += g - sigma * w
            n += g * g
            new = -(z - np.sign(z) * self.l1) / ((self.beta + np.sqrt(n)) / self.alpha + self.l2)
            with torch.no_grad():
                p.copy_(torch.tensor(np.where(np.abs(z) <= self.l1, 0.0, new)))


def run(prob, name, config, loss=None, full=False):
    """config is the optimizer section of a job."""
    c = dict(config)
    loss = loss or {}
    p = {k: torch.tensor(v, requires_grad=True) for k, v in prob["params"].items()}
    ps = list(p.values())
    lr = c["learning_rate"]
    wd = c.get("weight_decay", 0.0)
    match c["type"]:
        case "gd" | "sgd":
            opt = torch.optim.SGD(ps, lr=lr, momentum=c.get("momentum", 0.0), nesterov=c.get("nesterov", False), weight_decay=wd)
        case "adam" if not c.get("bias_correction", True):
            opt = PlainAdam(ps, lr, c.get("beta_1", 0.9), c.get("beta_2", 0.999), c.get("epsilon", 1e-8))
        case "adam" | "adamw":
            cls = torch.optim.Adam if c["type"] == "adam" else torch.optim.AdamW
            opt = cls(ps, lr=lr, betas=(c.get("beta_1", 0.9), c.get("beta_2", 0.999)), eps=c.get("epsilon", 1e-8), weight_decay=wd)
        case "adagrad":
            opt = torch.optim.Adagrad(ps, lr=lr, eps=c.get("epsilon", 1e-10), weight_decay=wd)
        case "ftrl":
            opt = FTRL(ps, lr, c.get("beta", 1.0), c.get("l1", 0.0), c.get("l2", 0.0))
    losses = []
    for s in range(STEPS):
        rows = slice(None) if full else slice(s * BATCH, (s + 1) * BATCH)
        for q in ps:
            q.grad = None
        x, codes = torch.tensor(prob["x"][rows]), torch.tensor(prob["codes"][rows])
        y, w = torch.tensor(prob["y"][rows]), torch.tensor(prob["w"][rows])
        value = loss_of(prob["kind"], loss, logits(p, x, codes), y, w)
        losses.append(value.item())
        if c["type"] != "ftrl":
            for k, q in p.items():
                if not k.endswith("bias"):
                    value = value + c.get("l1", 0.0) * q.abs().sum() + c.get("l2", 0.0) / 2 * (q**2).sum()
        value.backward()
        if "clip_value" in c:
            torch.nn.utils.clip_grad_value_(ps, c["clip_value"])
        if "clip_norm" in c:
            torch.nn.utils.clip_grad_norm_(ps, c["clip_norm"])
        opt.step()
    final = {k: v.detach().numpy().ravel().tolist() for k, v in p.items()}
    return dict(name=name, problem=prob["kind"], optimizer=config, loss=loss, losses=losses, final=final)


def schedules():
    def rates(make, epochs=12, metrics=None):
        q = torch.nn.Parameter(torch.zeros(1))
        opt = torch.optim.SGD([q], lr=0.5)
        sch = make(opt)
        out = []
        for e in range(epochs):
            out.append(opt.param_groups[0]["lr"])
            opt.step()
            sch.step(*([metrics[e]] if metrics else []))
        return out

    L = torch.optim.lr_scheduler
    metrics = [1.0, 0.9, 0.95, 0.91, 0.92, 0.93, 0.85, 0.86, 0.87, 0.88, 0.89, 0.9]
    return [
        dict(schedule=dict(type="step", every=4, factor=0.3), rates=rates(lambda o: L.StepLR(o, 4, 0.3))),
        dict(schedule=dict(type="exponential", factor=0.9), rates=rates(lambda o: L.ExponentialLR(o, 0.9))),
        dict(schedule=dict(type="cosine", epochs=12, min_rate=0.05), rates=rates(lambda o: L.CosineAnnealingLR(o, 12, 0.05))),
        dict(schedule=dict(type="plateau", factor=0.5, patience=2, min_rate=0.1, metric="log_loss"), metrics=metrics,
             rates=rates(lambda o: L.ReduceLROnPlateau(o, factor=0.5, patience=2, min_lr=0.1, threshold=0, threshold_mode="abs"), metrics=metrics)),
    ]


binary, multi, regression = problem("binary"), problem("multi"), problem("regression")
runs = [
    run(binary, "gd", dict(type="gd", learning_rate=0.4), full=True),
    run(binary, "gd with momentum", dict(type="gd", learning_rate=0.2, momentum=0.5), full=True),
    run(binary, "sgd", dict(type="sgd", learning_rate=0.3)),
    run(binary, "momentum", dict(type="sgd", learning_rate=0.1, momentum=0.9)),
    run(binary, "nesterov", dict(type="sgd", learning_rate=0.1, momentum=0.9, nesterov=True)),
    run(binary, "sgd with decay", dict(type="sgd", learning_rate=0.2, momentum=0.5, weight_decay=0.03)),
    run(binary, "adam", dict(type="adam", learning_rate=0.01)),
    run(binary, "adam, other betas", dict(type="adam", learning_rate=0.02, beta_1=0.8, beta_2=0.95, epsilon=1e-6)),
    run(binary, "adam with decay", dict(type="adam", learning_rate=0.01, weight_decay=0.05)),
    run(binary, "adam, plain", dict(type="adam", learning_rate=0.01, bias_correction=False)),
    run(binary, "adamw", dict(type="adamw", learning_rate=0.01, weight_decay=0.1)),
    run(binary, "adagrad", dict(type="adagrad", learning_rate=0.1)),
    run(binary, "ftrl", dict(type="ftrl", learning_rate=0.1)),
    run(binary, "ftrl with penalties", dict(type="ftrl", learning_rate=0.2, beta=0.5, l1=0.02, l2=0.1)),
    run(binary, "penalties", dict(type="sgd", learning_rate=0.2, l1=0.003, l2=0.02)),
    run(binary, "clip by norm", dict(type="sgd", learning_rate=0.5, clip_norm=0.05)),
    run(binary, "clip by value", dict(type="sgd", learning_rate=0.5, clip_value=0.01)),
    run(binary, "clip, penalties and decay", dict(type="adam", learning_rate=0.02, l2=0.01, clip_value=0.05, clip_norm=0.1, weight_decay=0.01)),
    run(multi, "softmax", dict(type="sgd", learning_rate=0.3)),
    run(multi, "softmax, smooth", dict(type="adam", learning_rate=0.01), dict(label_smoothing=0.1)),
    run(regression, "mse", dict(type="sgd", learning_rate=0.05), dict(loss="mse")),
    run(regression, "mae", dict(type="adagrad", learning_rate=0.05), dict(loss="mae")),
    run(regression, "huber", dict(type="adam", learning_rate=0.01), dict(loss="huber", delta=0.8)),
]


def plain(prob):
    return dict(kind=prob["kind"], x=prob["x"].ravel().tolist(), codes=prob["codes"].ravel().tolist(), y=prob["y"].tolist(),
                w=prob["w"].tolist(), params={k: v.ravel().tolist() for k, v in prob["params"].items()})


out = dict(torch=torch.__version__, numpy=np.__version__, batch=BATCH, steps=STEPS, class_weights=CLASS_WEIGHTS,
           problems=[plain(q) for q in (binary, multi, regression)], runs=runs, schedules=schedules())
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "trajectories.json"), "w") as f:
    json.dump(out, f, indent=None, separators=(",", ":"))
    f.write("\n")
