#!/usr/bin/python3
"""Writes tests/pytorch_values.h: what PyTorch computes from the same inputs.

For developers; the header is committed, so building and testing need neither Python nor PyTorch.

    /usr/bin/python3 tests/pytorch_values.py > tests/pytorch_values.h

Inputs are drawn as floats; PyTorch then computes in double, so that only mote's rounding shows.
Written with PyTorch 1.13. To cover a new layer, add a line to LAYERS, or to OUTPUTS for an output.
"""
import json
import textwrap

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(20260101)


def uniform(low, high, *shape):
    """Random floats, as doubles."""
    return (low + (high - low) * torch.rand(*shape)).float().double()


def hundredths(low, high, *shape):
    """As uniform, but rounded to hundredths, which are short to write."""
    return (uniform(low, high, *shape) * 100).round().div(100).float().double()


def distributions(rows, classes):
    return torch.softmax(uniform(-1, 1, rows, classes), 1).float().double()


# ---- C ----

def number(value):
    value = float(torch.tensor(value, dtype=torch.float64).float())
    text = "%.2g" % value
    if float(torch.tensor(float(text)).float()) != value:
        text = "%.9g" % value
    return text + ("f" if any(c in text for c in ".en") else ".f")


def numbers(tensor):
    return "FLOATS(" + ", ".join(map(number, tensor.detach().flatten().tolist())) + ")"


def whole(values):
    return "LABELS(" + ", ".join(str(int(v)) for v in values) + ")"


def record(**members):
    text = "{" + ", ".join(f".{name} = {value}" for name, value in members.items()) + "},"
    print(textwrap.fill(text, 100, initial_indent="    ", subsequent_indent="     ",
                        break_long_words=False, break_on_hyphens=False))


def table(kind, name, rows):
    print(f"static const {kind} {name}[] = {{")
    for row in rows:
        record(**row)
    print("};\n")


def shape_text(shape):
    return f"{{{len(shape)}, {{{', '.join(map(str, shape))}}}}}"


def text(value):
    return json.dumps(value if isinstance(value, str) else json.dumps(value, separators=(",", ":")))


# ---- layers ----

class Residual(nn.Module):
    """Has members named so that its parameters have mote's names."""

    def __init__(self, layers, shortcut=()):
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.shortcut = nn.Sequential(*shortcut)  # x itself if empty

    def forward(self, x):
        return self.layers(x) + self.shortcut(x)


def dense(units):
    return {"type": "dense", "units": units}


RELU, TANH, FLATTEN = {"type": "relu"}, {"type": "tanh"}, {"type": "flatten"}

def max_pool(**keys):
    return lambda: nn.MaxPool2d(keys.pop("size"), **keys)


def average_pool(**keys):
    return lambda: nn.AvgPool2d(keys.pop("size"), **keys)


def global_average_pool():
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())


# Windows that adjoin, leave gaps and overlap, on sides that they fit and do not fit.
POOLING = [
    ({"size": 2}, (2, 4, 6), 2),
    ({"size": 2}, (3, 5, 3), 1),
    ({"size": 2, "stride": 1}, (6, 3, 4), 1),
    ({"size": 2, "stride": 3}, (2, 6, 7), 1),
    ({"size": 3, "stride": 2, "padding": 1}, (2, 7, 6), 1),
    ({"size": 3, "stride": 1, "padding": 1}, (1, 4, 5), 2),
    ({"size": 2, "padding": 1}, (17, 3, 2), 1),
    ({"size": 4, "stride": 3, "padding": 2}, (2, 6, 3), 1),
    ({"size": 5, "stride": 2, "padding": 2}, (1, 1, 8), 2),
]

