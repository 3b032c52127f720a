#!/usr/bin/python3
"""Writes tests/pytorch_optimizers.h: the steps that PyTorch's optimizers and schedulers take.

For developers; the header is committed, so building and testing need neither Python nor PyTorch.

    /usr/bin/python3 tests/pytorch_optimizers.py > tests/pytorch_optimizers.h

Inputs are drawn as floats; PyTorch then computes in double, so that only mote's rounding shows.
Written with PyTorch 1.13. To cover a new optimizer or schedule, add lines to the tables.
"""
import json
import textwrap
import warnings

import torch
from torch import nn
from torch.optim import lr_scheduler

torch.manual_seed(20260601)
warnings.simplefilter("ignore")  # about schedulers stepped without their optimizer

STEPS = 100


def uniform(low, high, *shape):
    """Random floats that are short to write, as doubles."""
    return ((low + (high - low) * torch.rand(*shape)) * 1000).round().div(1000).float().double()


HEADER = """/* pytorch_optimizers.h: written by pytorch_optimizers.py; change that and run it again.
 *
 * The records are declared by optimizers_test.c, which includes this. */
/* clang-format off */"""

# ---- C ----

def floats(tensor):
    """Writes each in as few digits as a float needs."""
    values = tensor.detach().flatten().numpy().astype("f4")
    return "FLOATS(" + ", ".join(str(value) + "f" for value in values) + ")"


def doubles(values):
    return "DOUBLES(" + ", ".join("%.15g" % v for v in values) + ")"


def whole(values):
    return "LABELS(" + ", ".join(str(int(v)) for v in values) + ")"


def text(value):
    return '"' + value.replace('"', '\\"') + '"'


def record(**members):
    line = "{" + ", ".join(f".{name} = {value}" for name, value in members.items()) + "},"
    print(textwrap.fill(line, 100, initial_indent="    ", subsequent_indent="     ",
                        break_long_words=False, break_on_hyphens=False))


def table(kind, name, rows):
    print(f"static const {kind} {name}[] = {{")
    for row in rows:
        record(**row)
    print("};")


def compact(keys):
    return json.dumps(keys, separators=(",", ":"))


# ---- optimizers ----

def make_optimizer(groups, keys):
    """PyTorch's, for the keys of "optimizer"; only the first group decays, unless decay_all."""
    decayed, others = groups
    decay = keys.get("weight_decay", {"sgd": 0, "adamw": 0.01}[keys["type"]])
    parts = [{"params": decayed, "weight_decay": decay},
             {"params": others, "weight_decay": decay if keys.get("decay_all") else 0}]
    parts = [part for part in parts if part["params"]]
    if keys["type"] == "sgd":
        return torch.optim.SGD(parts, lr=keys.get("learning_rate", 0.01),
                               momentum=keys.get("momentum", 0),
                               nesterov=keys.get("nesterov", False))
    return torch.optim.AdamW(parts, lr=keys.get("learning_rate", 0.001),
                             betas=(keys.get("beta1", 0.9), keys.get("beta2", 0.999)),
                             eps=keys.get("epsilon", 1e-8))


OPTIMIZERS = [
    {"type": "sgd", "learning_rate": 0.1},
    {"type": "sgd", "learning_rate": 0.05, "weight_decay": 0.02},
    {"type": "sgd", "learning_rate": 0.05, "momentum": 0.9},
    {"type": "sgd", "learning_rate": 0.05, "momentum": 0.9, "nesterov": True},
    {"type": "sgd", "learning_rate": 0.02, "momentum": 0.9, "weight_decay": 0.1},
    {"type": "sgd", "learning_rate": 0.02, "momentum": 0.8, "nesterov": True, "weight_decay": 0.01},
    {"type": "adamw"},
    {"type": "adamw", "learning_rate": 0.02, "weight_decay": 0.5},
    {"type": "adamw", "learning_rate": 0.01, "weight_decay": 0, "beta1": 0.5, "beta2": 0.9},
    {"type": "adamw", "learning_rate": 0.01, "beta1": 0, "epsilon": 0.01},
    {"type": "adamw", "learning_rate": 0.001, "beta1": 0.99, "beta2": 0.9999, "epsilon": 1e-6},
    {"type": "adamw", "learning_rate": 0.01, "beta1": 0.2, "beta2": 0.4},
]
WEIGHTS = 12
STATE_NAMES = ["momentum_buffer", "exp_avg", "exp_avg_sq"]


