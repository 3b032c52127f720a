#!/usr/bin/env python3
"""Trains the same dense networks in PyTorch and in mote, in turn, and compares samples per second.

usage: tests/bench/compare_pytorch.py [--bench build/bench] [--rounds 5] [--network 784-512-256-10 --batch 128]

Needs PyTorch. For both, data is in memory and OpenBLAS runs on the kernels that suit the processor
(mote sees to that by itself; for PyTorch OPENBLAS_CORETYPE is set before it is loaded). Each is
measured with 1 and with 2 threads in each round, and the better of the two medians counts.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

TABLE = [("784-128-10", 32), ("784-128-10", 64), ("784-128-10", 128),
         ("784-512-256-10", 32), ("784-512-256-10", 128), ("784-512-256-10", 512),
         ("784-2048-2048-10", 128), ("784-2048-2048-10", 512)]

SAMPLES = 60000
SECONDS = 0.5


def right_kernels():
    """What OpenBLAS should run on here; None where that is not known."""
    try:
        flags = next(line for line in open("/proc/cpuinfo") if line.startswith("flags")).split()
    except (OSError, StopIteration):
        return None
    if {"avx512f", "avx512vl", "avx512bw", "avx512dq"} <= set(flags):
        return "SkylakeX"
    return "Haswell" if {"avx2", "fma"} <= set(flags) else None


def measure_pytorch(network, batch, threads):
    """Samples per second of a plain PyTorch loop; runs in a process of its own."""
    import time

    import torch
    torch.set_num_threads(threads)
    widths = [int(width) for width in network.split("-")]
    layers = []
    for i in range(1, len(widths)):
        layers += [torch.nn.Linear(widths[i - 1], widths[i]), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)
    data = torch.randint(0, 256, (SAMPLES, widths[0]), dtype=torch.uint8).float() / 255
    labels = torch.arange(SAMPLES) % widths[-1]
    order = torch.randperm(SAMPLES)

    def step(i):
        begin = i * batch % (SAMPLES - batch)
        rows = order[begin:begin + batch]
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(data[rows]), labels[rows]).backward()
        optimizer.step()

    for i in range(5):
        step(i)
    steps, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < SECONDS or steps < 3:
        step(steps)
        steps += 1
    return steps * batch / (time.perf_counter() - begin)


def run_pytorch(network, batch, threads):
    environment = dict(os.environ)
    kernels = right_kernels()
    if kernels:
        environment.setdefault("OPENBLAS_CORETYPE", kernels)
    command = [sys.executable, __file__, "--measure", network, str(batch), str(threads)]
    return float(subprocess.run(command, env=environment, check=True, capture_output=True,
                                text=True).stdout)


def run_mote(bench, network, batch, threads):
    command = [bench, "--network", network, "--batch", str(batch), "--threads", str(threads),
               "--json", "--train-only"]
    line = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(line)["samples_per_second"]


def compare(bench, network, batch, rounds):
    results = {(who, threads): [] for who in ("pytorch", "mote") for threads in (1, 2)}
    for _ in range(rounds):
        for threads in (1, 2):
            results["pytorch", threads].append(run_pytorch(network, batch, threads))
            results["mote", threads].append(run_mote(bench, network, batch, threads))
    medians = {key: statistics.median(values) for key, values in results.items()}
    best = {who: max(medians[who, 1], medians[who, 2]) for who in ("pytorch", "mote")}
    print(f"{network:18} {batch:5}  {medians['pytorch', 1]:9.0f} {medians['pytorch', 2]:9.0f}  "
          f"{medians['mote', 1]:9.0f} {medians['mote', 2]:9.0f}  "
          f"{best['mote'] / best['pytorch']:6.2f}", flush=True)


def main():
    if len(sys.argv) == 5 and sys.argv[1] == "--measure":
        print(measure_pytorch(sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("--bench", default="build/bench")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--network")
    parser.add_argument("--batch", type=int, default=128)
    arguments = parser.parse_args()
    print(f"{'network':18} {'batch':>5}  {'PyTorch 1':>9} {'PyTorch 2':>9}  {'mote 1':>9} "
          f"{'mote 2':>9}  {'ratio':>6}   (samples/s with 1 and 2 threads; ratio of the better)")
    table = [(arguments.network, arguments.batch)] if arguments.network else TABLE
    for network, batch in table:
        compare(arguments.bench, network, batch, arguments.rounds)


if __name__ == "__main__":
    main()
