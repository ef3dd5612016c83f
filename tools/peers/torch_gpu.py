"""The peers of the GPU table: PyTorch's products and GPT-2 124M training step on the first GPU.

  torch_gpu.py product SIZE            G MAC/s: fp32 TF32 bf16
  torch_gpu.py step CONTEXT BATCH      tokens a second: fp32, TF32, bf16 compiled
"""
import statistics
import sys
import time

import torch
from torch.nn import functional

from torch_step import Gpt

VOCAB, WIDTH, LAYERS, HEADS = 50257, 768, 12, 12
RUNS = 10


def timed(work):
    for _ in range(3):
        work()
    times = []
    for _ in range(RUNS):
        torch.cuda.synchronize()
        start = time.perf_counter()
        work()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def product(size):
    rates = []
    for tf32, dtype in ((False, torch.float32), (True, torch.float32), (False, torch.bfloat16)):
        torch.backends.cuda.matmul.allow_tf32 = tf32
        a = torch.randn(size, size, device="cuda").to(dtype)
        b = torch.randn(size, size, device="cuda").to(dtype)
        rates.append(size ** 3 / timed(lambda: a @ b) * 1e-9)
    print(*(f"{r:.1f}" for r in rates))


def step(context, batch):
    rates = []
    for tf32, bf16 in ((False, False), (True, False), (False, True)):
        torch.backends.cuda.matmul.allow_tf32 = tf32
        torch.manual_seed(1)
        with torch.device("cuda"):
            model = Gpt(VOCAB, context, WIDTH, LAYERS, HEADS)
            tokens = torch.randint(VOCAB, (batch, context))
            targets = torch.randint(VOCAB, (batch * context,))
        optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
        torch.set_default_device("cuda")
        run = torch.compile(model) if bf16 else model

        def one():
            optimiser.zero_grad(set_to_none=True)
            with torch.autocast("cuda", dtype=torch.bfloat16, enabled=bf16):
                loss = functional.cross_entropy(run(tokens).view(-1, VOCAB).float(), targets)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()

        rates.append(batch * context / timed(one))
        torch.set_default_device("cpu")
    print(*(f"{r:.0f}" for r in rates))


if __name__ == "__main__":
    product(int(sys.argv[2])) if sys.argv[1] == "product" else step(*map(int, sys.argv[2:]))
