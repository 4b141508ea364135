"""torch's LSTM, GRU and RNN run on a list of weights beside their parameters: it must hold the masked ones."""

from __future__ import annotations

from torch import nn


def list_masked_weights(module: nn.RNNBase) -> None:
    """From now on the list holds the weights as they are parametrized, during each pass."""
    if not any(hook is _masked for hook in module._forward_pre_hooks.values()):
        module.register_forward_pre_hook(_masked)
        module.register_forward_hook(_stored)


def list_plain_weights(module: nn.RNNBase) -> None:
    """As torch has it; the parametrizations are gone."""
    for hooks, ours in ((module._forward_pre_hooks, _masked), (module._forward_hooks, _stored)):
        for key in [key for key, hook in hooks.items() if hook is ours]:
            del hooks[key]
    _stored(module, None, None)


def _masked(module: nn.Module, inputs: object) -> None:
    assert isinstance(module, nn.RNNBase)
    module._flat_weights = [getattr(module, name) for name in module._flat_weights_names]


def _stored(module: nn.Module, inputs: object, outputs: object) -> None:
    """Between passes, so that the module can be copied."""
    assert isinstance(module, nn.RNNBase)
    own = dict(module.named_parameters())
    stored = ((own.get(name), own.get(f"parametrizations.{name}.original")) for name in module._flat_weights_names)
    module._flat_weights = [original if plain is None else plain for plain, original in stored]