# type, keys in mote, the same in PyTorch, shape of one sample, batch, range of the input (one number
# if symmetric about 0, else both ends); and the step between its numbers, if some should be equal
LAYERS = [
    ("conv2d", {"filters": 3, "kernel": 3}, lambda: nn.Conv2d(1, 3, 3), (1, 5, 4), 2, 2),
    ("conv2d", {"filters": 4, "kernel": 3, "padding": "same", "bias": False},
     lambda: nn.Conv2d(5, 4, 3, padding="same", bias=False), (5, 4, 3), 2, 2),
    ("conv2d", {"filters": 2, "kernel": 4, "padding": "same"},
     lambda: nn.Conv2d(2, 2, 4, padding="same"), (2, 5, 5), 1, 2),
    ("conv2d", {"filters": 6, "kernel": 3, "stride": 2, "padding": 1, "groups": 2},
     lambda: nn.Conv2d(10, 6, 3, stride=2, padding=1, groups=2), (10, 5, 6), 1, 2),
    ("conv2d", {"filters": 5, "kernel": 3, "padding": 2, "dilation": 2, "groups": 5},
     lambda: nn.Conv2d(5, 5, 3, padding=2, dilation=2, groups=5), (5, 4, 4), 2, 2),
    ("dense", {"units": 3}, lambda: nn.Linear(5, 3), (5,), 4, 2),
    ("dense", {"units": 18, "bias": False}, lambda: nn.Linear(7, 18, bias=False), (7,), 3, 2),
    ("dense", {"units": 1}, lambda: nn.Linear(33, 1), (33,), 1, 2),
    ("elu", {}, nn.ELU, (37,), 2, 3),
    ("elu", {"alpha": 0.3}, lambda: nn.ELU(0.3), (2, 3, 3), 2, 30),
    ("elu", {"alpha": 2.5}, lambda: nn.ELU(2.5), (19,), 1, (-30, 0)),
    ("flatten", {}, nn.Flatten, (2, 3, 2), 2, 2),
    ("gelu", {}, nn.GELU, (37,), 2, 4),
    ("gelu", {}, nn.GELU, (2, 3, 3), 2, 30),
    ("gelu", {}, nn.GELU, (19,), 1, (-30, 0)),
    ("relu", {}, nn.ReLU, (2, 3, 3), 2, 3),
    ("leaky_relu", {}, nn.LeakyReLU, (19,), 2, 3),
    ("leaky_relu", {"slope": 0.25}, lambda: nn.LeakyReLU(0.25), (5,), 2, 3),
    ("sigmoid", {}, nn.Sigmoid, (37,), 1, 12),
    ("silu", {}, nn.SiLU, (37,), 2, 6),
    ("silu", {}, nn.SiLU, (2, 3, 3), 2, 30),
    ("silu", {}, nn.SiLU, (19,), 1, (-30, 0)),
    ("tanh", {}, nn.Tanh, (37,), 2, 1),
    ("tanh", {}, nn.Tanh, (2, 3, 3), 2, 8),
    ("softmax", {}, lambda: nn.Softmax(1), (11,), 3, 5),
    ("softmax", {}, lambda: nn.Softmax(1), (2,), 2, 30),
    ("batch_norm", {}, lambda: nn.BatchNorm1d(5), (5,), 4, 2),
    ("batch_norm", {"momentum": 0.25}, lambda: nn.BatchNorm1d(6, momentum=0.25), (6,), 2, 3),
    ("batch_norm", {"momentum": 0.3, "epsilon": 0.01},
     lambda: nn.BatchNorm2d(3, eps=0.01, momentum=0.3), (3, 4, 5), 2, 2),
    ("batch_norm", {}, lambda: nn.BatchNorm2d(2), (2, 3, 3), 1, 2),
    ("layer_norm", {}, lambda: nn.LayerNorm((7,)), (7,), 3, 2),
    ("layer_norm", {"epsilon": 0.01}, lambda: nn.LayerNorm((2, 3, 4), eps=0.01), (2, 3, 4), 2, 3),
    ("residual", {"layers": [TANH]}, lambda: Residual([nn.Tanh()]), (2, 3, 3), 2, 3),
    ("residual", {"layers": [dense(4), RELU, dense(5)]},
     lambda: Residual([nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 5)]), (5,), 4, 2),
    ("residual", {"layers": [RELU, FLATTEN, dense(4)], "shortcut": [FLATTEN, dense(4)]},
     lambda: Residual([nn.ReLU(), nn.Flatten(), nn.Linear(12, 4)],
                      [nn.Flatten(), nn.Linear(12, 4)]), (2, 3, 2), 3, 2),
    *(("max_pool2d", keys, max_pool(**keys), shape, batch, 2) for keys, shape, batch in POOLING),
    ("max_pool2d", {"size": 2}, max_pool(size=2), (3, 4, 5), 1, 1, 1),
    ("max_pool2d", {"size": 3, "stride": 2, "padding": 1}, max_pool(size=3, stride=2, padding=1),
     (2, 6, 5), 1, 1, 1),
    *(("average_pool2d", keys, average_pool(**keys), shape, batch, 2)
      for keys, shape, batch in POOLING),
    ("global_average_pool", {}, global_average_pool, (3, 4, 5), 2, 2),
    ("global_average_pool", {}, global_average_pool, (18, 3, 2), 1, 2),
    ("global_average_pool", {}, global_average_pool, (2, 1, 1), 2, 2),
]


