"""Does exact arithmetic train as well as fp32? Ours against PyTorch from the same initial weights, on
the same data in the same order, over several seeds.

  parity.py ASSAY OUT [--quick]

For each model and seed: `assay job rehearse` (slices = 2) and PyTorch fp32, then the loss of each on
held-out data, each in its own arithmetic. Passes when the mean difference is within the spread of
fp32 over seeds (one standard deviation). --quick: one seed, fewer steps, differences below QUICK.
Writes OUT/parity.json, OUT/parity.svg and the table to stdout. Exit status 1 when a model fails.
"""
import copy
import glob
import json
import os
import statistics
import subprocess
import sys

import numpy as np
import torch

from plot import write_svg
from torch_models import Cnn, Gpt, Mlp, read_idx, read_safetensors, train, validation_loss

IMAGES = "/usr/share/datasets/fashion-mnist"
QUICK = 0.02  # nats, at one seed after 150 steps
TERMS = {"replicas": 3, "priceCeiling": "2000", "deadlineMs": 1800000}


def optimizer(lr, decay, warmup, beta2):
    return {"lr": lr, "beta1": "0.9", "beta2": beta2, "eps": "0.00000001", "decay": decay,
            "clip": "1", "warmupSteps": warmup, "minLr": "0.0003"}


def job(name, model, steps, batch, seed, **options):
    return {"name": name, "model": model, "optimizer": optimizer(**options), "numerics": "OFA-1",
            "slices": 2, "seed": seed, "terms": TERMS,
            "plan": {"rounds": 1, "shards": 1, "localSteps": steps, "batch": batch}}


class Text:
    """The licence texts of every Debian system; the last tenth is held out."""
    name = "GPT, 4 layers, on text"

    def __init__(self, out):
        files = sorted(f for f in glob.glob("/usr/share/common-licenses/*") if not os.path.islink(f))
        text = b"".join(open(f, "rb").read() for f in files)
        cut = len(text) * 9 // 10
        self.files, self.held_files = [f"{out}/train.txt"], [f"{out}/held.txt"]
        for file, part in ((self.files[0], text[:cut]), (self.held_files[0], text[cut:])):
            with open(file, "wb") as to:
                to.write(part)
        self.tokens = np.frombuffer(text[:cut], dtype=np.uint8)
        self.held = np.frombuffer(text[cut:], dtype=np.uint8)
        self.config = {"vocab": 256, "context": 64, "dModel": 64, "nLayer": 4, "nHead": 4}

    def job(self, seed, quick):
        return job("parity: gpt", {"gpt": self.config}, 150 if quick else 1000, 8, seed,
                   lr="0.003", decay="0.1", warmup=30, beta2="0.95")

    def peer(self):
        return Gpt(self.config, self.tokens)


class Images:
    name = "MLP, 784-64-10, on Fashion-MNIST"

    def __init__(self, out):
        self.files = [f"{IMAGES}/train-{kind}-ubyte.gz" for kind in ("images-idx3", "labels-idx1")]
        self.held_files = [f.replace("train-", "t10k-") for f in self.files]
        self.held = [read_idx(f) for f in self.held_files]
        self.config = {"inputs": 784, "hidden": [64], "classes": 10}

    def job(self, seed, quick):
        return job("parity: mlp", {"mlp": self.config}, 150 if quick else 1500, 64, seed,
                   lr="0.002", decay="0.01", warmup=20, beta2="0.99")

    def peer(self):
        return Mlp(self.config, *(read_idx(f) for f in self.files))


class Pictures(Images):
    name = "CNN, 16 and 32 filters, on Fashion-MNIST"

    def __init__(self, out):
        super().__init__(out)
        self.config = {"height": 28, "width": 28, "channels": 1, "filters": [16, 32], "strides": [2, 2],
                       "classes": 10}

    def job(self, seed, quick):
        return job("parity: cnn", {"cnn": self.config}, 100 if quick else 1000, 64, seed,
                   lr="0.002", decay="0.01", warmup=20, beta2="0.99")

    def peer(self):
        return Cnn(self.config, *(read_idx(f) for f in self.files))


def assay(program, *arguments):
    done = subprocess.run([program, "--json", *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
    return json.loads(done.stdout)


def data_flags(files):
    return [flag for file in files for flag in ("--data", file)]


def one_seed(program, out, case, seed, quick):
    folder = f"{out}/{type(case).__name__.lower()}-{seed}"
    os.makedirs(folder, exist_ok=True)
    spec = case.job(seed, quick)
    with open(f"{folder}/job.json", "w") as file:
        json.dump(spec, file)
    assay(program, "job", "rehearse", f"{folder}/job.json", *data_flags(case.files), "--out", folder,
          "--keep")
    ours = assay(program, "job", "evaluate", f"{folder}/checkpoint.safetensors",
                 *data_flags(case.held_files))["loss"]
    with open(f"{folder}/losses.csv") as file:
        curve = [float(line.split(",")[2]) for line in file.readlines()[1:]]
    start = {k: v for k, v in read_safetensors(f"{folder}/round-0.safetensors").items()
             if not k.startswith(("m.", "v."))}
    model = case.peer()
    fp32_curve = train(model, start, spec)
    fp32 = validation_loss(model, start, case.held)
    return {"seed": seed, "ours": ours, "fp32": fp32, "curve": curve, "fp32_curve": fp32_curve}


def main():
    arguments = [a for a in sys.argv[1:] if not a.startswith("--")]
    quick = "--quick" in sys.argv
    if len(arguments) != 2:
        sys.exit(__doc__)
    program, out = arguments
    os.makedirs(out, exist_ok=True)
    torch.set_num_threads(2)
    results, good = {}, True
    for case in (Text(out), Images(out), Pictures(out)):
        runs = [one_seed(program, out, case, seed, quick) for seed in range(1, 2 if quick else 6)]
        difference = statistics.mean(r["ours"] - r["fp32"] for r in runs)
        spread = QUICK if quick else statistics.stdev(r["fp32"] for r in runs)
        passed = abs(difference) <= spread
        good = good and passed
        results[case.name] = runs
        for r in runs:
            print(f"{case.name}  seed {r['seed']}  ours {r['ours']:.4f}  fp32 {r['fp32']:.4f}  "
                  f"difference {r['ours'] - r['fp32']:+.4f}")
        print(f"{case.name}  mean difference {difference:+.4f}, "
              f"{'bound' if quick else 'seed-to-seed spread of fp32'} {spread:.4f}: "
              f"{'inside' if passed else 'OUTSIDE'}")
    with open(f"{out}/parity.json", "w") as file:
        json.dump(results, file)
    write_svg(f"{out}/parity.svg", results)
    sys.exit(0 if good else 1)


main()
