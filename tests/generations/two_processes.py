"""One of two processes that train one model by DDP over gloo: python two_processes.py RANK FOLDER."""

import sys
from pathlib import Path

import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

sys.path.insert(0, str(Path(__file__).parents[2]))

from celegans_nn.generations import inherit
from celegans_nn.generations.prunable import weight_of
from tests.generations.learners import loss, net, random_connectome


def main(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    worm = random_connectome(net(0))
    model = inherit(net(1), worm)
    parallel = DistributedDataParallel(model)
    optimiser = torch.optim.AdamW(parallel.parameters(), lr=1e-2, weight_decay=0.1)
    for step in range(20):
        optimiser.zero_grad()
        loss(parallel, torch.Generator().manual_seed(2 * step + rank)).backward()
        optimiser.step()
    torch.save({name: weight_of(model, name) for name in worm.mask}, folder / f"rank{rank}.pt")
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
