#!/usr/bin/env python3
"""Trains the network of configs/mnist.json side by side in mote and in PyTorch.

Both start from the same weights and take 100 steps of the config's optimizer over the same
batches, in the order of the file, at a constant learning rate and without dropout, whose random
numbers differ. Then each parameter tensor is compared. A tool for developers: it needs PyTorch and
the real MNIST files; the test suite needs neither.

usage: tests/pytorch_follow.py [--train ./train] [--steps 100]
"""
import argparse, json, os, pathlib, struct, subprocess, sys, tempfile

import numpy
import torch

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "bench"))
from mnist_pytorch import build_layers, build_optimizer, read_idx


def write_safetensors(path, tensors):
    header, offset = {}, 0
    for name, tensor in tensors.items():
        size = tensor.numel() * 4
        header[name] = {"dtype": "F32", "shape": list(tensor.shape),
                        "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors.values():
            file.write(tensor.detach().numpy().astype("<f4").tobytes())


def read_safetensors(path):
    data = pathlib.Path(path).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length])
    body = data[8 + length:]
    return {name: torch.from_numpy(numpy.frombuffer(
                body[entry["data_offsets"][0]:entry["data_offsets"][1]],
                "<f4").reshape(entry["shape"]).copy())
            for name, entry in header.items() if name != "__metadata__"}


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--train", default=str(ROOT / "train"))
    arguments.add_argument("--steps", type=int, default=100)
    arguments = arguments.parse_args()
    path = ROOT / "configs" / "mnist.json"
    config = json.loads(path.read_text())
    batch_size, changes = config["train"]["batch_size"], []
    for i, layer in enumerate(config["model"]["layers"]):
        if layer["type"] == "dropout":
            layer["rate"] = 0
            changes += ["--set", f"model.layers[{i}].rate=0"]
    mnist = ROOT / "datasets" / "mnist"
    images = read_idx(mnist, "train-images-idx3-ubyte.gz").reshape(-1, 784).float() / 255
    labels = read_idx(mnist, "train-labels-idx1-ubyte.gz").long()
    images = (images - images.double().mean().float()) / images.double().std(unbiased=False).float()

    torch.manual_seed(1)
    layers = build_layers(config, 784)
    names = {f"layers.{name}": parameter for name, parameter in layers.named_parameters()}
    with tempfile.TemporaryDirectory() as directory:
        start, run = os.path.join(directory, "start.safetensors"), os.path.join(directory, "run")
        write_safetensors(start, names)
        subprocess.run([arguments.train, str(path), "--quiet", "--init-from", start, "--run-dir",
                        run, "--set", "train.shuffle=false",
                        "--set", f"train.max_steps={arguments.steps}",
                        "--set", "dataset.validation_fraction=0",
                        "--set", 'train.schedule={"type": "constant"}', *changes], check=True)
        theirs = read_safetensors(os.path.join(run, "checkpoint.safetensors"))

    optimizer = build_optimizer(config, layers)
    for step in range(arguments.steps):
        begin = step * batch_size % len(images)
        batch = slice(begin, begin + batch_size)
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(layers(images[batch]), labels[batch]).backward()
        optimizer.step()

    worst = 0
    for name, parameter in names.items():
        difference = ((parameter - theirs[name]).abs().max() / parameter.abs().max()).item()
        print(f"{name:20} largest difference / largest entry = {difference:.2e}")
        worst = max(worst, difference)
    sys.exit(0 if worst <= 1e-4 else "more than 1e-4")


if __name__ == "__main__":
    main()
