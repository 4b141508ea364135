"""Every level written out once more, with a plain dense matrix: independent of the rules, the synapses and the ops.

A spike is a step whose value is the step's and whose gradient is that of a primitive of the surrogate.
"""

import math

import torch


def fast_sigmoid(d):
    return d / (1 + 10 * d.abs())


def arctan(d):
    return torch.atan(math.pi * d) / math.pi


def triangular(d):
    inside = torch.clamp(d, -1, 1)
    return 0.3 * (inside - inside * inside.abs() / 2)


PRIMITIVES = {None: fast_sigmoid, "fast_sigmoid": fast_sigmoid, "arctan": arctan, "triangular": triangular}


class Cells:
    """State of N cells: z is what synapses transmit, u what gap junctions see."""

    def __init__(self, net, weight, conductance, batch):
        self.c = {name: constant.value for name, constant in net.constants.items()}
        self.c |= {name: net.constants[name].value / abs(net.constants[name].value) * log.exp().detach()
                   for name, log in net.log_constants.items()}  # fmt: skip
        self.dt, self.weight, self.g = net.dt_ms, weight, conductance
        self.primitive = PRIMITIVES[net.surrogate]
        self.z = self.u = self.v = weight.new_zeros(batch, len(weight))
        self.start()

    def start(self):
        pass

    def synapses(self):
        return torch.einsum("bp,pq->bq", self.z, self.weight)

    def gaps(self):
        return sum(self.g[:, j] * (self.u[:, [j]] - self.u) for j in range(len(self.g)))

    def spike(self, distance):
        soft = self.primitive(distance)
        return (distance >= 0).double() + soft - soft.detach()


class Relu(Cells):
    def tick(self, drive):
        self.z = self.u = torch.clamp(drive + self.synapses() + self.gaps(), min=0)


class Rate(Cells):
    def tick(self, drive):
        keep = torch.exp(-self.dt / self.c["tau_ms"])
        self.v = keep * self.v + (1 - keep) * (drive + self.synapses() + self.gaps())
        self.z = self.u = torch.tanh(self.v)


class LIF(Cells):
    def threshold(self):
        return self.c["threshold"]

    def tick(self, drive):
        self.u = torch.exp(-self.dt / self.c["tau_ms"]) * self.v + drive + self.synapses() + self.gaps()
        distance = self.u - self.threshold()
        self.z = self.spike(distance)
        self.v = torch.where(distance >= 0, torch.zeros_like(self.u), self.u)


class ALIF(LIF):
    def start(self):
        self.adaptation = self.v

    def threshold(self):
        return self.c["threshold"] + self.adaptation

    def tick(self, drive):
        super().tick(drive)
        self.adaptation = torch.exp(-self.dt / self.c["adaptation_tau_ms"]) * self.adaptation + self.c["beta"] * self.z


class Izhikevich(Cells):
    def start(self):
        self.v = self.u = self.v - 65.0
        self.w = self.c["b"] * self.v

    def tick(self, drive):
        steps, h, gain = (10, 0.1, 1.0) if self.c["membrane_ms"] == 1 else (1, 0.2, 20.0)  # at 1 ms a tick
        current, silent = gain * (drive + self.synapses() + self.gaps()), 1.0
        for _ in range(steps):
            slope = 0.04 * self.v**2 + 5 * self.v + 140 - self.w + current
            recovery = self.w + h * self.c["a"] * (self.c["b"] * self.v - self.w)
            v = self.v + h * slope
            distance = v - 30
            spike = self.spike(distance / (30 - self.c["c"]))
            self.u = torch.clamp(v, self.c["floor_mv"], 30)
            self.v = torch.where(distance >= 0, self.c["c"], self.u)
            self.w = recovery + self.c["d"] * spike
            silent = silent * (1 - spike)
        self.z = 1 - silent


class Graded(Cells):
    """100 pS a contact; in seconds, pS, pF and mV, so that currents are in fA."""

    def start(self):
        c, zero = self.c, torch.zeros_like(self.weight)
        self.excitatory, self.inhibitory = torch.maximum(self.weight, zero), torch.maximum(-self.weight, zero)
        rest = c["rise_per_s"] / (c["rise_per_s"] + 2 * c["fall_per_s"])
        synaptic = 100 * rest * (self.excitatory + self.inhibitory).sum(0)
        a = torch.diag(c["leak_ps"] + synaptic + 100 * self.g.sum(1)) - 100 * self.g
        b = c["leak_ps"] * -35.0 + 100 * rest * self.inhibitory.sum(0) * c["inhibitory_mv"]  # excitation is to 0 mV
        self.threshold = torch.linalg.inv(a) @ b
        self.v, self.z = self.v + self.threshold, self.z + rest
        # V(dt) - V(0) for a current that is held: the solution of C dv/dt = current - a v, current' = 0
        n, per_pf = len(self.weight), self.dt / 1000 / c["capacitance_pf"]
        both = torch.cat([torch.cat([-a, torch.eye(n, dtype=a.dtype)], 1), torch.zeros(n, 2 * n, dtype=a.dtype)])
        self.move = torch.linalg.matrix_exp(both * per_pf)[:n, n:]
        self.rest = c["leak_ps"] + synaptic

    def tick(self, drive):
        c, seconds = self.c, self.dt / 1000
        to_zero, to_inhibition = 100 * self.z @ self.excitatory, 100 * self.z @ self.inhibitory
        membrane = c["leak_ps"] + to_zero + to_inhibition
        current = c["leak_ps"] * (-35.0 - self.v) - to_zero * self.v + to_inhibition * (c["inhibitory_mv"] - self.v)
        self.u = self.v
        current = current + 100 * self.gaps() + drive
        alone = membrane + 100 * self.g.sum(1)
        half = current / alone * (1 - torch.exp(-alone * seconds / 2 / c["capacitance_pf"]))
        self.v = self.v + (current - (membrane - self.rest) * half) @ self.move.T
        opening = c["rise_per_s"] / (1 + torch.exp(-c["steepness"] * (self.v - self.threshold)))
        rate = opening + c["fall_per_s"]
        self.z = opening / rate + (self.z - opening / rate) * torch.exp(-seconds * rate)


CELLS = {"relu": Relu, "rate": Rate, "lif": LIF, "alif": ALIF, "izhikevich": Izhikevich, "graded": Graded}


def dense_reference(net, x, weight, conductance):
    """y [time, batch, outputs] of a network for x [time, batch, inputs]."""
    cells = CELLS[net.model.name](net, weight, conductance, x.shape[1])
    inputs = [net.worm.index[c] for c in net.interface.input_cells]
    outputs = [net.worm.index[c] for c in net.interface.output_cells]
    ys = []
    for at in x:
        total, drive = torch.zeros_like(cells.z), torch.zeros_like(cells.z)
        drive[:, inputs] = net.model.encoder_gain * net.encoder(at)
        for _ in range(net.ticks):
            cells.tick(drive)
            total = total + cells.z
        activity = total[:, outputs] / net.ticks
        ys.append(net.decoder(net.model.readout_gain * (activity - activity.mean(1, keepdim=True))))
    return torch.stack(ys)
