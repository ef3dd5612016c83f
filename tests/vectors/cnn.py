"""Convolutions in OFA-1: the plain reference, and the vectors made from it.

  cnn.py OUT.json     needs reference.py of OFA-1 on PYTHONPATH

The trees are those of docs/arithmetic.md: a convolution is a product of patches, a pixel's gradient the exact sum of its
places in the patches. Samples are height x width x channels bytes, divided by 255 in binary32.
"""
import json
import math
import sys

import numpy as np

from reference import adamw, below, bits, cross_entropy, esum, f32, finite, gelu, gelu_grad, linear, linear_grad, normalish


def patches(x, kernel, stride, pad):
    """x (B x H x W x C) to (B Ho Wo x Kh Kw C), and the places (index into x, or -1) that it was cut from."""
    b, h, w, c = x.shape
    place = np.full((b, h + 2 * pad, w + 2 * pad, c), -1, dtype=np.int64)
    place[:, pad:pad + h, pad:pad + w] = np.arange(x.size).reshape(x.shape)
    rows = [place[n, i:i + kernel[0], j:j + kernel[1]].reshape(-1) for n in range(b)
            for i in range(0, h + 2 * pad - kernel[0] + 1, stride) for j in range(0, w + 2 * pad - kernel[1] + 1, stride)]
    at = np.stack(rows)
    return np.where(at < 0, f32(0), x.reshape(-1)[at]), at


def patches_grad(d, at, shape):
    out = np.zeros(math.prod(shape), dtype=f32)
    order = np.argsort(at.reshape(-1), kind="stable")
    where, values = at.reshape(-1)[order], d.reshape(-1)[order]
    first = np.searchsorted(where, np.arange(out.size + 1))
    for i in range(out.size):
        if first[i] < first[i + 1]:
            out[i] = esum(values[first[i]:first[i + 1]])
    return out.reshape(shape)


def geometry(cfg):
    """Of each layer: input shape, kernel, stride, padding, outputs. The last one covers what is left of the image."""
    h, w, c = cfg["height"], cfg["width"], cfg["channels"]
    layers = []
    for outputs, stride in zip(cfg["filters"], cfg["strides"]):
        layers.append(((h, w, c), (3, 3), stride, 1, outputs))
        h, w, c = (h - 1) // stride + 1, (w - 1) // stride + 1, outputs
    return layers + [((h, w, c), (h, w), 1, 0, cfg["classes"])]


def names(cfg):
    return [f"conv.{i}" for i in range(len(cfg["filters"]))] + ["fc"]


def init(cfg, seed):
    out = {}
    for name, ((h, w, c), kernel, _, _, outputs) in zip(names(cfg), geometry(cfg)):
        inputs = kernel[0] * kernel[1] * c
        out[name + ".w"] = normalish((inputs, outputs), math.sqrt(2.0 / inputs), seed, len(out))
        out[name + ".b"] = np.zeros(outputs, dtype=f32)
    return out


def step(p, features, targets, cfg, slices):
    batch, x, tape = len(targets), features, []
    layers = list(zip(names(cfg), geometry(cfg)))
    for name, (shape, kernel, stride, pad, _) in layers:
        cut, at = patches(x.reshape(batch, *shape), kernel, stride, pad)
        y = linear(cut, p[name + ".w"], p[name + ".b"], slices)
        tape.append((cut, at, y))
        x = gelu(y)
    loss, dy = cross_entropy(tape[-1][2], targets)
    gr = {}
    for i in reversed(range(len(layers))):
        name, (shape, _, _, _, _) = layers[i]
        cut, at, _ = tape[i]
        d, gr[name + ".w"], gr[name + ".b"] = linear_grad(dy, cut, p[name + ".w"], slices)
        if i > 0:
            dx = patches_grad(d, at, (batch, *shape)).reshape(tape[i - 1][2].shape)
            dy = gelu_grad(tape[i - 1][2], dx)
    return loss, {k: finite(gr[k]) for k in p}


def train(cfg, pixels, labels, steps, batch, seed, hyper, slices):
    p = init(cfg, seed)
    state = {k: (np.zeros_like(v), np.zeros_like(v)) for k, v in p.items()}
    losses = []
    for s in range(steps):
        rows = [below(len(labels), seed, s, b) for b in range(batch)]
        features = pixels[rows].astype(f32) / f32(255)
        loss, g = step(p, features, labels[rows], cfg, slices)
        adamw(p, g, state, s + 1, **hyper)
        losses.append(loss)
    return p, state, losses


def main():
    g = np.random.default_rng(20261125)
    runs = []
    for cfg, steps, batch, slices in (
            ({"height": 6, "width": 5, "channels": 1, "filters": [4, 5], "strides": [2, 1], "classes": 3}, 6, 3, 2),
            ({"height": 3, "width": 7, "channels": 3, "filters": [6], "strides": [1], "classes": 4}, 3, 2, 3),
            ({"height": 8, "width": 8, "channels": 2, "filters": [3, 4, 5], "strides": [1, 2, 2], "classes": 5}, 3, 2, 1)):
        pixels = g.integers(0, 256, (20, cfg["height"] * cfg["width"] * cfg["channels"])).astype(np.uint8)
        labels = g.integers(0, cfg["classes"], 20)
        hyper = {"lr": 1e-2, "beta1": 0.9, "beta2": 0.95, "eps": 1e-8, "decay": 0.1, "clip": 1.0}
        seed = int(g.integers(1, 2 ** 40))
        p, st, losses = train(cfg, pixels, labels, steps, batch, seed, hyper, slices)
        runs.append({"config": cfg, "steps": steps, "batch": batch, "slices": slices, "seed": seed, "hyper": hyper,
                     "data": bits(pixels.reshape(-1).astype(np.int64)), "labels": bits(labels),
                     "losses": bits(np.array(losses, dtype=f32)), "params": {k: bits(v) for k, v in p.items()},
                     "m": {k: bits(v[0]) for k, v in st.items()}, "v": {k: bits(v[1]) for k, v in st.items()}})
        print("cnn", cfg, [float(v) for v in losses])
    with open(sys.argv[1], "w") as out:
        json.dump(runs, out, separators=(",", ":"))


if __name__ == "__main__":
    main()
