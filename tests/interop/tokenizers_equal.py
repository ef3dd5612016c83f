"""Ids of `assay data import --tokenizer` against the library `tokenizers`, on text in many scripts.

  tokenizers_equal.py ASSAY OUT

Trains small tokenizers of the kinds in use (byte-level as GPT-2; with the files' parts of Llama 3,
Qwen2 and SmolLM2; metaspace with byte fallback as Llama 2, and in its older form with normalizers), and
compares every id. Exit status 1 at a difference.
"""
import glob
import json
import os
import random
import struct
import subprocess
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers import processors, trainers

GPT4 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
        r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
SCRIPTS = ("Größe naïve façade Ελληνικά кириллица 中文字符 日本語テキスト 한국어 العربية עברית हिन्दी ไทย "
           "👩‍👩‍👧‍👦 🇨🇭 ½ ² ٣٤٥ Ⅷ e\u0301 \u00e9 \u200b \u3000 \u00a0 \x0b \x85 \t\t \r\n\r\n  x")


def corpus():
    files = sorted(f for f in glob.glob("/usr/share/common-licenses/*") if not os.path.islink(f))
    text = "".join(open(f, encoding="utf-8", errors="replace").read() for f in files)
    rng = random.Random(7)
    words = [rng.choice(SCRIPTS.split(" ") + ["don't", "I'LL", "we've", "<|end|>", "<s>", "<|begin_of_text|>",
                                              "<|reserved_special_token_17|>", "<|im_start|>user\n",
                                              "<tool_call>", "don’t", "\r\n \n\t", "1234567", "12345", "",
                                              "__init__", "a=b;", "...", "x" * 300])
             for _ in range(4000)]
    noise = "".join(chr(rng.choice([rng.randrange(32, 127), rng.randrange(0xA0, 0x2FFF),
                                    rng.randrange(0x3000, 0xD7FF), rng.randrange(0x1F300, 0x1FAFF)]))
                    for _ in range(20000))
    return text, text[:200_000] + SCRIPTS + " ".join(words) + noise + "  "


def trained(tokenizer, text, **options):
    trainer = trainers.BpeTrainer(vocab_size=2000, show_progress=False, **options)
    tokenizer.train_from_iterator([text[:300_000] + SCRIPTS], trainer)
    tokenizer.add_special_tokens([AddedToken("<|end|>", special=True)])
    return tokenizer


def split_bytes(model, pattern):
    t = Tokenizer(model)
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(pattern), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    t.decoder = decoders.ByteLevel()
    return t


def llama3(text):
    """Words of the vocabulary that its merges do not reach, 256 special tokens, a first token on request."""
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    t = trained(split_bytes(models.BPE(ignore_merges=True), GPT4), text, initial_alphabet=alphabet)
    file = json.loads(t.to_str())
    merges = file["model"]["merges"]
    file["model"]["merges"] = [merge for i, merge in enumerate(merges) if i % 7 != 3]
    t = Tokenizer.from_str(json.dumps(file))
    t.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in
                          ["<|begin_of_text|>", "<|eot_id|>"] +
                          [f"<|reserved_special_token_{i}|>" for i in range(254)]])
    first = processors.TemplateProcessing(single="<|begin_of_text|> $A", special_tokens=[
        ("<|begin_of_text|>", t.token_to_id("<|begin_of_text|>"))])
    t.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), first])
    return t


def qwen2(text):
    t = split_bytes(models.BPE(), GPT4.replace("{1,3}", ""))
    t.normalizer = normalizers.NFC()
    t.post_processor = processors.ByteLevel(trim_offsets=False)
    t = trained(t, text, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    t.add_special_tokens([AddedToken(token, special=True, normalized=False)
                          for token in ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]])
    t.add_tokens([AddedToken("<tool_call>", special=False, normalized=False)])
    return t


def tokenizers(text):
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    for prefix in (False, True):
        t = Tokenizer(models.BPE())
        t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
        t.decoder = decoders.ByteLevel()
        yield f"byte-level, prefix {prefix}", trained(t, text, initial_alphabet=alphabet)
    yield "as Llama 3", llama3(text)
    yield "as Qwen2", qwen2(text)
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                               pre_tokenizers.ByteLevel(add_prefix_space=False)])
    t.decoder = decoders.ByteLevel()
    yield "as SmolLM2", trained(t, text, initial_alphabet=alphabet,
                                special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    byte_tokens = ["<unk>", "<s>"] + [f"<0x{b:02X}>" for b in range(256)]
    t = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    t.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(),
                                   decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    yield "metaspace", trained(t, text, special_tokens=byte_tokens)
    t2 = Tokenizer.from_str(t.to_str())
    t2.pre_tokenizer = None
    t2.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"),
                                          normalizers.Replace(" ", "\u2581")])
    yield "metaspace by normalizer", t2
    t = Tokenizer(models.BPE(unk_token="<unk>"))
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                               pre_tokenizers.Split(" ", "merged_with_next")])
    yield "digits, unknown", trained(t, text[:50_000], special_tokens=["<unk>"])


def ours(assay, out, tokenizer_file, text_file):
    run = lambda *a: subprocess.run([assay, "--home", f"{out}/home", "--json", *a], check=True,
                                    capture_output=True, text=True).stdout
    root = json.loads(run("data", "import", text_file, "--tokenizer", tokenizer_file))["root"]
    run("data", "export", root, "--out", f"{out}/tokens")
    with open(f"{out}/tokens", "rb") as file:
        size, = struct.unpack("<Q", file.read(8))
        info = json.loads(file.read(size))["tokens"]
        raw = file.read()
    width = {"U16": "H", "I32": "i"}[info["dtype"]]
    return list(struct.unpack(f"<{info['shape'][0]}{width}", raw))


def main():
    assay, out = sys.argv[1:]
    text, test = corpus()
    with open(f"{out}/text.txt", "w", encoding="utf-8", newline="") as file:
        file.write(test)
    failed = 0
    for name, tokenizer in tokenizers(text):
        tokenizer.save(f"{out}/tokenizer.json")
        expected = tokenizer.encode(test, add_special_tokens=False).ids
        found = ours(assay, out, f"{out}/tokenizer.json", f"{out}/text.txt")
        if found == expected:
            print(f"{name}: {len(found)} ids equal")
            continue
        failed += 1
        at = next((i for i, (a, b) in enumerate(zip(found, expected)) if a != b),
                  min(len(found), len(expected)))
        print(f"{name}: DIFFERS at id {at} of {len(expected)}: {found[at:at + 8]} instead of "
              f"{expected[at:at + 8]}, after {tokenizer.decode(expected[max(at - 8, 0):at])!r}, "
              f"pieces {[tokenizer.id_to_token(i) for i in expected[at:at + 8]]}")
    sys.exit(1 if failed else 0)


main()
