"""Llama blocks in OFA-1: the plain reference, and the vectors made from it.

  llama.py LLAMA.json ROTARY.json     needs reference.py of OFA-1 on PYTHONPATH

The trees are those of docs/arithmetic.md: RMSNorm, rotary positions, grouped-query attention, SwiGLU,
linear layers (weights are outputs x inputs; biases on queries, keys and values alone, or none), a tied
or separate head.
"""
import json
import math
import sys

import numpy as np

from reference import (ONE, adamw, attention, attention_grad, below, bits, cross_entropy, esum,
                       esum_scatter, f32, finite, gemm, normalish, sigmoid32)


# ---- binary64 with + - * / only -------------------------------------------------------------------
LN2 = 0.6931471805599453
PI = 3.141592653589793


def log64(x):
    """Natural logarithm of x >= 1: x = m 2^e, sqrt(1/2) <= m < sqrt(2); atanh series of 14 terms."""
    e = 0
    while x >= 2.0:
        x, e = x * 0.5, e + 1
    if x >= 1.4142135623730951:
        x, e = x * 0.5, e + 1
    t = (x - 1.0) / (x + 1.0)
    z = t * t
    s = 0.0
    for n in range(27, 0, -2):
        s = s * z + 1.0 / n
    return e * LN2 + (t + t) * s


def exp64(y):
    """e^y for -100 <= y <= 0: 2^k e^r, |r| <= ln 2; Taylor series of 20 terms."""
    k = 0
    while y < -LN2:
        y, k = y + LN2, k + 1
    s = 1.0
    for n in range(20, 0, -1):
        s = 1.0 + s * (y / n)
    for _ in range(k):
        s = s * 0.5
    return s


def cos_small(z):
    s = 1.0 / 20922789888000.0
    for n in (-87178291200.0, 479001600.0, -3628800.0, 40320.0, -720.0, 24.0, -2.0):
        s = s * z + 1.0 / n
    return s * z + 1.0


def sin_small(x, z):
    s = -1.0 / 1307674368000.0
    for n in (6227020800.0, -39916800.0, 362880.0, -5040.0, 120.0, -6.0):
        s = s * z + 1.0 / n
    return (s * z) * x + x


def cos_pi(t):
    mirrored = t > 0.5
    f = 1.0 - t if mirrored else t
    if f <= 0.25:
        x = PI * f
        y = cos_small(x * x)
    else:
        x = PI * (0.5 - f)
        y = sin_small(x, x * x)
    return -y if mirrored else y


def cos_turn(u):
    """cos(pi u) for 0 <= u < 2."""
    return cos_pi(u) if u <= 1.0 else cos_pi(2.0 - u)


def scaled(h, scaling):
    """Half turns a position, lowered for contexts longer than the first training's (Llama 3, or all alike)."""
    if scaling is None:
        return h
    far = h / (scaling["factor_nano"] / 1e9)
    if "original_context" not in scaling:
        return far
    low, high = scaling["low_freq_factor_nano"] / 1e9, scaling["high_freq_factor_nano"] / 1e9
    turns = scaling["original_context"] * (h * 0.5)  # whole ones, in the first training's context
    s = (turns - low) / (high - low)
    if s <= 0.0:
        return far
    return h if s >= 1.0 else (1.0 - s) * far + s * h


def rotary_rows(positions, head_dim, base, scaling=None):
    """Row t holds cos(t w_i), then sin(t w_i); w_i = base^(-2 i / head_dim), scaled."""
    half = head_dim // 2
    table = np.zeros((len(positions), head_dim), dtype=f32)
    slope = log64(float(base)) / half
    for i in range(half):
        per_step = scaled(exp64(-(slope * i)) / PI, scaling)  # half turns a position
        for row, t in enumerate(positions):
            turns = t * per_step
            u = turns - 2.0 * math.floor(turns * 0.5)
            v = u - 0.5 if u >= 0.5 else u + 1.5
            table[row, i] = f32(cos_turn(u))
            table[row, half + i] = f32(cos_turn(v))
    return table


