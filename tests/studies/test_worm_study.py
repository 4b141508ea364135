"""The study of the worm's own body: networks that drive it by name, and a report that shows them move."""

import io
import re
from base64 import b64decode
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from celegans_nn.studies import load_study, run_study, write_report
from celegans_nn.studies.trial import make_network, make_trial_task, trained_network

SPEC = Path(__file__).parents[2] / "benchmarks/studies/worm.toml"


def test_its_networks_learn_nothing_between_body_and_cells_and_its_control_feels_what_the_worm_feels():
    study = load_study(SPEC)
    assert [n.label for n in study.networks] == [
        *("worm, rate", "worm, lif", "worm, rate, chemical synapses only", "degree null, rate"),
    ]
    (task,) = study.tasks
    nets = [make_network(network, make_trial_task(task), seed=0) for network in study.networks]
    for net in nets:
        names = [name for name, _ in net.named_parameters()]
        assert names and not any("encoder" in name or "decoder" in name for name in names)
    worm, null = nets[0], nets[-1]
    assert worm.interface == null.interface
    assert worm.worm.fingerprint != null.worm.fingerprint


@pytest.mark.slow
def test_its_smoke_preset_ends_in_a_report_where_a_worm_moves_with_its_cells_lit(tmp_path):
    study = load_study(SPEC, "smoke")
    table = run_study(SPEC, "smoke", out=tmp_path / "worm", workers=2)
    assert len(table) == 4
    assert table["final"].notna().all()
    assert set(table["interface"]) == {"direct"}
    for trial in study.trials:
        assert trained_network(trial, tmp_path / "worm") is not None
    page = write_report(tmp_path / "worm").read_text()
    assert len(page) < 3_000_000
    film = Image.open(io.BytesIO(b64decode(re.search(r"data:image/gif;base64,([^\"]+)", page)[1])))
    assert film.height > 500, "the cells stand below the body"
    frames = []
    for k in (0, film.n_frames - 1):
        film.seek(k)
        frames.append(np.asarray(film.convert("RGB")).astype(int))
    changed = np.abs(frames[1] - frames[0]).sum(2) > 60
    assert changed[60:320].any() and changed[320:].any()
    text = " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())
    assert "Worms swimming Worms crawling" in text
    assert "Frequency, Hz" in text and "Sznitman et al. 2010" in text
