"""A decoder-only transformer in plain torch: a function of its weights, head by head, with nothing of transformers."""

import torch


def forward(weights, ids, layers, heads):
    """Logits [batch, time, vocabulary] of rotary, parameter-free RMSNorm, GELU blocks. `weights` by the names of
    transformers' NanoChat; ids [batch, time]."""
    x = norm(weights["model.embed_tokens.weight"][ids])
    for number in range(layers):
        layer = {k.split(f"layers.{number}.")[1]: w for k, w in weights.items() if f"layers.{number}." in k}
        x = x + attention(norm(x), layer, heads)
        hidden = norm(x) @ layer["mlp.fc1.weight"].T
        x = x + gelu(hidden) @ layer["mlp.fc2.weight"].T
    return norm(x) @ weights["lm_head.weight"].T


def attention(x, layer, heads):
    time, size = x.shape[1], x.shape[2] // heads
    q, k, v = (x @ layer[f"self_attn.{name}_proj.weight"].T for name in "qkv")
    mixed = []
    for head in range(heads):
        part = slice(head * size, (head + 1) * size)
        query, key = norm(rotated(q[..., part])), norm(rotated(k[..., part]))
        scores = query @ key.transpose(1, 2) / size**0.5
        scores = scores.masked_fill(torch.ones(time, time).triu(1).bool(), float("-inf"))
        mixed.append(scores.exp() / scores.exp().sum(-1, keepdim=True) @ v[..., part])
    return torch.cat(mixed, -1) @ layer["self_attn.o_proj.weight"].T


def rotated(x):
    """Each pair (x[i], x[i + half]) turned by -position / 10000^(i / half) (Su 2021)."""
    half = x.shape[-1] // 2
    angle = torch.arange(x.shape[1])[:, None] / 10000 ** (torch.arange(half) / half)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * angle.cos() + b * angle.sin(), b * angle.cos() - a * angle.sin()], -1)


def norm(x):
    return x / (x.square().mean(-1, keepdim=True) + 1e-6).sqrt()


def gelu(x):
    return x / 2 * (1 + torch.erf(x / 2**0.5))