def rotary_table(cfg):
    """(context x head_dim) of a model."""
    return rotary_rows(range(cfg["context"]), cfg["d_model"] // cfg["n_head"], cfg["rope_base"],
                       cfg.get("rope_scaling"))


# ---- layers ---------------------------------------------------------------------------------------
def rmsnorm(x, g, eps):
    n = f32(x.shape[1])
    rstd = ONE / np.sqrt(esum(x * x, 1) / n + eps)
    xhat = x * rstd[:, None]
    return xhat * g, (xhat, rstd)


def rmsnorm_grad(dy, g, saved):
    xhat, rstd = saved
    n = f32(dy.shape[1])
    d = dy * g
    c = esum(d * xhat, 1) / n
    return rstd[:, None] * (d - xhat * c[:, None]), esum(dy * xhat, 0)


def swiglu(gate, up):
    return (gate * sigmoid32(gate)) * up


def swiglu_grad(gate, up, dh):
    s = sigmoid32(gate)
    return (dh * up) * (s * (ONE + gate * (ONE - s))), dh * (gate * s)


def rotate(x, table, sign):
    """Rows of one head, (T x head_dim); sign -1 turns back."""
    half = x.shape[1] // 2
    cos, sin = table[:, :half], table[:, half:]
    a, b = x[:, :half], x[:, half:]
    if sign > 0:
        return np.concatenate([a * cos - b * sin, b * cos + a * sin], 1)
    return np.concatenate([a * cos + b * sin, b * cos - a * sin], 1)


