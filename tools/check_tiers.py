#!/usr/bin/env python3
"""Fails on an include that points up the tiers of docs/architecture.md, or across two folders of one tier.

Usage: tools/check_tiers.py        prints each bad include as file:line, exit status 1 when there is one
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Longest prefix wins. Folders of equal tier may not include each other unless listed in SIBLINGS.
TIERS = {
    "base": 0,
    "ledger/crypto": 1, "ledger/codec": 1, "compute": 1,
    "ledger": 2, "market": 3, "contracts": 4, "node": 5, "testnet": 6,
}
SIBLINGS = {("ledger/codec", "ledger/crypto"), ("ledger/crypto", "ledger/codec")}
# An address is a plain value that both halves of tier 1 speak.
SOURCES = ("*.h", "*.cpp", "*.cu", "*.cuh")
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')
MAX_LINES = 600


def folder_of(path):
    best = ""
    for folder in TIERS:
        if path == folder or path.startswith(folder + "/"):
            if len(folder) > len(best):
                best = folder
    return best


def main():
    bad = []
    files = 0
    for top in ("base", "compute", "ledger", "market", "contracts", "node", "testnet", "tests"):
        for pattern in SOURCES:
            for file in sorted((ROOT / top).rglob(pattern)):
                files += 1
                name = file.relative_to(ROOT).as_posix()
                lines = file.read_text(encoding="utf-8").splitlines()
                if len(lines) > MAX_LINES:
                    bad.append(f"{name}: {len(lines)} lines, the limit is {MAX_LINES}: split it")
                if top == "tests":
                    continue
                own = folder_of(name)
                for number, line in enumerate(lines, 1):
                    match = INCLUDE.match(line)
                    if not match:
                        continue
                    target = folder_of(match.group(1))
                    if not target or target == own:
                        continue
                    if TIERS[target] > TIERS[own]:
                        bad.append(f"{name}:{number}: tier {TIERS[own]} ({own}) includes {match.group(1)} of tier {TIERS[target]}")
                    elif TIERS[target] == TIERS[own] and (own, target) not in SIBLINGS:
                        bad.append(f"{name}:{number}: {own} includes its tier sibling {match.group(1)}")
                    elif own == "compute" and target != "base":
                        bad.append(f"{name}:{number}: compute depends on base and the C++ library alone")
    for line in bad:
        print(line)
    print(f"tiers: {files} files, {len(bad)} problems")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
