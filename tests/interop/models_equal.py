"""GPT-2, Llama and its like between `transformers` and Assay, both ways, on small random models.

  models_equal.py ASSAY OUT

1. A random transformers model, saved in F32, and in BF16 and F16 in several files: imported, its
loss on held-out tokens is the library's within 1e-3. 2. Trained here from it (`job rehearse
--initial`) and exported: transformers loads it, and its loss is ours; it has fallen; where positions
are scaled it is worse without the scaling. 3. Adapters trained here on it (`--lora`): `peft` loads
them, and its loss is ours. 4. What must be refused is refused by name. Exit status 1 at a difference.
"""
import glob
import json
import os
import shutil
import subprocess
import sys

import torch
from peft import PeftModel
from transformers import (AutoConfig, AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel, LlamaConfig,
                          LlamaForCausalLM, MistralConfig, MistralForCausalLM, Qwen2Config,
                          Qwen2ForCausalLM)

TOLERANCE = 1e-3
CONTEXT, BATCH = 32, 8


def gpt2():
    return GPT2LMHeadModel(GPT2Config(vocab_size=256, n_positions=CONTEXT, n_embd=64, n_layer=3,
                                      n_head=4, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0))


def llama(make=(LlamaForCausalLM, LlamaConfig), **options):
    model, config = make
    return model(config(**({
        "vocab_size": 256, "max_position_embeddings": CONTEXT, "hidden_size": 64,
        "intermediate_size": 160, "num_hidden_layers": 3, "num_attention_heads": 4,
        "num_key_value_heads": 2, "rms_norm_eps": 1e-5, "tie_word_embeddings": False} | options)))


def scaled(**rope):
    """Of eight frequencies one lies between the limits; sharp attention, so that positions count."""
    model = llama(rope_parameters={"rope_theta": 10000.0} | rope)
    with torch.no_grad():
        for layer in model.model.layers:
            for projection in (layer.self_attn.q_proj, layer.self_attn.k_proj, layer.self_attn.o_proj):
                projection.weight.mul_(10)
    return model


