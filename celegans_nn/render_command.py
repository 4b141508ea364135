"""The command that shows an episode: a film of the body with the cells that drive it beside it."""

from __future__ import annotations

from pathlib import Path

from tyro.conf import Positional

from celegans_nn.errors import TaskError, one_line, whole_number
from celegans_nn.train_commands import MOST_EPISODES, open_trained


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
    from celegans_nn.training.run import HELD_OUT_SEED

    path = folder / "episode.gif" if out is None else out
    check_film_path(path)
    if view not in VIEWS:
        raise TaskError(f"--view {one_line(view, 60)}: give {' or '.join(VIEWS)}")
    whole_number("--seed", seed, 0, 10**9)
    trained, the_task = open_trained(folder, task, task_options, ablate)
    if the_task.kind != "locomotion":
        raise TaskError(f"{the_task.name} has no body to film; celegans-nn evaluate scores it")
    net = trained.net
    own = {name: value.detach()[None] for name, value in net.named_parameters()}
    normalise = None if trained.normaliser is None else trained.normaliser.mean_and_std()
    recording = Evaluator(net, the_task, 1).record(own, HELD_OUT_SEED + MOST_EPISODES * seed, steps, normalise)  # type: ignore[arg-type]
    killed = f", without {one_line(ablate, 30)}" if ablate else ""
    source = trained.run.get("network", {}).get("baseline") or trained.run.get("network", {}).get("source", folder.name)
    neuron = f", {net.model.name}" if isinstance(net, Network) else ""
    title = f"{one_line(Path(str(source)).stem, 30)}{neuron} on {the_task.name}{killed}"
    look = LOOKS.get(the_task.name, CHAIN)
    body = MujocoView(recording, the_task, title) if view == "mujoco" else BodyView(recording, title, look)  # type: ignore[arg-type]
    cells = None
    if isinstance(net, Network) and recording.cells.shape[1] == len(net.worm):
        cells = CellsView(net.worm, recording.cells, net.model.spiking)
    frames = write_film(path, recording, body, cells)
    seconds = (len(recording.segments) - 1) * recording.control_dt
    earned = recording.rewards[the_task.settle_steps :].sum()  # type: ignore[union-attr]
    told = "which ended in a failure" if recording.failed else f"return {earned:.4g}"
    print(f"{frames} frames of {seconds:.1f} s, {told}: written to {path}")
    return 0
