#!/usr/bin/env python3
"""The job of configs/mnist.json in PyTorch, from the gzip files to the test accuracy.

usage: tests/bench/mnist_pytorch.py [--threads N] [--config FILE] [--directory DIR]

Written for speed, as far as PyTorch goes: all data in memory as floats, batches by one indexing, no
DataLoader. compare_pytorch.py --job times it against ./train.
"""
import argparse
import gzip
import json
import math
import os

import torch


def read_idx(directory, name):
    with gzip.open(os.path.join(directory, name)) as stream:
        data = stream.read()
    rank = data[3]
    shape = [int.from_bytes(data[4 + 4 * i:8 + 4 * i], "big") for i in range(rank)]
    return torch.frombuffer(bytearray(data[4 + 4 * rank:]), dtype=torch.uint8).reshape(shape)


def accuracy(model, x, labels):
    with torch.no_grad():
        correct = sum((model(x[i:i + 256]).argmax(1) == labels[i:i + 256]).sum().item()
                      for i in range(0, len(x), 256))
    return correct / len(x)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", default="configs/mnist.json")
    parser.add_argument("--directory", default="datasets/mnist")
    parser.add_argument("--threads", type=int)
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    with open(arguments.config) as stream:
        config = json.load(stream)
    torch.manual_seed(config["seed"])
    train, settings = config["train"], config["train"]["optimizer"]

    def images(name):
        return read_idx(arguments.directory, name).reshape(-1, 784).float() / 255

    def labels(name):
        return read_idx(arguments.directory, name).long()

    x, y = images("train-images-idx3-ubyte.gz"), labels("train-labels-idx1-ubyte.gz")
    test_x, test_y = images("t10k-images-idx3-ubyte.gz"), labels("t10k-labels-idx1-ubyte.gz")
    order = torch.randperm(len(x))
    held_out = int(config["dataset"]["validation_fraction"] * len(x))
    validation, training = order[:held_out], order[held_out:]
    mean, deviation = x[training].mean(), x[training].std()
    x, test_x = (x - mean) / deviation, (test_x - mean) / deviation
    validation_x, validation_y = x[validation], y[validation]

    units = [layer["units"] for layer in config["model"]["layers"] if layer["type"] == "dense"]
    model = torch.nn.Sequential(torch.nn.Linear(784, units[0]), torch.nn.ReLU(),
                                torch.nn.Linear(units[0], units[1]))
    for layer in (model[0], model[2]):
        torch.nn.init.kaiming_normal_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    decay = settings["weight_decay"]
    optimizer = torch.optim.SGD([{"params": [model[0].weight, model[2].weight], "weight_decay": decay},
                                 {"params": [model[0].bias, model[2].bias], "weight_decay": 0}],
                                lr=settings["learning_rate"], momentum=settings["momentum"])
    batch, epochs = train["batch_size"], train["epochs"]
    steps = (len(training) + batch - 1) // batch
    warmup, total = train["schedule"]["warmup_epochs"] * steps, epochs * steps

    def factor(step):
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / (total - warmup)))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    best, best_weights = 0, None
    for epoch in range(epochs):
        shuffled = training[torch.randperm(len(training))]
        for begin in range(0, len(training), batch):
            rows = shuffled[begin:begin + batch]
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
            schedule.step()
        reached = accuracy(model, validation_x, validation_y)
        if reached > best:
            best, best_weights = reached, {k: v.clone() for k, v in model.state_dict().items()}
    model.load_state_dict(best_weights)
    print(f"{accuracy(model, test_x, test_y):.4f}")


if __name__ == "__main__":
    main()
