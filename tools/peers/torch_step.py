"""The peer of a training step: the same GPT in PyTorch, fp32 or bf16 autocast.

  torch_step.py fp32|bf16 THREADS RUNS VOCAB CONTEXT WIDTH LAYERS HEADS BATCH    prints ms per step, peak MB
"""
import os
import resource
import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.fc, self.fc_out = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        batch, context, width = x.shape
        parts = self.qkv(self.ln_1(x)).split(width, dim=2)
        q, k, v = (p.view(batch, context, self.heads, -1).transpose(1, 2) for p in parts)
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(batch, context, width))
        return x + self.fc_out(functional.gelu(self.fc(self.ln_2(x)), approximate="tanh"))


class Gpt(nn.Module):
    def __init__(self, vocab, context, width, layers, heads):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocab, width), nn.Embedding(context, width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(layers)))
        self.ln_f = nn.LayerNorm(width)

    def forward(self, tokens):
        x = self.wte(tokens) + self.wpe(torch.arange(tokens.shape[1]))
        return self.ln_f(self.blocks(x)) @ self.wte.weight.T


def main():
    kind, *rest = sys.argv[1:]
    threads, runs, vocab, context, width, layers, heads, batch = map(int, rest)
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    model = Gpt(vocab, context, width, layers, heads)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1,
                                  fused=True)  # its fastest form
    tokens = torch.randint(vocab, (batch, context))
    targets = torch.randint(vocab, (batch * context,))
    clock = time.process_time if os.environ.get("PEERS_CLOCK") == "cpu" else time.perf_counter
    times = []
    for _ in range(runs + 1):
        start = clock()
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=kind == "bf16"):
            logits = model(tokens)
            loss = functional.cross_entropy(logits.view(-1, vocab).float(), targets)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        times.append((clock() - start) * 1000)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1.024e-3
    print(f"{statistics.median(times[1:]):.2f} {peak:.0f}")  # the first one warms up


main()
