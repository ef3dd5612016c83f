"""The same models in PyTorch fp32, on our parameters (name -> tensor), our data order and our AdamW.

Everything here follows docs/arithmetic.md in ordinary floating point: it is the peer, not a copy.
"""
import math
import struct

import numpy as np
import torch
from torch.nn import functional

MASK32 = 0xFFFFFFFF


def philox(counter, key):
    """Philox4x32-10: four words of counter, two of key, to four words."""
    c, (k0, k1) = list(counter), key
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k0, p1 & MASK32, (p0 >> 32) ^ c[3] ^ k1, p0 & MASK32]
        k0, k1 = (k0 + 0x9E3779B9) & MASK32, (k1 + 0xBB67AE85) & MASK32
    return c


def below(n, seed, a, b):
    """A uniform integer in [0, n) at position (a, b) of the sampling domain."""
    w = philox((a, b, 0, 2), (seed & MASK32, seed >> 32))
    return ((w[0] | w[1] << 32) * n) >> 64


def read_safetensors(path):
    """name -> float32 tensor of a file of F32 tensors."""
    with open(path, "rb") as file:
        size, = struct.unpack("<Q", file.read(8))
        import json
        header = json.loads(file.read(size))
        data = file.read()
    out = {}
    for name, info in header.items():
        if name == "__metadata__":
            continue
        begin, end = info["data_offsets"]
        values = np.frombuffer(data[begin:end], dtype="<f4").reshape(info["shape"])
        out[name] = torch.from_numpy(values.copy())
    return out


def read_idx(path):
    """An IDX file (gzip) as an array of bytes in its shape."""
    import gzip
    with gzip.open(path, "rb") as file:
        raw = file.read()
    rank = raw[3]
    shape = struct.unpack(f">{rank}I", raw[4:4 + 4 * rank])
    return np.frombuffer(raw, dtype=np.uint8, offset=4 + 4 * rank).reshape(shape)


class Gpt:
    def __init__(self, config, tokens):
        self.config, self.tokens = config, tokens

    def batch(self, seed, step, size):
        context = self.config["context"]
        rows = []
        for b in range(size):
            start = below(len(self.tokens) - context, seed, step, b)
            rows.append(self.tokens[start:start + context + 1])
        rows = torch.from_numpy(np.stack(rows).astype(np.int64))
        return rows[:, :-1], rows[:, 1:].reshape(-1)

    def batches_in_order(self, tokens, size):
        context = self.config["context"]
        rows = size * context
        for first in range(0, (len(tokens) - 1) // rows * rows, rows):
            window = torch.from_numpy(tokens[first:first + rows + 1].astype(np.int64))
            yield window[:-1].view(size, context), window[1:]

    def logits(self, p, tokens):
        heads = self.config["nHead"]
        batch, context = tokens.shape
        x = p["wte"][tokens] + p["wpe"][:context]
        width = x.shape[-1]
        for i in range(self.config["nLayer"]):
            w = {k[len(f"h.{i}."):]: v for k, v in p.items() if k.startswith(f"h.{i}.")}
            a = functional.layer_norm(x, (width,), w["ln_1.g"], w["ln_1.b"], 1e-5)
            parts = (a @ w["qkv.w"] + w["qkv.b"]).split(width, dim=2)
            q, k, v = (t.view(batch, context, heads, -1).transpose(1, 2) for t in parts)
            y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            y = y.transpose(1, 2).reshape(batch, context, width)
            x = x + (y @ w["attn_out.w"] + w["attn_out.b"])
            a = functional.layer_norm(x, (width,), w["ln_2.g"], w["ln_2.b"], 1e-5)
            h = functional.gelu(a @ w["fc.w"] + w["fc.b"], approximate="tanh")
            x = x + (h @ w["fc_out.w"] + w["fc_out.b"])
        x = functional.layer_norm(x, (width,), p["ln_f.g"], p["ln_f.b"], 1e-5)
        return (x @ p["wte"].T).view(-1, p["wte"].shape[0])


class Mlp:
    def __init__(self, config, images, labels):
        self.layers = len(config["hidden"]) + 1
        self.images, self.labels = self.scaled(images), torch.from_numpy(labels.astype(np.int64))

    @staticmethod
    def scaled(images):
        return torch.from_numpy(images.reshape(len(images), -1).astype(np.float32) / np.float32(255))

    def batch(self, seed, step, size):
        index = [below(len(self.images), seed, step, b) for b in range(size)]
        return self.images[index], self.labels[index]

    def batches_in_order(self, data, size):
        images, labels = self.scaled(data[0]), torch.from_numpy(data[1].astype(np.int64))
        for first in range(0, len(images) // size * size, size):
            yield images[first:first + size], labels[first:first + size]

    def logits(self, p, x):
        for i in range(self.layers):
            x = x @ p[f"fc.{i}.w"] + p[f"fc.{i}.b"]
            if i + 1 < self.layers:
                x = functional.gelu(x, approximate="tanh")
        return x


class Cnn(Mlp):
    """Convolutions of 3 x 3 with GELU and one linear layer over what is left of the image."""

    def __init__(self, config, images, labels):
        super().__init__({"hidden": []}, images, labels)
        self.config = config

    def logits(self, p, x):
        c = self.config
        x = x.view(-1, c["height"], c["width"], c["channels"]).permute(0, 3, 1, 2)
        for i, stride in enumerate(c["strides"]):
            w = p[f"conv.{i}.w"].view(3, 3, x.shape[1], -1).permute(3, 2, 0, 1)
            x = functional.conv2d(x, w, p[f"conv.{i}.b"], stride=stride, padding=1)
            x = functional.gelu(x, approximate="tanh")
        return x.permute(0, 2, 3, 1).flatten(1) @ p["fc.w"] + p["fc.b"]


def learning_rate(o, step, total):
    lr, low, warmup = float(o["lr"]), float(o["minLr"]), o["warmupSteps"]
    if step < warmup:
        return lr * (step + 1) / warmup
    return low + (lr - low) * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (total - warmup)))


def train(model, parameters, job):
    """Trains `parameters` in place; returns the loss of every step."""
    o, plan = job["optimizer"], job["plan"]
    total = plan["rounds"] * plan["localSteps"]
    p = {k: v.requires_grad_() for k, v in parameters.items()}
    groups = [{"params": [v for v in p.values() if v.ndim > 1], "weight_decay": float(o["decay"])},
              {"params": [v for v in p.values() if v.ndim == 1], "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, betas=(float(o["beta1"]), float(o["beta2"])),
                                  eps=float(o["eps"]))
    losses = []
    for step in range(total):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(o, step, total)
        x, target = model.batch(job["seed"], step, plan["batch"])
        optimiser.zero_grad(set_to_none=True)
        loss = functional.cross_entropy(model.logits(p, x), target)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(p.values(), float(o["clip"]))
        optimiser.step()
        losses.append(loss.item())
    return losses


@torch.no_grad()
def validation_loss(model, parameters, held_out, size=8):
    losses = [functional.cross_entropy(model.logits(parameters, x), y).item()
              for x, y in model.batches_in_order(held_out, size)]
    return sum(losses) / len(losses)