def optimizer_row(keys, start, gradients):
    w = nn.Parameter(start.clone())
    optimizer = make_optimizer(([w], []), keys)
    weights = {}
    for step in range(STEPS):
        w.grad = gradients[step].clone()
        optimizer.step()
        weights[step + 1] = w.detach().clone()
    state = optimizer.state[w]
    states = [state[name] for name in STATE_NAMES if state.get(name) is not None]
    keys = dict(keys)
    return {"type": text(keys.pop("type")), "json": text(compact(keys)),
            "first": floats(weights[1]), "tenth": floats(weights[10]),
            "last": floats(weights[STEPS]),
            "states": "{" + (", ".join(map(floats, states)) or "NULL") + "}"}


# ---- schedules ----

def dummy(rate=1.0):
    return torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=rate)


def rates_of(make, count):
    """The learning rates of `count` steps of the scheduler that `make` gives for an optimizer."""
    optimizer = dummy()
    scheduler = make(optimizer)
    rates = []
    for _ in range(count):
        rates.append(optimizer.param_groups[0]["lr"])
        scheduler.step()
    return rates


def scheduler_of(keys, epoch_steps, total):
    kind = keys["type"]
    if kind == "constant":
        return lambda o: lr_scheduler.ConstantLR(o, factor=1)
    if kind == "step":
        return lambda o: lr_scheduler.StepLR(o, max(1, round(keys["every_epochs"] * epoch_steps)),
                                             gamma=keys.get("factor", 0.1))
    if kind == "cosine" and keys.get("restart_epochs"):
        return lambda o: lr_scheduler.CosineAnnealingWarmRestarts(
            o, max(1, round(keys["restart_epochs"] * epoch_steps)),
            T_mult=keys.get("restart_growth", 1), eta_min=keys.get("final_factor", 0))
    return lambda o: lr_scheduler.CosineAnnealingLR(o, total, eta_min=keys.get("final_factor", 0))


def one_cycle_rates(keys, total):
    """As rates_of, without the step after the last, which OneCycleLR refuses."""
    optimizer = dummy()
    initial, final = keys.get("initial_factor", 0.04), keys.get("final_factor", 4e-6)
    scheduler = lr_scheduler.OneCycleLR(
        optimizer, max_lr=1, total_steps=total, cycle_momentum=False,
        pct_start=keys.get("rise", 0.3), div_factor=1 / initial, final_div_factor=initial / final)
    rates = [optimizer.param_groups[0]["lr"]]
    for _ in range(total - 1):
        scheduler.step()
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


def factors_of(keys, epoch_steps, total=STEPS):
    """A linear warm-up, then the scheduler from its start."""
    warmup = round(keys.get("warmup_epochs", 0) * epoch_steps)
    rising = rates_of(lambda o: lr_scheduler.LinearLR(o, 1 / warmup, 1, warmup - 1), warmup) \
        if warmup > 1 else [1.0] * warmup
    rest = total - warmup
    if keys["type"] == "one_cycle":
        return rising + one_cycle_rates(keys, rest)
    return rising + rates_of(scheduler_of(keys, epoch_steps, rest), rest)


SCHEDULES = [
    {"type": "constant", "warmup_epochs": 1.5},
    {"type": "step", "every_epochs": 3},
    {"type": "step", "every_epochs": 0.7, "factor": 0.5, "warmup_epochs": 2},
    {"type": "cosine"},
    {"type": "cosine", "final_factor": 0.05, "warmup_epochs": 1},
    {"type": "cosine", "restart_epochs": 2, "final_factor": 0.1},
    {"type": "cosine", "restart_epochs": 1.3, "restart_growth": 2, "warmup_epochs": 0.5},
    {"type": "cosine", "restart_epochs": 0.1, "restart_growth": 3},
    {"type": "one_cycle"},
    {"type": "one_cycle", "rise": 0.45, "initial_factor": 0.1, "final_factor": 0.001},
    {"type": "one_cycle", "warmup_epochs": 1},
    {"type": "constant", "warmup_epochs": 0.57},
    {"type": "step", "every_epochs": 0.26, "factor": 0.9},
    {"type": "step", "every_epochs": 0.03, "factor": 0.97},
    {"type": "cosine", "restart_epochs": 0.77, "final_factor": 0.2},
    {"type": "cosine", "restart_epochs": 0.02, "restart_growth": 2},
    {"type": "one_cycle", "rise": 1.0},
    {"type": "one_cycle", "rise": 0.015},
    {"type": "one_cycle", "rise": 0.005},
    {"type": "one_cycle", "rise": 0.0},
]
EPOCH_STEPS = 10


def schedule_row(keys):
    factors = factors_of(keys, EPOCH_STEPS)
    assert len(factors) == STEPS
    keys = dict(keys)
    return {"type": text(keys.pop("type")), "json": text(compact(keys)),
            "factors": doubles(factors)}


