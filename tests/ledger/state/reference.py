#!/usr/bin/env python3
"""Recomputes the known answers of the state formats from docs/formats/state.md alone.

  reference.py          compare with tests/vectors/state.json; exit status 1 on a difference
  reference.py --write  write that file

Standard library only, and written independently of the C++: roots by recursion over whole sets,
proofs by descending the definition.
"""
import hashlib
import json
import pathlib
import sys

EMPTY = b"ASSAY:EMPTY-STATE-SUBTREE-NODE-0"
VECTORS = pathlib.Path(__file__).resolve().parents[2] / "vectors" / "state.json"


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def bit(key_hash, index):
    return key_hash[index // 8] >> (7 - index % 8) & 1


def state_root(leaves, depth=0):
    """leaves: list of (key_hash, value_hash)."""
    if not leaves:
        return EMPTY
    if len(leaves) == 1:
        return sha(b"\0", *leaves[0])
    sides = [[leaf for leaf in leaves if bit(leaf[0], depth) == side] for side in (0, 1)]
    return sha(b"\1", state_root(sides[0], depth + 1), state_root(sides[1], depth + 1))


def hashed(pairs):
    return sorted((sha(key), sha(value)) for key, value in pairs.items())


def state_proof(pairs, key):
    target, leaves, siblings, depth = sha(key), hashed(pairs), [], 0
    while len(leaves) > 1:
        side = bit(target, depth)
        siblings.insert(0, state_root([x for x in leaves if bit(x[0], depth) != side], depth + 1))
        leaves = [x for x in leaves if bit(x[0], depth) == side]
        depth += 1
    out = bytearray([1])
    if not leaves:
        out += b"\0"
    elif leaves[0][0] == target:
        out += b"\1"
    else:
        out += b"\2" + leaves[0][0] + leaves[0][1]
    out += len(siblings).to_bytes(2, "big")
    bits = bytearray((len(siblings) + 7) // 8)
    for i, sibling in enumerate(siblings):
        if sibling != EMPTY:
            bits[i // 8] |= 0x80 >> i % 8
    return bytes(out + bits + b"".join(s for s in siblings if s != EMPTY))


def log_root(events):
    if not events:
        return sha(b"")
    if len(events) == 1:
        return sha(b"\0", events[0])
    split = 1
    while split * 2 < len(events):
        split *= 2
    return sha(b"\1", log_root(events[:split]), log_root(events[split:]))


def log_path(index, events):
    if len(events) == 1:
        return []
    split = 1
    while split * 2 < len(events):
        split *= 2
    if index < split:
        return log_path(index, events[:split]) + [log_root(events[split:])]
    return log_path(index - split, events[split:]) + [log_root(events[:split])]


def log_subproof(old, events, whole):
    if old == len(events):
        return [] if whole else [log_root(events)]
    split = 1
    while split * 2 < len(events):
        split *= 2
    if old <= split:
        return log_subproof(old, events[:split], whole) + [log_root(events[split:])]
    return log_subproof(old - split, events[split:], False) + [log_root(events[:split])]


def log_proof(kind, first, second, hashes):
    return bytes([kind]) + first.to_bytes(8, "big") + second.to_bytes(8, "big") + bytes(
        [len(hashes)]) + b"".join(hashes)


def app_hash(state, log, size, params):
    return sha(b"\2", state, log, size.to_bytes(8, "big"), params)


def vectors():
    states = []
    for count in (0, 1, 2, 3, 10, 100, 1000):
        pairs = {b"\x07key-%d" % i: b"value-%d" % (i * i) for i in range(count)}
        absent = b"\x07absent"
        entry = {"pairs": count, "root": state_root(hashed(pairs)).hex(),
                 "absent": state_proof(pairs, absent).hex()}
        if count:
            last = b"\x07key-%d" % (count - 1)
            entry["present"] = state_proof(pairs, last).hex()
        states.append(entry)
    logs = []
    for count in (0, 1, 2, 3, 7, 8, 100):
        events = [b"event-%d" % i for i in range(count)]
        entry = {"events": count, "root": log_root(events).hex()}
        if count:
            index, old = count // 2, (count + 1) // 2
            entry["index"] = index
            entry["inclusion"] = log_proof(2, index, count, log_path(index, events)).hex()
            entry["old"] = old
            entry["consistency"] = log_proof(3, old, count, log_subproof(old, events, True)).hex()
        logs.append(entry)
    parts = [sha(b"state"), sha(b"log"), 0x0102030405060708, sha(b"params")]
    return {
        "about": "Known answers of docs/formats/state.md, from tests/ledger/state/reference.py: "
                 "keys are 07 'key-i', values 'value-(i*i)', events 'event-i'; the present key is "
                 "the last one, the absent key is 07 'absent'.",
        "state": states,
        "log": logs,
        "app_hash": {"state_root": parts[0].hex(), "log_root": parts[1].hex(),
                     "log_size": "%d" % parts[2], "params_hash": parts[3].hex(),
                     "app_hash": app_hash(*parts).hex()},
    }


def main():
    computed = vectors()
    if sys.argv[1:] == ["--write"]:
        VECTORS.write_text(json.dumps(computed, indent=1) + "\n")
        return 0
    if json.loads(VECTORS.read_text()) != computed:
        print("tests/vectors/state.json differs from reference.py", file=sys.stderr)
        return 1
    print("tests/vectors/state.json agrees")
    return 0


if __name__ == "__main__":
    sys.exit(main())
