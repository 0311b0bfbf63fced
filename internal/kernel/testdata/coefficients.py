"""Prints the polynomial coefficients in float32.go: near-minimax fits in relative error, by Lawson's reweighting of least squares.

Each fit says the function, its interval and the largest relative error left before rounding the coefficients to float32.
"""
import numpy as np
import scipy
from scipy.special import erf, erfc, log1p

f32 = np.float32


def fit(name, lo, hi, target, weight, powers, fixed=()):
    x = (lo + hi) / 2 + (hi - lo) / 2 * np.cos(np.linspace(0, np.pi, 4001))
    x = x[np.abs(x) > 1e-3 * (hi - lo)]
    t, w = target(x), weight(x)
    columns = {p: x**p for p in powers}
    coef = dict(fixed)
    free = [p for p in powers if p not in coef]
    # Coefficients are rounded from the lowest power up, the others refitted after each rounding.
    while free:
        rest = t - sum((c * columns[p] for p, c in coef.items()), np.zeros_like(x))
        m = np.stack([columns[p] for p in free], 1)
        lawson = np.ones_like(x)
        for _ in range(60):
            s = w * np.sqrt(lawson)
            c, *_ = np.linalg.lstsq(m * s[:, None], rest * s, rcond=None)
            e = np.abs((m @ c - rest) * w)
            lawson *= e / e.max() + 1e-9
            lawson /= lawson.mean()
        if len(free) == len(powers) - len(fixed):
            print(f"{name}: max relative error {e.max():.2e} = 2^{np.log2(e.max()):.1f}")
        coef[free[0]] = float(f32(c[0]))
        free = free[1:]
    for p in powers:
        print(f"  x^{p}: {f32(coef[p])!s}")


print("numpy", np.__version__, "scipy", scipy.__version__)
h = 0.3475
fit("exp: (e^r-1-r)/r^2", -h, h, lambda r: (np.expm1(r) - r) / r**2, lambda r: r**2 / np.exp(r), range(5))
a, b = np.sqrt(0.5) - 1, np.sqrt(2) - 1
fit("log: (log(1+f)-f+f^2/2)/f^3", a, b, lambda f: (log1p(f) - f + f * f / 2) / f**3, lambda f: f**3 / log1p(f), range(9))
fit("tanh: (tanh(x)-x)/x^3 in x^2", 0.01, 0.625**2, lambda z: (np.tanh(np.sqrt(z)) / np.sqrt(z) - 1) / z,
    lambda z: z * np.sqrt(z) / np.tanh(np.sqrt(z)), range(5))
fit("erf: erf(x)/x-1 in x^2", 0.0, 0.93**2, lambda z: erf(np.sqrt(z)) / np.sqrt(z) - 1, lambda z: np.sqrt(z) / erf(np.sqrt(z)), range(6))
fit("erf: -log(erfc(t))", 0.9, 4.0, lambda t: -np.log(erfc(t)), lambda t: erfc(t) / erf(t), range(7))
fit("log1p: (2 atanh(s)-2s)/s^3 in s^2", 0.0, 1 / 9, lambda z: 2 * (np.arctanh(np.sqrt(z)) / np.sqrt(z) - 1) / z,
    lambda z: z * np.sqrt(z) / np.arctanh(np.sqrt(z)) / 2, range(5))
