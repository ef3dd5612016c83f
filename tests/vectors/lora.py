"""Low-rank adapters in OFA-1: the plain reference, and the vectors made from it.

  lora.py OUT.json     needs reference.py of OFA-1 on PYTHONPATH

A linear layer of a block, y = x W, becomes y = x W [+ b] + (x A) B; only A and B are trained (docs/arithmetic.md).
Here A is (inputs x rank) and B (rank x outputs); a llama stores both the other way round, as it does W.
"""
import json
import math
import sys

import numpy as np

import llama
from reference import (adamw, attention, attention_grad, below, bits, cross_entropy, f32, finite, gelu, gelu_grad,
                       gemm, gpt_init, layernorm, layernorm_grad, linear, normalish)


class Layers:
    """The linear layers of frozen weights `p` with adapters `q`; gradients of the adapters collect in `grads`."""

    def __init__(self, p, q, slices, outputs_first):
        self.p, self.q, self.slices, self.turned = p, q, slices, outputs_first
        self.low, self.grads = {}, {}

    def parts(self, name):
        parts = [self.p[name + ".w"], self.q[name + ".lora_a"], self.q[name + ".lora_b"]]
        return [part.T for part in parts] if self.turned else parts

    def forward(self, x, name):
        w, a, b = self.parts(name)
        bias = self.p.get(name + ".b")
        y = gemm(x, w, self.slices) if bias is None else linear(x, w, bias, self.slices)
        self.low[name] = (x, gemm(x, a, self.slices))
        return y + gemm(self.low[name][1], b, self.slices)

    def backward(self, dy, name):
        w, a, b = self.parts(name)
        x, low = self.low[name]
        dl = gemm(dy, b.T, self.slices)
        da, db = gemm(x.T, dl, self.slices), gemm(low.T, dy, self.slices)
        self.grads[name + ".lora_a"] = da.T if self.turned else da
        self.grads[name + ".lora_b"] = db.T if self.turned else db
        return gemm(dy, w.T, self.slices) + gemm(dl, a.T, self.slices)


def gpt_step(p, layers, tokens, targets, cfg):
    batch, t = tokens.shape
    heads, slices = cfg["n_head"], layers.slices
    x = p["wte"][tokens.reshape(-1)] + p["wpe"][np.tile(np.arange(t), batch)]
    tape = []
    for i in range(cfg["n_layer"]):
        n = f"h.{i}."
        a, s1 = layernorm(x, p[n + "ln_1.g"], p[n + "ln_1.b"])
        y, sa = attention(layers.forward(a, n + "qkv"), batch, heads, slices)
        x = x + layers.forward(y, n + "attn_out")
        c, s2 = layernorm(x, p[n + "ln_2.g"], p[n + "ln_2.b"])
        f = layers.forward(c, n + "fc")
        x = x + layers.forward(gelu(f), n + "fc_out")
        tape.append((s1, sa, s2, f))
    z, sf = layernorm(x, p["ln_f.g"], p["ln_f.b"])
    loss, dl = cross_entropy(gemm(z, p["wte"].T, slices), targets.reshape(-1))
    dx = layernorm_grad(gemm(dl, p["wte"], slices), p["ln_f.g"], sf)[0]
    for i in reversed(range(cfg["n_layer"])):
        n = f"h.{i}."
        s1, sa, s2, f = tape[i]
        df = gelu_grad(f, layers.backward(dx, n + "fc_out"))
        dx = dx + layernorm_grad(layers.backward(df, n + "fc"), p[n + "ln_2.g"], s2)[0]
        dqkv = attention_grad(layers.backward(dx, n + "attn_out"), sa, batch, heads, slices)
        dx = dx + layernorm_grad(layers.backward(dqkv, n + "qkv"), p[n + "ln_1.g"], s1)[0]
    return loss