# ---- on_plateau ----

PLATEAUS = [
    {"patience": 2, "factor": 0.5},
    {"patience": 0, "factor": 0.7, "threshold": 0.02, "minimum_factor": 0.2},
    {"metric": "accuracy", "patience": 1, "factor": 0.1, "cooldown": 3, "threshold": 0.01},
    {"metric": "accuracy", "patience": 3, "cooldown": 1, "threshold": 0},
]
EPOCHS = 40


def plateau_row(keys):
    accuracy = keys.get("metric") == "accuracy"
    falling = torch.linspace(0, 3, EPOCHS).neg().exp()
    noise = uniform(-0.1, 0.1, EPOCHS)
    values = (1 - falling if accuracy else falling).double() + noise
    optimizer = dummy()
    scheduler = lr_scheduler.ReduceLROnPlateau(
        optimizer, mode="max" if accuracy else "min", factor=keys.get("factor", 0.1),
        patience=keys.get("patience", 10), threshold=keys.get("threshold", 1e-4),
        cooldown=keys.get("cooldown", 0), min_lr=keys.get("minimum_factor", 0), eps=0)
    factors = []
    for value in values.tolist():
        scheduler.step(value)
        factors.append(optimizer.param_groups[0]["lr"])
    assert factors[-1] < 1
    return {"json": text(compact(keys)), "values": doubles(values), "factors": doubles(factors)}


# ---- training ----

SAMPLES, WIDTH, CLASSES = 90, 10, 4

DENSE = [{"type": "dense", "units": 12}, {"type": "tanh"}, {"type": "dense", "units": CLASSES}]
# A bias before batch_norm has a gradient of 0 up to rounding, which adamw turns into steps.
NORMALIZED = [{"type": "dense", "units": 12, "bias": False}, {"type": "batch_norm"},
              {"type": "tanh"}, {"type": "layer_norm"}, {"type": "dense", "units": CLASSES}]