def rotary(q, k, v, table, batch, heads, kv_heads):
    """q (R x D), k and v (R x KV) to qkv (R x 3D): q and k turned, k and v repeated for each head."""
    rows, d = q.shape
    t, hd, group = rows // batch, d // heads, heads // kv_heads
    out = np.zeros((rows, 3 * d), dtype=f32)
    for b in range(batch):
        r = slice(b * t, (b + 1) * t)
        for h in range(heads):
            to, of = slice(h * hd, (h + 1) * hd), slice(h // group * hd, (h // group + 1) * hd)
            out[r, to] = rotate(q[r, to], table[:t], 1)
            out[r, d + h * hd:d + (h + 1) * hd] = rotate(k[r, of], table[:t], 1)
            out[r, 2 * d + h * hd:2 * d + (h + 1) * hd] = v[r, of]
    return out


def rotary_grad(dqkv, table, batch, heads, kv_heads):
    rows, d = dqkv.shape[0], dqkv.shape[1] // 3
    t, hd, group = rows // batch, d // heads, heads // kv_heads
    dq = np.zeros((rows, d), dtype=f32)
    dk, dv = np.zeros((rows, kv_heads * hd), dtype=f32), np.zeros((rows, kv_heads * hd), dtype=f32)
    for b in range(batch):
        r = slice(b * t, (b + 1) * t)
        for h in range(heads):
            to = slice(h * hd, (h + 1) * hd)
            dq[r, to] = rotate(dqkv[r, to], table[:t], -1)
        for h in range(kv_heads):
            of = slice(h * hd, (h + 1) * hd)
            parts = [dqkv[r, d:][:, (h * group + g) * hd:(h * group + g + 1) * hd] for g in range(group)]
            dk[r, of] = rotate(esum(np.stack(parts), 0), table[:t], -1)
            parts = [dqkv[r, 2 * d:][:, (h * group + g) * hd:(h * group + g + 1) * hd] for g in range(group)]
            dv[r, of] = esum(np.stack(parts), 0)
    return dq, dk, dv


# ---- the model ------------------------------------------------------------------------------------
def init(cfg, seed):
    d, nl, v, ff = cfg["d_model"], cfg["n_layer"], cfg["vocab"], cfg["d_ff"]
    kv = d // cfg["n_head"] * cfg["n_kv_head"]
    res = 0.02 / math.sqrt(2.0 * nl)
    shapes = [("embed", (v, d), 0.02)]
    for i in range(nl):
        p = f"h.{i}."
        shapes += [(p + "norm_1.g", (d,), 1)]
        for name, rows in (("q", d), ("k", kv), ("v", kv)):
            shapes += [(p + name + ".w", (rows, d), 0.02)]
            if cfg.get("qkv_bias"):
                shapes += [(p + name + ".b", (rows,), 0)]
        shapes += [(p + "o.w", (d, d), res), (p + "norm_2.g", (d,), 1), (p + "gate.w", (ff, d), 0.02),
                   (p + "up.w", (ff, d), 0.02), (p + "down.w", (d, ff), res)]
    shapes += [("norm_f.g", (d,), 1)]
    if not cfg["tied"]:
        shapes += [("head", (v, d), 0.02)]
    out = {}
    for tid, (name, shape, std) in enumerate(shapes):
        out[name] = normalish(shape, std, seed, tid) if len(shape) == 2 else np.full(shape, std, dtype=f32)
    return out


def step(p, tokens, targets, cfg, slices, table):
    batch, t = tokens.shape
    tok, tgt = tokens.reshape(-1), targets.reshape(-1)
    heads, kv, eps = cfg["n_head"], cfg["n_kv_head"], f32(cfg["eps_nano"] / 1e9)
    head = p["embed"] if cfg["tied"] else p["head"]
    x = p["embed"][tok]
    tape = []
    for i in range(cfg["n_layer"]):
        w = {k[len(f"h.{i}."):]: v for k, v in p.items() if k.startswith(f"h.{i}.")}
        a, s1 = rmsnorm(x, w["norm_1.g"], eps)
        q, k, v = (gemm(a, w[n + ".w"].T, slices) for n in "qkv")
        if cfg.get("qkv_bias"):
            q, k, v = q + w["q.b"], k + w["k.b"], v + w["v.b"]
        y, sa = attention(rotary(q, k, v, table, batch, heads, kv), batch, heads, slices)
        x = x + gemm(y, w["o.w"].T, slices)
        c, s2 = rmsnorm(x, w["norm_2.g"], eps)
        gate, up = gemm(c, w["gate.w"].T, slices), gemm(c, w["up.w"].T, slices)
        h = swiglu(gate, up)
        x = x + gemm(h, w["down.w"].T, slices)
        tape.append((a, s1, y, sa, c, s2, gate, up, h))
    z, sf = rmsnorm(x, p["norm_f.g"], eps)
    loss, dl = cross_entropy(gemm(z, head.T, slices), tgt)
    gr = {}
    d_head = gemm(dl.T, z, slices)
    dx, gr["norm_f.g"] = rmsnorm_grad(gemm(dl, head, slices), p["norm_f.g"], sf)
    for i in reversed(range(cfg["n_layer"])):
        n = f"h.{i}."
        w = {k[len(n):]: v for k, v in p.items() if k.startswith(n)}
        a, s1, y, sa, c, s2, gate, up, h = tape[i]
        dh = gemm(dx, w["down.w"], slices)
        gr[n + "down.w"] = gemm(dx.T, h, slices)
        dgate, dup = swiglu_grad(gate, up, dh)
        dc = gemm(dgate, w["gate.w"], slices) + gemm(dup, w["up.w"], slices)
        gr[n + "gate.w"], gr[n + "up.w"] = gemm(dgate.T, c, slices), gemm(dup.T, c, slices)
        db, gr[n + "norm_2.g"] = rmsnorm_grad(dc, w["norm_2.g"], s2)
        dx = dx + db
        dy = gemm(dx, w["o.w"], slices)
        gr[n + "o.w"] = gemm(dx.T, y, slices)
        dqkv = attention_grad(dy, sa, batch, heads, slices)
        dq, dk, dv = rotary_grad(dqkv, table, batch, heads, kv)
        da = (gemm(dq, w["q.w"], slices) + gemm(dk, w["k.w"], slices)) + gemm(dv, w["v.w"], slices)
        for name, g in (("q", dq), ("k", dk), ("v", dv)):
            gr[n + name + ".w"] = gemm(g.T, a, slices)
            gr[n + name + ".b"] = esum(g, 0)
        db, gr[n + "norm_1.g"] = rmsnorm_grad(da, w["norm_1.g"], s1)
        dx = dx + db
    gr["embed"] = esum_scatter(dx, tok, p["embed"].shape[0])
    if cfg["tied"]:
        gr["embed"] = gr["embed"] + d_head
    else:
        gr["head"] = d_head
    return loss, {k: finite(gr[k]) for k in p}


def train(cfg, data, steps, batch, seed, hyper, slices):
    p = init(cfg, seed)
    state = {k: (np.zeros_like(v), np.zeros_like(v)) for k, v in p.items()}
    t, losses = cfg["context"], []
    table = rotary_table(cfg)
    for s in range(steps):
        starts = [below(len(data) - t, seed, s, b) for b in range(batch)]
        x = np.stack([data[i:i + t] for i in starts])
        y = np.stack([data[i + 1:i + t + 1] for i in starts])
        loss, g = step(p, x, y, cfg, slices, table)
        adamw(p, g, state, s + 1, **hyper)
        losses.append(loss)
    return p, state, losses


def llama3(factor, low, high, original):
    return {"factor_nano": round(factor * 1e9), "low_freq_factor_nano": round(low * 1e9),
            "high_freq_factor_nano": round(high * 1e9), "original_context": original}


def tables():
    cases = []
    for head_dim, base, scaling in ((128, 500000, None), (128, 500000, llama3(8, 1, 4, 8192)),
                                    (64, 500000, llama3(32, 1, 4, 8192)),
                                    (16, 10000, llama3(1.1, 0.7, 3.3, 640)),
                                    (8, 2, llama3(1000, 0.001, 1000, 2 ** 24)),
                                    (64, 10000, {"factor_nano": 4 * 10 ** 9}),
                                    (32, 10 ** 9, {"factor_nano": 2_700_000_001}),
                                    (4, 10000, {"factor_nano": 10 ** 9})):
        rows = [0, 1, 7, 1000, 4095]
        case = {"head_dim": head_dim, "base": base, "rows": rows,
                "table": bits(rotary_rows(rows, head_dim, base, scaling))}
        cases.append(case if scaling is None else case | {"rope_scaling": scaling})
    return cases


def main():
    g = np.random.default_rng(20261123)
    base = {"vocab": 19, "context": 8, "d_model": 16, "n_layer": 1, "n_head": 4, "n_kv_head": 2,
            "d_ff": 24, "rope_base": 10000, "eps_nano": 10000, "tied": 0}
    runs = []
    for change, steps, batch, slices in (({}, 8, 2, 2), ({"n_layer": 2, "n_kv_head": 4, "tied": 1}, 4, 3, 2),
                                         ({"n_kv_head": 1, "rope_base": 500000, "eps_nano": 1000}, 3, 2, 2),
                                         ({}, 2, 2, 1), ({}, 2, 2, 3),
                                         ({"n_head": 2, "rope_scaling": llama3(8, 1, 4, 128)}, 3, 2, 2),
                                         ({"rope_scaling": {"factor_nano": 2_500_000_000}}, 2, 2, 2),
                                         ({"n_layer": 2, "qkv_bias": 1}, 4, 2, 2)):
        cfg = base | change
        data = g.integers(0, cfg["vocab"], 300)
        hyper = {"lr": 1e-2, "beta1": 0.9, "beta2": 0.95, "eps": 1e-8, "decay": 0.1, "clip": 1.0}
        seed = int(g.integers(1, 2 ** 40))
        p, st, losses = train(cfg, data, steps, batch, seed, hyper, slices)
        runs.append({"config": cfg, "steps": steps, "batch": batch, "slices": slices, "seed": seed,
                     "hyper": hyper, "data": bits(data), "losses": bits(np.array(losses, dtype=f32)),
                     "params": {k: bits(v) for k, v in p.items()},
                     "m": {k: bits(v[0]) for k, v in st.items()}, "v": {k: bits(v[1]) for k, v in st.items()}})
        print("llama", cfg, [float(v) for v in losses])
    with open(sys.argv[1], "w") as out:
        json.dump(runs, out, separators=(",", ":"))
    with open(sys.argv[2], "w") as out:
        json.dump(tables(), out, separators=(",", ":"))


if __name__ == "__main__":
    main()
