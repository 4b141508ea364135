"""How a trained body moves, and what it loses without cells: measured as written, told beside what is published."""

import numpy as np
import pytest
import torch

from celegans_nn.connectome.sources import load_connectome
from celegans_nn.networks import baseline, build, direct_interface
from celegans_nn.simulation import Evaluator
from celegans_nn.studies.cells_view import cells_view
from celegans_nn.studies.gait_tables import gait_table, loss_table
from celegans_nn.studies.gaits import as_json, gaits, has_gait, lines, losses
from celegans_nn.tasks import make_task
from celegans_nn.tasks.gait import FIGURES, UNKNOWN, Gait, gait, in_words, mean_gait
from celegans_nn.training import Normalised, Normaliser

WORM = load_connectome("haspel2012")
TASK = make_task("worm", head_drive="sine", episode_steps=30, settle_steps=10)


def driven(gap_junctions=True):
    """Moved by its head's drive alone, or nearly so."""
    return build(WORM, "rate", direct_interface(WORM, TASK), gap_junctions=gap_junctions, ticks=2, seed=0)


def test_a_gait_is_that_of_the_recorded_episode_without_the_steps_that_are_not_scored():
    net = driven()
    own = {name: value.detach()[None] for name, value in net.named_parameters()}
    segments = Evaluator(net, TASK, 1).record(own, 7).segments
    (found,) = gaits(net, TASK, [7])
    assert found == gait(segments[10:], TASK.control_dt)
    assert found != gait(segments, TASK.control_dt)


def test_an_episode_that_failed_has_no_gait_and_leaves_those_of_others():
    net = driven()
    with torch.no_grad():
        next(net.parameters()).fill_(float("nan"))
    (found,) = gaits(net, TASK, [7])
    assert np.isnan(found).all()
    other = Gait(0.2, 0.1, 1.0, 0.7, 0.9, 5.0)
    assert mean_gait([found, other]) == other
    assert as_json(found)["frequency"] is None
    assert np.isnan(mean_gait([])).all()


def test_a_network_that_is_given_normalised_observations_moves_as_it_was_trained_to():
    net, seen = driven(), len(TASK.observations)
    normaliser = Normaliser(10.0, np.full(seen, 0.1), np.full(seen, 2.0))
    wrapped = gaits(Normalised(net, normaliser), TASK, [7])
    assert wrapped == gaits(net, TASK, [7], normaliser.mean_and_std())
    assert wrapped != gaits(net, TASK, [7])


@pytest.mark.parametrize(
    ("name", "there"), [("worm", True), ("swimmer6", True), ("swimmer2", False), ("halfcheetah", False)]
)
def test_bodies_that_are_chains_of_three_links_have_a_gait(name, there):
    assert has_gait(make_task(name)) is there


def test_a_swimmers_speeds_are_told_in_metres_and_beside_no_worms():
    told = lines(Gait(*UNKNOWN), make_task("swimmer6"))
    assert [line.unit for line in told][:2] == ["m/s", "m/s"]
    assert all(line.here == "" and not line.published for line in told)
    assert gait_table(driven(), make_task("halfcheetah")) is None


def test_the_worms_figures_stand_beside_those_of_swimming_and_crawling():
    table = gait_table(driven(), TASK)
    assert table["heads"] == ["Figure", "Here", "Worms swimming", "Worms crawling"]
    rows = {row[0]: row[1:] for row in table["rows"]}
    assert len(rows) == len(FIGURES)
    assert rows["Frequency, Hz"][1:] == ["1.76", "0.3"]
    assert rows["Speed towards the head, mm/s"][1:] == ["0.35", "0.22"]
    assert any("Sznitman" in source for source in table["sources"])
    assert "drive, which is given" in table["caption"]
    assert "given" not in gait_table(driven(), make_task("worm", episode_steps=30))["caption"]


def test_the_length_of_a_wave_that_stands_is_not_told_to_the_last_digit():
    told = {line.name: line.here for line in lines(Gait(0.0, 0.0, 1.0, 8706.5, 0.0, 2.0), TASK)}
    assert told["wavelength"] == "> 10"


def test_cells_are_killed_that_the_wiring_has_and_gap_junctions_where_the_network_has_them():
    assert [loss.cells for loss in losses(driven(), TASK, [7])] == ["DB, VB", "DA, VA", "DD, VD", "all gap junctions"]
    assert [loss.cells for loss in losses(driven(False), TASK, [7])] == ["DB, VB", "DA, VA", "DD, VD"]


def test_losses_are_told_of_worms_with_cells_alone():
    net = driven()
    assert loss_table(baseline("linear", like=net, seed=0), TASK) is None
    assert loss_table(net, make_task("swimmer6")) is None


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Gait(0.2, 0.2, 1.0, 0.7, 0.9, 5.0), "moves forward; its wave runs from head to tail"),
        (Gait(-0.2, 0.2, 1.0, 0.7, -0.9, 5.0), "moves backward; its wave runs from tail to head"),
        (Gait(0.2, 0.05, 1.0, 0.7, 0.9, 5.0), "moves forward, not straight on; its wave runs from head to tail"),
        (Gait(1e-5, 0.0, np.nan, np.nan, np.nan, 0.0), "stays where it is; it has no wave"),
        (Gait(*UNKNOWN), "stays where it is; it has no wave"),
    ],
)
def test_the_direction_of_travel_in_words(found, words):
    assert in_words(found) == words


def test_only_a_network_with_cells_shows_them():
    net = driven()
    own = {name: value.detach()[None] for name, value in net.named_parameters()}
    recording = Evaluator(net, TASK, 1).record(own, 7)
    assert cells_view(net, recording) is not None
    assert cells_view(baseline("linear", like=net, seed=0), recording) is None
