#!/usr/bin/env python3
"""Does the job of configs/mnist.json in PyTorch, from the gzip files to the test accuracy.

usage: tests/bench/mnist_pytorch.py [--config FILE] [--directory DIR] [--seed N] [--threads N]
                                    [--epochs N | --seconds S]

Follows the config and refuses what it does not know. With --seconds, does as many of the
config's epochs as fit between the start of the program and the test accuracy; the schedule is
that of the epochs it does.

As fast as plain PyTorch allows: all data is in memory as floats, a batch is one indexing operation,
and there is no DataLoader. compare_pytorch.py --job times it against ./train.
"""
import time

BEGIN = time.perf_counter()

import argparse
import gzip
import json
import math
import os
import sys

import torch

ACTIVATIONS = {"relu": torch.nn.ReLU, "silu": torch.nn.SiLU, "gelu": torch.nn.GELU,
               "tanh": torch.nn.Tanh}


def take(settings, where, **presets):
    """The values of an object of the config, in the order of `presets`; the preset ... marks a
    required key. Ends the program if one is missing, or if the object has other keys."""
    unknown = set(settings) - set(presets) - {"type"}
    missing = {key for key, preset in presets.items() if preset is ...} - set(settings)
    if unknown or missing:
        sys.exit(f"{where}: " + (f"{', '.join(sorted(unknown))}: not known to this program"
                                 if unknown else f"{', '.join(sorted(missing))}: missing"))
    return [settings.get(key, preset) for key, preset in presets.items()]


def expect(value, known, where):
    if value not in known:
        sys.exit(f"{where}: \"{value}\" is not known to this program; {', '.join(known)} are")


def build_layers(config, inputs):
    """A torch.nn.Sequential with a module for each layer, so that parameters have mote's names."""
    modules = []
    for i, layer in enumerate(config["model"]["layers"]):
        where = f"model.layers[{i}]"
        expect(layer["type"], ["flatten", "dense", "dropout", *ACTIVATIONS], where)
        if layer["type"] == "dense":
            units, = take(layer, where, units=...)
            modules.append(torch.nn.Linear(inputs, units))
            torch.nn.init.kaiming_normal_(modules[-1].weight)
            torch.nn.init.zeros_(modules[-1].bias)
            inputs = units
        elif layer["type"] == "dropout":
            modules.append(torch.nn.Dropout(*take(layer, where, rate=0.5)))
        else:
            take(layer, where)
            modules.append(torch.nn.Flatten() if layer["type"] == "flatten"
                           else ACTIVATIONS[layer["type"]]())
    return torch.nn.Sequential(*modules)


def build_optimizer(config, model):
    settings, where = config["train"]["optimizer"], "train.optimizer"
    expect(settings["type"], ["sgd"], where)
    rate, momentum, nesterov, decay = take(settings, where, learning_rate=0.01, momentum=0,
                                           nesterov=False, weight_decay=0)
    weights = [p for name, p in model.named_parameters() if name.endswith("weight")]
    biases = [p for name, p in model.named_parameters() if name.endswith("bias")]
    return torch.optim.SGD([{"params": weights, "weight_decay": decay}, {"params": biases}],
                           lr=rate, momentum=momentum, nesterov=nesterov)


def schedule_factor(step, steps, epochs, warmup_epochs):
    """A step's factor of the learning rate: a linear warm-up, then half a cosine."""
    warmup = round(warmup_epochs * steps)
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / (epochs * steps - warmup)))


def read_idx(directory, name):
    with gzip.open(os.path.join(directory, name)) as stream:
        data = stream.read()
    rank = data[3]
    shape = [int.from_bytes(data[4 + 4 * i:8 + 4 * i], "big") for i in range(rank)]
    return torch.frombuffer(bytearray(data[4 + 4 * rank:]), dtype=torch.uint8).reshape(shape)