def llama_step(p, layers, tokens, targets, cfg, table):
    batch, heads, kv, slices = tokens.shape[0], cfg["n_head"], cfg["n_kv_head"], layers.slices
    eps, head = f32(cfg["eps_nano"] / 1e9), p["embed"] if cfg["tied"] else p["head"]
    x = p["embed"][tokens.reshape(-1)]
    tape = []
    for i in range(cfg["n_layer"]):
        n = f"h.{i}."
        a, s1 = llama.rmsnorm(x, p[n + "norm_1.g"], eps)
        q, k, v = (layers.forward(a, n + w) for w in "qkv")
        y, sa = attention(llama.rotary(q, k, v, table, batch, heads, kv), batch, heads, slices)
        x = x + layers.forward(y, n + "o")
        c, s2 = llama.rmsnorm(x, p[n + "norm_2.g"], eps)
        gate, up = layers.forward(c, n + "gate"), layers.forward(c, n + "up")
        x = x + layers.forward(llama.swiglu(gate, up), n + "down")
        tape.append((s1, sa, s2, gate, up))
    z, sf = llama.rmsnorm(x, p["norm_f.g"], eps)
    loss, dl = cross_entropy(gemm(z, head.T, slices), targets.reshape(-1))
    dx = llama.rmsnorm_grad(gemm(dl, head, slices), p["norm_f.g"], sf)[0]
    for i in reversed(range(cfg["n_layer"])):
        n = f"h.{i}."
        s1, sa, s2, gate, up = tape[i]
        dgate, dup = llama.swiglu_grad(gate, up, layers.backward(dx, n + "down"))
        dc = layers.backward(dgate, n + "gate") + layers.backward(dup, n + "up")
        dx = dx + llama.rmsnorm_grad(dc, p[n + "norm_2.g"], s2)[0]
        dqkv = attention_grad(layers.backward(dx, n + "o"), sa, batch, heads, slices)
        dq, dk, dv = llama.rotary_grad(dqkv, table, batch, heads, kv)
        da = (layers.backward(dq, n + "q") + layers.backward(dk, n + "k")) + layers.backward(dv, n + "v")
        dx = dx + llama.rmsnorm_grad(da, p[n + "norm_1.g"], s1)[0]
    return loss


def adapters(p, rank, seed, outputs_first):
    """In the order of the base's parameters; the index is the tensor id. A: std sqrt(1 / (3 inputs)), B: zero."""
    out = {}
    for name, w in p.items():
        if not name.startswith("h.") or w.ndim != 2:
            continue
        inputs, outputs = w.T.shape if outputs_first else w.shape
        a_shape, b_shape = (inputs, rank), (rank, outputs)
        if outputs_first:
            a_shape, b_shape = a_shape[::-1], b_shape[::-1]
        out[name[:-1] + "lora_a"] = normalish(a_shape, math.sqrt(1.0 / (3.0 * inputs)), seed, len(out))
        out[name[:-1] + "lora_b"] = np.zeros(b_shape, dtype=f32)
    return out


def train(cfg, data, steps, batch, seed, base_seed, hyper, slices):
    is_llama = "n_kv_head" in cfg
    p = llama.init(cfg, base_seed) if is_llama else gpt_init(cfg, base_seed)
    q = adapters(p, cfg["lora_rank"], seed, is_llama)
    state = {k: (np.zeros_like(v), np.zeros_like(v)) for k, v in q.items()}
    t, losses = cfg["context"], []
    table = llama.rotary_table(cfg) if is_llama else None
    for s in range(steps):
        starts = [below(len(data) - t, seed, s, b) for b in range(batch)]
        x = np.stack([data[i:i + t] for i in starts])
        y = np.stack([data[i + 1:i + t + 1] for i in starts])
        layers = Layers(p, q, slices, is_llama)
        losses.append(llama_step(p, layers, x, y, cfg, table) if is_llama else gpt_step(p, layers, x, y, cfg))
        adamw(q, {k: finite(layers.grads[k]) for k in q}, state, s + 1, **hyper)
    return q, state, losses


def main():
    g = np.random.default_rng(20261124)
    gpt = {"vocab": 19, "context": 8, "d_model": 16, "n_layer": 2, "n_head": 4, "lora_rank": 3}
    ours = {"vocab": 19, "context": 8, "d_model": 16, "n_layer": 2, "n_head": 4, "n_kv_head": 2, "d_ff": 24,
            "rope_base": 10000, "eps_nano": 10000, "tied": 0, "lora_rank": 2}
    runs = []
    for cfg, steps, batch, slices in ((gpt, 6, 2, 2), (gpt | {"lora_rank": 1}, 2, 3, 3), (ours, 6, 2, 2),
                                      (ours | {"tied": 1, "lora_rank": 5}, 3, 2, 1)):
        data = g.integers(0, cfg["vocab"], 300)
        hyper = {"lr": 1e-2, "beta1": 0.9, "beta2": 0.95, "eps": 1e-8, "decay": 0.1, "clip": 1.0}
        seed, base_seed = int(g.integers(1, 2 ** 40)), int(g.integers(1, 2 ** 40))
        q, st, losses = train(cfg, data, steps, batch, seed, base_seed, hyper, slices)
        runs.append({"config": cfg, "steps": steps, "batch": batch, "slices": slices, "seed": seed,
                     "base_seed": base_seed, "hyper": hyper, "data": bits(data),
                     "losses": bits(np.array(losses, dtype=f32)), "params": {k: bits(v) for k, v in q.items()},
                     "m": {k: bits(v[0]) for k, v in st.items()}, "v": {k: bits(v[1]) for k, v in st.items()}})
        print("lora", cfg, [float(v) for v in losses])
    with open(sys.argv[1], "w") as out:
        json.dump(runs, out, separators=(",", ":"))


if __name__ == "__main__":
    main()