def buffers(layer):
    """Tensors that are not trained, but kept and changed by a forward pass in training."""
    return [b for b in layer.buffers() if b.is_floating_point()]


def layer_row(kind, keys, make, shape, batch, reach, step=None):
    layer = make().double()
    for parameter in layer.parameters():
        parameter.data = uniform(-1, 1, *parameter.shape)
    for buffer in buffers(layer):
        buffer.copy_(uniform(0.5, 2, *buffer.shape))
    before = [b.clone() for b in buffers(layer)]
    low, high = reach if isinstance(reach, tuple) else (-reach, reach)
    x = uniform(low, high, batch, *shape)
    x = (x if step is None else (x / step).round() * step).requires_grad_()
    y = layer(x)
    dy = uniform(-1, 1, *y.shape)
    y.backward(dy)
    parameters = [p.detach() for p in layer.parameters()] + before
    gradients = [p.grad for p in layer.parameters()]
    row = {
        "type": text(kind), "json": text(keys), "batch": batch,
        "shape": shape_text(shape),
        "x": numbers(x), "dy": numbers(dy), "y": numbers(y), "dx": numbers(x.grad),
        "y_width": y[0].numel(),
    }
    if parameters:
        row["parameters"] = "{" + ", ".join(map(numbers, parameters)) + "}"
        row["gradients"] = "{" + ", ".join(map(numbers, gradients)) + "}"
    if before:
        row["buffers_after"] = "{" + ", ".join(map(numbers, buffers(layer))) + "}"
        row["y_in_evaluation"] = numbers(layer.eval()(x))
    return row


# ---- outputs ----

def one_hot(labels, classes):
    return F.one_hot(labels, classes).double()


def softmax_loss(smoothing):
    return lambda z, y: F.cross_entropy(z, y, reduction="sum", label_smoothing=smoothing)


def sigmoid_loss(z, y):
    """y: labels or, for one logit, distributions over its two classes."""
    if z.shape[1] == 1:
        y = y if y.dim() == 1 else y[:, 1]
        return F.binary_cross_entropy_with_logits(z[:, 0], y.double(), reduction="sum")
    y = one_hot(y, z.shape[1]) if y.dim() == 1 else y
    return F.binary_cross_entropy_with_logits(z, y, reduction="sum")


def probability_loss(p, y):
    if p.shape[1] == 1:
        y = y if y.dim() == 1 else y[:, 1]
        return F.binary_cross_entropy(p[:, 0], y.double(), reduction="sum")
    if y.dim() == 1:
        return F.nll_loss(p.log(), y, reduction="sum")
    return -(y * p.log()).sum()


def squared_loss(z, y):
    y = one_hot(y, z.shape[1]) if y.dim() == 1 else y
    return F.mse_loss(z, y, reduction="none").mean(1).sum()


# type, keys, PyTorch's sum over rows, width, kinds of targets
OUTPUTS = [
    ("softmax_cross_entropy", {}, softmax_loss(0), 7, ["labels", "distributions"]),
    ("softmax_cross_entropy", {"label_smoothing": 0.1}, softmax_loss(0.1), 5,
     ["labels", "distributions"]),
    ("softmax_cross_entropy", {}, softmax_loss(0), 2, ["labels"]),
    ("sigmoid_cross_entropy", {}, sigmoid_loss, 1, ["labels", "distributions"]),
    ("sigmoid_cross_entropy", {}, sigmoid_loss, 4, ["labels", "distributions"]),
    ("cross_entropy", {}, probability_loss, 5, ["labels", "distributions"]),
    ("cross_entropy", {}, probability_loss, 1, ["labels", "distributions"]),
    ("mean_squared_error", {}, squared_loss, 3, ["labels", "numbers"]),
    ("mean_squared_error", {}, squared_loss, 1, ["numbers"]),
]