def accuracy(model, x, labels):
    model.eval()
    with torch.no_grad():
        correct = sum((model(x[i:i + 256]).argmax(1) == labels[i:i + 256]).sum().item()
                      for i in range(0, len(x), 256))
    return correct / len(x)


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", default="configs/mnist.json")
    parser.add_argument("--directory", default="datasets/mnist")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--threads", type=int)
    limit = parser.add_mutually_exclusive_group()
    limit.add_argument("--epochs", type=int)
    limit.add_argument("--seconds", type=float)
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    with open(arguments.config) as stream:
        config = json.load(stream)
    _, seed, data, _, settings = take(config, arguments.config, name="", seed=0, dataset=...,
                                      model=..., train=...)
    form, _, fraction, normalize = take(data, "dataset", format=..., directory="",
                                        validation_fraction=0, normalize="standard")
    expect(form, ["idx"], "dataset.format")
    expect(normalize, ["standard"], "dataset.normalize")
    epochs, batch, _, schedule = take(settings, "train", epochs=10, batch_size=64, optimizer=...,
                                      schedule=...)
    expect(schedule["type"], ["cosine"], "train.schedule.type")
    warmup, = take(schedule, "train.schedule", warmup_epochs=0)
    _, output = take(config["model"], "model", layers=..., output=...)
    expect(output["type"], ["softmax_cross_entropy"], "model.output.type")
    smoothing, = take(output, "model.output", label_smoothing=0.0)
    epochs = arguments.epochs or epochs
    if arguments.seconds and warmup < 1:
        sys.exit("--seconds needs warmup_epochs of at least 1: it is the first epoch that tells how "
                 "many fit, and on that depends the learning rate of all but a warm-up")
    torch.manual_seed(seed if arguments.seed is None else arguments.seed)

    def images(name):
        return read_idx(arguments.directory, name).reshape(-1, 784).float() / 255

    def labels(name):
        return read_idx(arguments.directory, name).long()

    x, y = images("train-images-idx3-ubyte.gz"), labels("train-labels-idx1-ubyte.gz")
    test_x, test_y = images("t10k-images-idx3-ubyte.gz"), labels("t10k-labels-idx1-ubyte.gz")
    order = torch.randperm(len(x))
    held_out = int(fraction * len(x))
    validation, training = order[:held_out], order[held_out:]
    mean, deviation = x[training].mean(), x[training].std()
    x, test_x = (x - mean) / deviation, (test_x - mean) / deviation
    validation_x, validation_y = x[validation], y[validation]

    model = build_layers(config, 784)
    optimizer = build_optimizer(config, model)
    steps = (len(training) + batch - 1) // batch
    rates = [group["lr"] for group in optimizer.param_groups]
    best, best_weights, epoch = -1, None, 0
    while epoch < epochs:
        started = time.perf_counter()
        model.train()
        shuffled = training[torch.randperm(len(training))]
        for step in range(steps):
            rows = shuffled[step * batch:(step + 1) * batch]
            factor = schedule_factor(epoch * steps + step, steps, epochs, warmup)
            for group, rate in zip(optimizer.param_groups, rates):
                group["lr"] = rate * factor
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(x[rows]), y[rows],
                                              label_smoothing=smoothing).backward()
            optimizer.step()
        reached = accuracy(model, validation_x, validation_y) if held_out else epoch
        if reached > best:
            best, best_weights = reached, {k: v.clone() for k, v in model.state_dict().items()}
        epoch += 1
        if arguments.seconds and epoch == 1:
            now = time.perf_counter()
            # 15 % in reserve: for the test, and because later epochs take longer than the first.
            left = 0.85 * arguments.seconds - (now - BEGIN)
            epochs = min(epochs, max(1, 1 + math.floor(left / (now - started))))
    model.load_state_dict(best_weights)
    print(f"test accuracy {100 * accuracy(model, test_x, test_y):.2f} % after {epochs} epochs, "
          f"{time.perf_counter() - BEGIN:.1f} s")


if __name__ == "__main__":
    main()