MODELS = {
    "gpt2": gpt2,
    "llama": llama,
    "llama-tied": lambda: llama(num_key_value_heads=1, rms_norm_eps=1e-6, tie_word_embeddings=True,
                                rope_parameters={"rope_type": "default", "rope_theta": 500000.0}),
    "llama3": lambda: scaled(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                             original_max_position_embeddings=CONTEXT // 2),
    "llama-linear": lambda: scaled(rope_type="linear", factor=2.5),
    "mistral": lambda: llama((MistralForCausalLM, MistralConfig), sliding_window=CONTEXT),
    "qwen2": lambda: llama((Qwen2ForCausalLM, Qwen2Config), tie_word_embeddings=True),
}
SCALED = {"llama3", "llama-linear"}
REFUSED = {
    "gpt2": [({"activation_function": "relu"}, "activation_function"),
             ({"layer_norm_epsilon": 1e-6}, "layer_norm_epsilon"), ({"n_embd": 32}, "another shape"),
             ({"model_type": "bert"}, "bert"), ({"n_layer": 2}, "not part of the model")],
    "llama": [({"hidden_act": "gelu"}, "hidden_act"), ({"attention_bias": True}, "attention_bias"),
              ({"head_dim": 8}, "head_dim"), ({"num_key_value_heads": 3}, "n_kv_head"),
              ({"num_hidden_layers": 4}, "is missing"),
              ({"tie_word_embeddings": True}, "differs from the embedding"),
              ({"rope_scaling": {"factor": 8}}, "rope_scaling.type"),
              ({"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4}}, "rope_parameters.rope_type"),
              ({"rope_parameters": {"rope_type": "llama3", "rope_theta": 1e4}}, "rope_parameters.factor")],
    "llama3": [({"rope_scaling": {"rope_type": "linear", "factor": 2.0}}, "rope_parameters differ")],
    "mistral": [({"sliding_window": CONTEXT - 1}, "sliding_window")],
    "qwen2": [({"use_sliding_window": True, "sliding_window": 16}, "sliding_window"),
              ({"model_type": "llama"}, "self_attn.k_proj.bias is not part")],
}


class Checks:
    def __init__(self, assay, out):
        self.assay, self.out, self.failures = assay, out, []

    def run(self, *arguments):
        return subprocess.run([self.assay, "--json", *arguments], capture_output=True, text=True)

    def check(self, name, good, text):
        print(f"{name}: {text}{'' if good else '  WRONG'}")
        if not good:
            self.failures.append(name)

    def ours(self, checkpoint, *flags):
        done = self.run("job", "evaluate", checkpoint, "--data", f"{self.out}/data.txt",
                        "--batches", "4", *flags)
        return json.loads(done.stdout)["loss"]

    def rehearse(self, initial, to, *flags):
        return self.run("job", "rehearse", f"{self.out}/job.json", "--data",
                        f"{self.out}/data.txt", "--initial", initial, "--out", to, *flags)

    def refused(self, family, change, words):
        folder = f"{self.out}/refused"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(f"{self.out}/{family}-F32", folder)
        with open(f"{folder}/config.json") as file:
            config = json.load(file) | change
        with open(f"{folder}/config.json", "w") as file:
            json.dump(config, file)
        done = self.rehearse(folder, f"{self.out}/refused-run")
        text = done.stdout + done.stderr
        self.check(f"{family} refused: {words}", done.returncode != 0 and words in text,
                   "yes" if done.returncode else text)


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


def unscaled_loss(folder, tokens):
    config = AutoConfig.from_pretrained(folder)
    config.rope_parameters = {"rope_type": "default", "rope_theta": config.rope_parameters["rope_theta"]}
    model = AutoModelForCausalLM.from_pretrained(folder, config=config, dtype=torch.float32).eval()
    return library_loss(model, tokens)


def both_ways(checks, family, tokens):
    model = MODELS[family]().eval()
    with torch.no_grad():  # biases and gains away from 0 and 1, so that each one counts
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    for dtype, name, shard in ((torch.float32, "F32", "1GB"), (torch.bfloat16, "BF16", "64KB"),
                               (torch.float16, "F16", "64KB")):
        folder, run = f"{checks.out}/{family}-{name}", f"{checks.out}/{family}-{name}-run"
        model.to(dtype).save_pretrained(folder, max_shard_size=shard)
        checks.check(f"{family} {name} in files", (len(glob.glob(f"{folder}/*.safetensors")) > 1) ==
                     (name != "F32"), str(len(glob.glob(f"{folder}/*.safetensors"))))
        done = checks.rehearse(folder, run, "--keep")
        if done.returncode != 0:
            sys.exit(done.stdout + done.stderr)
        library = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        before = library_loss(library, tokens)
        ours = checks.ours(f"{run}/round-0.safetensors")
        checks.check(f"{family} {name} imported", abs(ours - before) < TOLERANCE,
                     f"ours {ours:.6f}, transformers {before:.6f}")
        after = library_loss(AutoModelForCausalLM.from_pretrained(run).eval(), tokens)
        ours = checks.ours(f"{run}/checkpoint.safetensors")
        checks.check(f"{family} {name} exported", abs(ours - after) < TOLERANCE,
                     f"ours {ours:.6f}, transformers {after:.6f}")
        if family in SCALED:
            other = unscaled_loss(run, tokens)
            checks.check(f"{family} {name} scaling counts", other - after > 3 * TOLERANCE,
                         f"{other:.6f} without it")
        checks.check(f"{family} {name} learned", after < before - 0.5,
                     f"from {before:.3f} to {after:.3f}")


def adapters(checks, family, tokens):
    folder, run = f"{checks.out}/{family}-F32", f"{checks.out}/{family}-lora"
    done = checks.rehearse(folder, run, "--lora", "8")
    if done.returncode != 0:
        sys.exit(done.stdout + done.stderr)
    library = AutoModelForCausalLM.from_pretrained(folder).eval()
    before = library_loss(library, tokens)
    after = library_loss(PeftModel.from_pretrained(library, run).eval(), tokens)
    ours = checks.ours(f"{run}/checkpoint.safetensors", "--base", folder)
    checks.check(f"{family} adapters", abs(ours - after) < TOLERANCE,
                 f"ours {ours:.6f}, peft {after:.6f}")
    checks.check(f"{family} adapters learned", after < before - 0.1, f"from {before:.3f} to {after:.3f}")
    sizes = [os.path.getsize(path) for path in
             (f"{run}/adapter_model.safetensors", f"{folder}/model.safetensors")]
    checks.check(f"{family} adapters are small", 3 * sizes[0] < sizes[1], f"{sizes[0]} of {sizes[1]} bytes")


def models_in_job_files(checks):
    """A job file may name the model of --initial; members left out have their defaults."""
    model = {"vocab": 256, "context": CONTEXT, "dModel": 64, "nLayer": 3, "nHead": 4, "nKvHead": 2,
             "dFf": 160, "ropeBase": 10000, "eps": "0.00001"}
    for members, good in ((model, True), (model | {"nHead": 8}, False)):
        with open(f"{checks.out}/job.json") as file:
            job = json.load(file) | {"model": {"llama": members}}
        with open(f"{checks.out}/job-with-model.json", "w") as file:
            json.dump(job, file)
        done = checks.run("job", "rehearse", f"{checks.out}/job-with-model.json", "--data",
                          f"{checks.out}/data.txt", "--initial", f"{checks.out}/llama-F32",
                          "--out", f"{checks.out}/job-with-model")
        text = done.stdout + done.stderr
        checks.check(f"model in the job file, nHead {members['nHead']}",
                     done.returncode == 0 if good else "leave `model` out" in text,
                     "taken" if done.returncode == 0 else "refused" if not good else text)


def main():
    assay, out = sys.argv[1:]
    torch.manual_seed(3)
    checks = Checks(assay, out)
    text = open("/usr/share/common-licenses/GPL-3", "rb").read()
    with open(f"{out}/data.txt", "wb") as file:
        file.write(text)
    job = {"name": "interop", "numerics": "OFA-1", "slices": 2, "seed": 1,
           "optimizer": {"lr": "0.003", "beta1": "0.9", "beta2": "0.95", "eps": "0.00000001",
                         "decay": "0", "clip": "1", "warmupSteps": 5, "minLr": "0.001"},
           "plan": {"rounds": 2, "shards": 1, "localSteps": 20, "batch": 8},
           "terms": {"replicas": 3, "priceCeiling": "1000", "deadlineMs": 1800000}}
    with open(f"{out}/job.json", "w") as file:
        json.dump(job, file)
    for family in MODELS:
        both_ways(checks, family, torch.tensor(list(text), dtype=torch.int64))
    for family in MODELS:
        adapters(checks, family, torch.tensor(list(text), dtype=torch.int64))
    models_in_job_files(checks)
    for family, cases in REFUSED.items():
        for change, words in cases:
            checks.refused(family, change, words)
    for failure in checks.failures:
        print("FAILED", failure)
    sys.exit(1 if checks.failures else 0)


main()
