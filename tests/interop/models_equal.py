"""GPT-2 between `transformers` and Assay, both ways, on small random models: same loss within 1e-3.

  models_equal.py ASSAY OUT

1. A random transformers model, saved in F32 and BF16: imported, its loss on held-out tokens is the
   library's. 2. Trained here from it (`job rehearse --initial`) and exported: transformers loads it,
   and its loss is ours; it has fallen. 3. What must be refused is refused by name. Exit status 1 at
a difference.
"""
import json
import os
import subprocess
import sys

import torch
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel

TOLERANCE = 1e-3
CONTEXT, BATCH = 32, 8


def run(assay, *arguments):
    return subprocess.run([assay, "--json", *arguments], capture_output=True, text=True)


def assay_loss(assay, checkpoint, data):
    done = run(assay, "job", "evaluate", checkpoint, "--data", data, "--batches", "4")
    return json.loads(done.stdout)["loss"]


@torch.no_grad()
def library_loss(model, tokens):
    rows = CONTEXT * BATCH
    losses = []
    for first in range(0, 4 * rows, rows):
        x = tokens[first:first + rows].view(BATCH, CONTEXT)
        y = tokens[first + 1:first + rows + 1]
        logits = model(input_ids=x).logits.float().view(-1, model.config.vocab_size)
        losses.append(torch.nn.functional.cross_entropy(logits, y).item())
    return sum(losses) / len(losses)


def check(name, ours, library, failures):
    good = abs(ours - library) < TOLERANCE
    print(f"{name}: ours {ours:.6f}, transformers {library:.6f}{'' if good else '  DIFFERENT'}")
    if not good:
        failures.append(name)


def refused(assay, out, name, change, words, failures):
    """The folder `out`/hf with config members changed must be refused with these words."""
    folder = f"{out}/refused"
    os.makedirs(folder, exist_ok=True)
    with open(f"{out}/hf/config.json") as file:
        config = json.load(file) | change
    with open(f"{folder}/config.json", "w") as file:
        json.dump(config, file)
    with open(f"{out}/hf/model.safetensors", "rb") as a, open(f"{folder}/model.safetensors", "wb") as b:
        b.write(a.read())
    done = run(assay, "job", "rehearse", f"{out}/job.json", "--data", f"{out}/data.txt", "--initial",
               folder, "--out", f"{out}/refused-run")
    text = done.stdout + done.stderr
    good = done.returncode != 0 and words in text
    print(f"refused: {name}{'' if good else '  NOT, ' + text}")
    if not good:
        failures.append(name)


def main():
    assay, out = sys.argv[1:]
    failures = []
    torch.manual_seed(3)
    config = GPT2Config(vocab_size=256, n_positions=CONTEXT, n_embd=64, n_layer=3, n_head=4,
                        resid_pdrop=0, embd_pdrop=0, attn_pdrop=0)
    model = GPT2LMHeadModel(config).eval()
    with torch.no_grad():  # biases and gains away from 0 and 1, so that each one counts
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    text = open("/usr/share/common-licenses/GPL-3", "rb").read()
    with open(f"{out}/data.txt", "wb") as file:
        file.write(text)
    tokens = torch.tensor(list(text), dtype=torch.int64)
    model.save_pretrained(f"{out}/hf")
    model.to(torch.bfloat16).save_pretrained(f"{out}/bf16")
    model.to(torch.float32)

    job = {"name": "interop", "numerics": "OFA-1", "slices": 2, "seed": 1,
           "optimizer": {"lr": "0.003", "beta1": "0.9", "beta2": "0.95", "eps": "0.00000001",
                         "decay": "0", "clip": "1", "warmupSteps": 5, "minLr": "0.001"},
           "plan": {"rounds": 2, "shards": 1, "localSteps": 20, "batch": 8},
           "terms": {"replicas": 3, "priceCeiling": "1000", "deadlineMs": 1800000}}
    with open(f"{out}/job.json", "w") as file:
        json.dump(job, file)
    for name in ("hf", "bf16"):
        done = run(assay, "job", "rehearse", f"{out}/job.json", "--data", f"{out}/data.txt",
                   "--initial", f"{out}/{name}", "--out", f"{out}/{name}-run", "--keep")
        if done.returncode != 0:
            sys.exit(done.stdout + done.stderr)
        library = GPT2LMHeadModel.from_pretrained(f"{out}/{name}", dtype=torch.float32).eval()
        before = library_loss(library, tokens)
        check(f"{name}: imported", assay_loss(assay, f"{out}/{name}-run/round-0.safetensors",
                                              f"{out}/data.txt"), before, failures)
        exported = AutoModelForCausalLM.from_pretrained(f"{out}/{name}-run").eval()
        after = library_loss(exported, tokens)
        check(f"{name}: exported", assay_loss(assay, f"{out}/{name}-run/checkpoint.safetensors",
                                              f"{out}/data.txt"), after, failures)
        if not after < before - 0.5:
            failures.append(f"{name}: loss did not fall: {before} to {after}")
    refused(assay, out, "another activation", {"activation_function": "relu"}, "activation_function",
            failures)
    refused(assay, out, "another epsilon", {"layer_norm_epsilon": 1e-6}, "layer_norm_epsilon", failures)
    refused(assay, out, "another shape", {"n_embd": 32}, "another shape", failures)
    refused(assay, out, "another family", {"model_type": "bert"}, "bert", failures)
    refused(assay, out, "a tensor too many", {"n_layer": 2}, "not part of the model", failures)
    for failure in failures:
        print("FAILED", failure)
    sys.exit(1 if failures else 0)


main()
