"""The command that shows an episode: a film of the body with the cells that drive it beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tyro.conf import Positional

from celegans_nn.errors import TaskError, one_line, whole_number
from celegans_nn.files import check_writable
from celegans_nn.train_commands import MOST_EPISODES, open_trained

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PIL.Image import Image

    from celegans_nn.studies.animation import View


def render(
    folder: Positional[Path],
    out: Path | None = None,
    task: str | None = None,
    task_options: tuple[str, ...] = (),
    seed: int = 0,
    steps: int | None = None,
    ablate: str | None = None,
    view: str = "flat",
) -> int:
    """Film one episode of a trained network: the body, and below it the wiring with its active cells lit.

    No display is needed.

    Example: celegans-nn render runs/swimmer --out swimmer.gif

    Example: celegans-nn render runs/worm --out worm.mp4 --ablate DB,VB

    Args:
        folder: what celegans-nn train wrote, or save_network.
        out: a .gif, or a .mp4 (which needs pip install 'celegans_nn[video]'); FOLDER/episode.gif if not given.
        task: another task with the same observations and actions; the one it was trained on if not given.
        task_options: NAME=VALUE of the task, in place of those of its training.
        seed: of the episode; the same as in celegans-nn evaluate.
        steps: control steps to film; the whole episode if not given.
        ablate: cells or classes to kill first, with commas between.
        view: flat, drawn from the places of the body's segments; or mujoco, by its renderer, which needs OpenGL.
    """
    from celegans_nn.networks import Network
    from celegans_nn.simulation import Evaluator
    from celegans_nn.studies.animation import CHAIN, LOOKS, BodyView
    from celegans_nn.studies.cells_view import CellsView
    from celegans_nn.studies.film import check_film_path, write_film
    from celegans_nn.studies.mujoco_view import VIEWS, MujocoView
    from celegans_nn.train_progress import CommandBar
    from celegans_nn.training.run import HELD_OUT_SEED

    path = folder / "episode.gif" if out is None else out
    check_film_path(path)
    if path.is_dir():
        raise TaskError(f"{one_line(path)} is a folder; name the film's file")
    check_writable(path.parent)
    if view not in VIEWS:
        raise TaskError(f"--view {one_line(view, 60)}: give {' or '.join(VIEWS)}")
    whole_number("--seed", seed, 0, 10**9)
    trained, the_task = open_trained(folder, task, task_options, ablate)
    if the_task.kind != "locomotion":
        raise TaskError(f"{the_task.name} has no body to film; celegans-nn evaluate scores it")
    net = trained.net
    own = {name: value.detach()[None] for name, value in net.named_parameters()}
    normalise = None if trained.normaliser is None else trained.normaliser.mean_and_std()
    first = HELD_OUT_SEED + MOST_EPISODES * seed
    with CommandBar(f"{the_task.name}, seed {first}") as bar:
        recording = Evaluator(net, the_task, 1).record(  # type: ignore[arg-type]
            own, first, steps, normalise, watch=lambda done: bar.share("simulating", done)
        )
    killed = f", without {one_line(ablate, 30)}" if ablate else ""
    source = trained.run.get("network", {}).get("baseline") or trained.run.get("network", {}).get("source", folder.name)
    neuron = f", {net.model.name}" if isinstance(net, Network) else ""
    title = f"{one_line(Path(str(source)).stem, 30)}{neuron} on {the_task.name}{killed}"
    look = LOOKS.get(the_task.name, CHAIN)
    body = MujocoView(recording, the_task, title) if view == "mujoco" else BodyView(recording, title, look)  # type: ignore[arg-type]
    cells = None
    if isinstance(net, Network) and recording.cells.shape[1] == len(net.worm):
        cells = CellsView(net.worm, recording.cells, net.model.spiking)
    with CommandBar(one_line(path.name, 60)) as bar:
        last = len(recording.segments) - 1
        drawn = Watched(body, lambda step: bar.share("drawing", step / last))
        frames = write_film(path, recording, drawn, cells)
    seconds = (len(recording.segments) - 1) * recording.control_dt
    earned = recording.rewards[the_task.settle_steps :].sum()  # type: ignore[union-attr]
    told = "which ended in a failure" if recording.failed else f"return {earned:.4g}"
    print(f"{frames} frames of {seconds:.1f} s, {told}: written to {path}")
    return 0


@dataclass(frozen=True)
class Watched:
    """A view that says which step it has drawn."""

    view: View
    told: Callable[[int], None]

    @property
    def colours(self) -> Sequence[tuple[int, ...]]:
        """The view's own."""
        return self.view.colours

    def frame(self, step: int) -> Image:
        """The view's own."""
        image = self.view.frame(step)
        self.told(step)
        return image