SGD = {"type": "sgd", "learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.01}
ADAMW = {"type": "adamw", "learning_rate": 0.01, "weight_decay": 0.2}
ALL = {"accumulate": 4, "batch_size": 10, "drop_last": True, "clip_gradient_norm": 0.1,
       "weight_average": 0.9,
       "schedule": {"type": "cosine", "restart_epochs": 10, "restart_growth": 2,
                    "warmup_epochs": 5}}

# The weight of each class, in rows that use class weights.
CLASS_WEIGHTS = [1, 20, 0.25, 5]

# layers, the keys of "train", optionally those of "dataset"
PATHS = [
    (DENSE, {"batch_size": 16, "optimizer": ADAMW, "schedule": {"type": "one_cycle"}}),
    (DENSE, {"batch_size": 16, "optimizer": {**ADAMW, "decay_all": True}}),
    (NORMALIZED, {"batch_size": 16, "optimizer": {**SGD, "decay_all": True}}),
    (NORMALIZED, {"batch_size": 16, "optimizer": {**ADAMW, "learning_rate": 0.003}}),
    (DENSE, {"batch_size": 16, "optimizer": SGD, "clip_gradient_norm": 0.1}),
    (NORMALIZED, {"batch_size": 16, "optimizer": SGD, "clip_gradient_norm": 0.3,
                  "schedule": {"type": "step", "every_epochs": 5}}),
    (DENSE, {"batch_size": 8, "accumulate": 4, "optimizer": SGD}),
    (DENSE, {"batch_size": 7, "accumulate": 20, "optimizer": ADAMW}),
    (DENSE, {"batch_size": 16, "optimizer": SGD, "weight_average": 0.95}),
    (NORMALIZED, {"batch_size": 16, "optimizer": {**SGD, "learning_rate": 0.02},
                  "weight_average": 0.8}),
    (DENSE, {**ALL, "optimizer": SGD}),
    (DENSE, {**ALL, "optimizer": ADAMW}),
    (DENSE, {"batch_size": 16, "optimizer": SGD}, {"class_weights": CLASS_WEIGHTS}),
    (DENSE, {"batch_size": 7, "accumulate": 3, "optimizer": ADAMW},
     {"class_weights": CLASS_WEIGHTS}),
    # The last step of an epoch has batches of 8, 8 and 2.
    (NORMALIZED, {"batch_size": 8, "accumulate": 3, "clip_gradient_norm": 0.5,
                  "weight_average": 0.9, "optimizer": {**SGD, "learning_rate": 0.02}},
     {"class_weights": CLASS_WEIGHTS}),
]


def modules_of(layers):
    modules, width = [], WIDTH
    for layer in layers:
        if layer["type"] == "dense":
            modules.append(nn.Linear(width, layer["units"], layer.get("bias", True)))
            width = layer["units"]
        else:
            modules.append({"tanh": nn.Tanh, "batch_norm": lambda: nn.BatchNorm1d(width),
                            "layer_norm": lambda: nn.LayerNorm(width)}[layer["type"]]())
    return nn.Sequential(*modules).double()


def tensors_of(net):
    """The tensors that mote has too, by its names."""
    return {f"layers.{name}": tensor for name, tensor in net.state_dict().items()
            if not name.endswith("num_batches_tracked")}


def groups_of(net):
    """The parameters that decay, and those that by default do not."""
    decayed = [module.weight for module in net if isinstance(module, nn.Linear)]
    return decayed, [p for p in net.parameters() if all(p is not d for d in decayed)]


def path_row(x, labels, layers, keys, data={}):
    net = modules_of(layers)
    for tensor in net.parameters():
        tensor.data = uniform(-0.6, 0.6, *tensor.shape)
    start = {name: tensor.clone() for name, tensor in tensors_of(net).items()}
    average = {name: tensor.clone() for name, tensor in start.items()}
    optimizer = make_optimizer(groups_of(net), keys["optimizer"])
    size = keys["batch_size"] * keys.get("accumulate", 1)
    epoch_steps = SAMPLES // size if keys.get("drop_last") else -(-SAMPLES // size)
    factors = factors_of(keys.get("schedule", {"type": "constant"}), epoch_steps)
    rate = optimizer.param_groups[0]["lr"]
    weights = torch.tensor(data["class_weights"]).double() if data else None
    for step in range(STEPS):
        batch = slice(step % epoch_steps * size, step % epoch_steps * size + size)
        for group in optimizer.param_groups:
            group["lr"] = rate * factors[step]
        optimizer.zero_grad()
        total = len(labels[batch]) if weights is None else weights[labels[batch]].sum()
        for part in torch.arange(SAMPLES)[batch].split(keys["batch_size"]):
            loss = nn.functional.cross_entropy(net(x[part]), labels[part], weights, reduction="sum")
            (loss / total).backward()
        if "clip_gradient_norm" in keys:
            nn.utils.clip_grad_norm_(net.parameters(), keys["clip_gradient_norm"])
        optimizer.step()
        decay = min(keys.get("weight_average", 0), (1 + step) / (10 + step))
        for name, tensor in tensors_of(net).items():
            average[name] = decay * average[name] + (1 - decay) * tensor
    return {"layers": text(compact(layers)), "json": text(compact(keys)),
            "names": "{" + ", ".join(map(text, start)) + "}",
            "start": "{" + ", ".join(map(floats, start.values())) + "}",
            "after": "{" + ", ".join(map(floats, average.values())) + "}",
            "data": text(compact({"normalize": "none", **data}))}


def main():
    print(HEADER)
    print(f"enum {{ STEPS = {STEPS}, WEIGHTS = {WEIGHTS}, EPOCH_STEPS = {EPOCH_STEPS},\n"
          f"       EPOCHS = {EPOCHS}, PATH_SAMPLES = {SAMPLES}, PATH_WIDTH = {WIDTH} }};")
    # Gradients of all magnitudes, close to 0 too, most with a persistent direction.
    sizes = 10.0 ** -torch.arange(WEIGHTS).double().div(2)
    start = uniform(-1, 1, WEIGHTS)
    gradients = (uniform(-1, 1, STEPS, WEIGHTS) + uniform(-1, 1, WEIGHTS)) * sizes
    gradients = gradients.float().double()
    table("optimizer_inputs", "optimizer_inputs_table",
          [{"start": floats(start), "gradients": floats(gradients)}])
    table("optimizer_values", "optimizer_values_table",
          [optimizer_row(keys, start, gradients) for keys in OPTIMIZERS])
    table("schedule_values", "schedule_values_table", [schedule_row(keys) for keys in SCHEDULES])
    table("plateau_values", "plateau_values_table", [plateau_row(keys) for keys in PLATEAUS])
    centres = uniform(-0.5, 0.5, CLASSES, WIDTH)
    labels = torch.arange(SAMPLES) * 7 % CLASSES
    x = (centres[labels] + uniform(-1, 1, SAMPLES, WIDTH)).float().double()
    table("path_inputs", "path_inputs_table", [{"x": floats(x), "labels": whole(labels)}])
    table("path_values", "path_values_table",
          [path_row(x, labels, *path) for path in PATHS])


main()