def output_row(kind, keys, loss, width, target):
    rows, classes = 4, max(width, 2)
    if kind == "cross_entropy":
        z = distributions(rows, classes)[:, :width].clone()
    else:
        z = uniform(-4, 4, rows, width)
    z.requires_grad_()
    y = {"labels": lambda: torch.randint(classes, (rows,)),
         "distributions": lambda: distributions(rows, classes),
         "numbers": lambda: uniform(-2, 2, rows, width)}[target]()
    total = loss(z, y)
    (total / rows).backward()
    return {
        "type": text(kind), "json": text(keys), "rows": rows, "width": width, "z": numbers(z),
        **({"labels": whole(y)} if target == "labels" else {"values": numbers(y)}),
        "numbers": "true" if target == "numbers" else "false",
        "loss": number(total.item()), "dz": numbers(z.grad),
    }


# ---- class weights ----

def weighted_row(kind, width):
    """The mean as CrossEntropyLoss takes it with weights: the sum over the sum of the weights."""
    rows, classes = 6, max(width, 2)
    z = uniform(-4, 4, rows, width).requires_grad_()
    weights = uniform(0.1, 5, classes)
    y = torch.randint(classes, (rows,))
    if kind == "softmax_cross_entropy":
        loss = F.cross_entropy(z, y, weight=weights)
    else:
        loss = F.binary_cross_entropy_with_logits(z[:, 0], y.double(), weight=weights[y],
                                                  reduction="sum") / weights[y].sum()
    loss.backward()
    return {"type": text(kind), "rows": rows, "width": width, "z": numbers(z), "labels": whole(y),
            "weights": numbers(weights), "loss": number(loss.item()), "dz": numbers(z.grad)}


WEIGHTED = [("softmax_cross_entropy", 2), ("softmax_cross_entropy", 5),
            ("sigmoid_cross_entropy", 1)]


# ---- networks in training ----

BATCHES, NETWORK_STEPS = 4, 50


