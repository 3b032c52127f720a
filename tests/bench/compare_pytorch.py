#!/usr/bin/env python3
"""Trains the same networks in PyTorch and in mote, in turn, and compares samples per second.

usage: tests/bench/compare_pytorch.py [--bench build/bench] [--rounds 5] [--network 784-512-256-10 --batch 128]
       tests/bench/compare_pytorch.py --job [--rounds 5] [--epochs 10]

Needs PyTorch. For both, data is in memory and OpenBLAS runs the kernels that suit the processor
(mote ensures that itself; for PyTorch, OPENBLAS_CORETYPE is set before it is loaded). Each is
measured with 1 and with 2 threads in each round, and the best of its medians counts.

PyTorch's threads and OpenBLAS's are separate and get in each other's way, so PyTorch is also
measured with one of its own and two of OpenBLAS's ("1+2") and vice versa ("2+1"); the best of all
these counts.

--job compares the wall time of `./train configs/mnist.json` and of mnist_pytorch.py, from the cold
start to the test accuracy; --epochs gives their number of epochs instead of the config's.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

TABLE = [("784-128-10", 32), ("784-128-10", 64), ("784-128-10", 128),
         ("784-512-256-10", 32), ("784-512-256-10", 128), ("784-512-256-10", 512),
         ("784-2048-2048-10", 128), ("784-2048-2048-10", 512),
         ("lenet", 64), ("lenet", 128), ("cnn", 64), ("cnn", 128)]

SAMPLES = 60000
SECONDS = 0.5


def right_kernels():
    """The kernels that OpenBLAS should run here; None if unknown."""
    try:
        flags = next(line for line in open("/proc/cpuinfo") if line.startswith("flags")).split()
    except (OSError, StopIteration):
        return None
    if {"avx512f", "avx512vl", "avx512bw", "avx512dq"} <= set(flags):
        return "SkylakeX"
    return "Haswell" if {"avx2", "fma"} <= set(flags) else None


def pytorch_layers(network):
    """The network's layers, the shape of a sample and the number of classes."""
    from torch import nn
    if network == "lenet":
        return [nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
                nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(),
                nn.Linear(84, 10)], (1, 28, 28), 10
    if network == "cnn":
        return [nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                nn.Linear(3136, 128), nn.ReLU(), nn.Linear(128, 10)], (1, 28, 28), 10
    widths = [int(width) for width in network.split("-")]
    layers = []
    for i in range(1, len(widths)):
        layers += [nn.Linear(widths[i - 1], widths[i]), nn.ReLU()]
    return layers[:-1], (widths[0],), widths[-1]


def measure_pytorch(network, batch, threads):
    """Samples per second of a plain PyTorch loop; runs in a process of its own."""
    import torch
    torch.set_num_threads(threads)
    layers, shape, classes = pytorch_layers(network)
    model = torch.nn.Sequential(*layers)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)
    data = torch.randint(0, 256, (SAMPLES, *shape), dtype=torch.uint8).float() / 255
    labels = torch.arange(SAMPLES) % classes
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


# PyTorch's own threads, and those of OpenBLAS below it.
PYTORCH_THREADS = {"1": (1, 1), "2": (2, 2), "1+2": (1, 2), "2+1": (2, 1)}
MOTE_THREADS = (1, 2)


def pytorch_environment(blas_threads):
    environment = dict(os.environ, OPENBLAS_NUM_THREADS=str(blas_threads))
    kernels = right_kernels()
    if kernels:
        environment.setdefault("OPENBLAS_CORETYPE", kernels)
    return environment


def run(command, environment=None):
    return subprocess.run(command, env=environment, check=True, capture_output=True,
                          text=True).stdout


def run_pytorch(network, batch, way):
    threads, blas_threads = PYTORCH_THREADS[way]
    command = [sys.executable, __file__, "--measure", network, str(batch), str(threads)]
    return float(run(command, pytorch_environment(blas_threads)))


def run_mote(bench, network, batch, threads):
    line = run([bench, "--network", network, "--batch", str(batch), "--threads", str(threads),
                "--json", "--train-only"])
    return json.loads(line)["samples_per_second"]


def compare(bench, network, batch, rounds):
    pytorch = {way: [] for way in PYTORCH_THREADS}
    mote = {threads: [] for threads in MOTE_THREADS}
    for _ in range(rounds):
        for way in pytorch:
            pytorch[way].append(run_pytorch(network, batch, way))
        for threads in mote:
            mote[threads].append(run_mote(bench, network, batch, threads))
    of_pytorch = [statistics.median(values) for values in pytorch.values()]
    of_mote = [statistics.median(values) for values in mote.values()]
    print(f"{network:18} {batch:5}  " + " ".join(f"{value:11.0f}" for value in of_pytorch) + "  " +
          " ".join(f"{value:11.0f}" for value in of_mote) +
          f"  {max(of_mote) / max(of_pytorch):6.2f}", flush=True)


def compare_table(bench, table, rounds):
    columns = [f"PyTorch {way}" for way in PYTORCH_THREADS] + [f"mote {n}" for n in MOTE_THREADS]
    print(f"{'network':18} {'batch':>5}  " + " ".join(f"{name:>11}" for name in columns[:len(PYTORCH_THREADS)]) + "  " +
          " ".join(f"{name:>11}" for name in columns[len(PYTORCH_THREADS):]) +
          f"  {'ratio':>6}   (samples/s by threads; ratio of the best)")
    for network, batch in table:
        compare(bench, network, batch, rounds)


def timed(command, environment=None):
    begin = time.perf_counter()
    run(command, environment)
    return time.perf_counter() - begin


def compare_job(rounds, epochs):
    fewer = {"mote": ["--set", f"train.epochs={epochs}"] if epochs else [],
             "PyTorch": ["--epochs", str(epochs)] if epochs else []}
    job = os.path.join(os.path.dirname(__file__), "mnist_pytorch.py")
    seconds = {f"PyTorch {way}": [] for way in PYTORCH_THREADS}
    seconds["mote"] = []
    for _ in range(rounds):
        for way, (threads, blas_threads) in PYTORCH_THREADS.items():
            spent = timed([sys.executable, job, "--threads", str(threads), *fewer["PyTorch"]],
                          pytorch_environment(blas_threads))
            seconds[f"PyTorch {way}"].append(spent)
        with tempfile.TemporaryDirectory() as directory:
            spent = timed(["./train", "configs/mnist.json", "--quiet", "--run-dir",
                           os.path.join(directory, "run"), *fewer["mote"]])
        seconds["mote"].append(spent)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    for name, value in medians.items():
        print(f"{name:12} {value:6.2f} s")
    best = min(value for name, value in medians.items() if name != "mote")
    print(f"{'ratio':12} {best / medians['mote']:6.2f}   (of the best)")


def main():
    if len(sys.argv) == 5 and sys.argv[1] == "--measure":
        print(measure_pytorch(sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("--bench", default="build/bench")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--network")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--job", action="store_true")
    parser.add_argument("--epochs", type=int)
    arguments = parser.parse_args()
    if arguments.job:
        compare_job(arguments.rounds, arguments.epochs)
        return
    table = [(arguments.network, arguments.batch)] if arguments.network else TABLE
    compare_table(arguments.bench, table, arguments.rounds)


if __name__ == "__main__":
    main()