class SameConv2d(nn.Conv2d):
    """With mote's "same" padding, at any stride: an odd zero is at the bottom and on the right."""

    def forward(self, x):
        zeros = []
        for side in (3, 2):
            seen = (-(-x.shape[side] // self.stride[0]) - 1) * self.stride[0] + self.kernel_size[0]
            both = max(seen - x.shape[side], 0)
            zeros += [both // 2, both - both // 2]
        return super().forward(F.pad(x, zeros))


def conv(filters, kernel, **keys):
    return {"type": "conv2d", "filters": filters, "kernel": kernel, **keys}


SIGMOID, SILU, GELU, ELU = {"type": "sigmoid"}, {"type": "silu"}, {"type": "gelu"}, {"type": "elu"}
LEAKY_RELU, SOFTMAX = {"type": "leaky_relu", "slope": 0.1}, {"type": "softmax"}
BATCH_NORM, LAYER_NORM = {"type": "batch_norm"}, {"type": "layer_norm"}
GLOBAL_AVERAGE_POOL, NO_DROPOUT = {"type": "global_average_pool"}, {"type": "dropout", "rate": 0}
SAME = {"padding": "same"}
UNBIASED = {"padding": "same", "bias": False}

PERCEPTRON = ([dense(8), RELU, dense(5)],
              lambda: nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 5)), (12,), 16, 5)
IMAGES = (2, 5, 4), 4, 3
PLAIN = {"learning_rate": 0.05}
MOMENTUM = {"learning_rate": 0.05, "momentum": 0.9, "weight_decay": 0.01}
NESTEROV = {"learning_rate": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}

# layers in mote, the same in PyTorch, shape of one sample, batch, classes, optimizer. Softmax at the
# end is trained with cross_entropy, everything else with softmax_cross_entropy.
NETWORKS = [
    (*PERCEPTRON, {"learning_rate": 0.1}),
    (*PERCEPTRON, MOMENTUM),
    (*PERCEPTRON, NESTEROV),
    ([dense(8), RELU,
      {"type": "residual", "layers": [dense(6), RELU, dense(8)]}, RELU,
      {"type": "residual", "layers": [TANH, {"type": "residual", "layers": [dense(8)]}, dense(5)],
       "shortcut": [dense(5)]}],
     lambda: nn.Sequential(
         nn.Linear(12, 8), nn.ReLU(),
         Residual([nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 8)]), nn.ReLU(),
         Residual([nn.Tanh(), Residual([nn.Linear(8, 8)]), nn.Linear(8, 5)], [nn.Linear(8, 5)])),
     (12,), 16, 5, MOMENTUM),
    # normalizations of vectors
    ([dense(8), GELU, dense(8), BATCH_NORM, SILU, NO_DROPOUT, dense(3)],
     lambda: nn.Sequential(
         nn.Linear(5, 8), nn.GELU(), nn.Linear(8, 8), nn.BatchNorm1d(8), nn.SiLU(), nn.Dropout(0),
         nn.Linear(8, 3)),
     (5,), 8, 3, MOMENTUM),
    ([dense(8), LAYER_NORM, SIGMOID, dense(6), ELU, dense(3), SOFTMAX],
     lambda: nn.Sequential(
         nn.Linear(5, 8), nn.LayerNorm((8,)), nn.Sigmoid(), nn.Linear(8, 6), nn.ELU(),
         nn.Linear(6, 3), nn.Softmax(1)),
     (5,), 8, 3, NESTEROV),
    # conv2d, direct and by columns, with even and odd "same" padding, and pooling
    ([conv(6, 3, **SAME), LEAKY_RELU, conv(5, 3, stride=2, **SAME), GELU, FLATTEN, dense(3)],
     lambda: nn.Sequential(
         SameConv2d(2, 6, 3), nn.LeakyReLU(0.1), SameConv2d(6, 5, 3, stride=2), nn.GELU(),
         nn.Flatten(), nn.Linear(30, 3)),
     *IMAGES, MOMENTUM),
    ([conv(6, 3, **UNBIASED), BATCH_NORM, RELU, {"type": "max_pool2d", "size": 2}, NO_DROPOUT,
      conv(4, 2, **SAME), SILU, FLATTEN, dense(3)],
     lambda: nn.Sequential(
         SameConv2d(2, 6, 3, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2),
         nn.Dropout(0), SameConv2d(6, 4, 2), nn.SiLU(), nn.Flatten(), nn.Linear(16, 3)),
     *IMAGES, NESTEROV),
    # in groups and one filter per channel
    ([conv(6, 3, padding=1), SILU, conv(4, 3, groups=2, padding=1), LAYER_NORM, ELU,
      conv(4, 3, groups=4, stride=2, padding=1), TANH,
      {"type": "average_pool2d", "size": 2, "stride": 1}, SIGMOID, FLATTEN, dense(4), BATCH_NORM,
      dense(3), SOFTMAX],
     lambda: nn.Sequential(
         nn.Conv2d(2, 6, 3, padding=1), nn.SiLU(), nn.Conv2d(6, 4, 3, groups=2, padding=1),
         nn.LayerNorm((4, 5, 4)), nn.ELU(), nn.Conv2d(4, 4, 3, groups=4, stride=2, padding=1),
         nn.Tanh(), nn.AvgPool2d(2, 1), nn.Sigmoid(), nn.Flatten(), nn.Linear(8, 4),
         nn.BatchNorm1d(4), nn.Linear(4, 3), nn.Softmax(1)),
     *IMAGES, PLAIN),
    # residual networks of images
    ([conv(5, 3, **UNBIASED), BATCH_NORM, RELU,
      {"type": "residual", "layers": [conv(5, 3, **UNBIASED), BATCH_NORM, RELU,
                                      conv(5, 3, **UNBIASED), BATCH_NORM]}, RELU,
      {"type": "residual", "layers": [conv(6, 3, stride=2, **UNBIASED), BATCH_NORM, RELU,
                                      conv(6, 3, **UNBIASED), BATCH_NORM],
       "shortcut": [conv(6, 1, stride=2, bias=False), BATCH_NORM]}, RELU,
      GLOBAL_AVERAGE_POOL, NO_DROPOUT, dense(3)],
     lambda: nn.Sequential(
         SameConv2d(2, 5, 3, bias=False), nn.BatchNorm2d(5), nn.ReLU(),
         Residual([SameConv2d(5, 5, 3, bias=False), nn.BatchNorm2d(5), nn.ReLU(),
                   SameConv2d(5, 5, 3, bias=False), nn.BatchNorm2d(5)]), nn.ReLU(),
         Residual([SameConv2d(5, 6, 3, stride=2, bias=False), nn.BatchNorm2d(6), nn.ReLU(),
                   SameConv2d(6, 6, 3, bias=False), nn.BatchNorm2d(6)],
                  [nn.Conv2d(5, 6, 1, stride=2, bias=False), nn.BatchNorm2d(6)]), nn.ReLU(),
         global_average_pool(), nn.Dropout(0), nn.Linear(6, 3)),
     *IMAGES, MOMENTUM),
]


def sgd_of(net, keys):
    """Decays what mote does: the weights that layers multiply by, and no others."""
    keys = dict(keys)
    decay = keys.pop("weight_decay", 0)
    decayed = [m.weight for m in net.modules() if isinstance(m, (nn.Linear, nn.Conv2d))]
    others = [p for p in net.parameters() if all(p is not d for d in decayed)]
    return torch.optim.SGD([{"params": decayed, "weight_decay": decay}, {"params": others}],
                           lr=keys.pop("learning_rate"), **keys)


def named_tensors(net):
    return ([(n, p.detach()) for n, p in net.named_parameters()] +
            [(n, b) for n, b in net.named_buffers() if b.is_floating_point()])


def network_row(seed, layers, make, shape, batch, classes, keys):
    torch.manual_seed(seed)  # so that adding a network does not change the others
    net = make().double()
    for parameter in net.parameters():
        parameter.data = hundredths(-0.5, 0.5, *parameter.shape)
    for buffer in buffers(net):
        buffer.copy_(hundredths(0.5, 2, *buffer.shape))
    start = [t.clone() for _, t in named_tensors(net)]
    x = hundredths(-1, 1, batch * BATCHES, *shape)
    labels = torch.randint(classes, (batch * BATCHES,))
    optimizer = sgd_of(net, keys)
    probabilities = layers[-1] == SOFTMAX
    losses = []
    for step in range(NETWORK_STEPS):
        rows = slice(step % BATCHES * batch, (step % BATCHES + 1) * batch)
        y = net(x[rows])
        loss = (F.nll_loss(y.log(), labels[rows]) if probabilities
                else F.cross_entropy(y, labels[rows]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return {"layers": text(layers),
            "output": text("cross_entropy" if probabilities else "softmax_cross_entropy"),
            "optimizer": text("sgd"), "json": text(keys), "shape": shape_text(shape),
            "batch": batch, "x": numbers(x), "labels": whole(labels),
            "names": "{" + ", ".join(text("layers." + n) for n, _ in named_tensors(net)) + "}",
            "start": "{" + ", ".join(map(numbers, start)) + "}",
            "losses": numbers(torch.tensor(losses)),
            "after": "{" + ", ".join(numbers(t) for _, t in named_tensors(net)) + "}"}


def main():
    print("/* pytorch_values.h: written by pytorch_values.py; change that and run it again.\n *\n"
          " * The records are declared by pytorch_test.c, which includes this. */")
    print("/* clang-format off */")
    table("layer_values", "layer_values_table", [layer_row(*row) for row in LAYERS])
    table("output_values", "output_values_table",
          [output_row(*row[:4], target) for row in OUTPUTS for target in row[4]])

    print(f"enum {{ NETWORK_BATCHES = {BATCHES}, NETWORK_STEPS = {NETWORK_STEPS} }};\n")
    table("network_values", "network_values_table",
          [network_row(seed, *row) for seed, row in enumerate(NETWORKS)])

    # Last, so that the rows above keep their values.
    table("weighted_values", "weighted_values_table", [weighted_row(*row) for row in WEIGHTED])


main()
