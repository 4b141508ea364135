"""A study's file: what it expands to, and what is said where it is wrong."""

from dataclasses import fields, replace
from pathlib import Path

import pytest

from celegans_nn.errors import SpecError
from celegans_nn.studies import known
from celegans_nn.studies.reading import load_study
from celegans_nn.studies.spec import NetworkSpec, TaskSpec, Trial, shared_for

HEAD = 'name = "s"\n'
WORM = '[[networks]]\nlabel = "worm"\nsource = "haspel2012"\n'
DIGITS = '[[tasks]]\nname = "digits"\nmethod = "bptt"\nbudget = 100\n'
SWIM = '[[tasks]]\nname = "swimmer6"\nmethod = "es+ga"\nbudget = 100\n'


def test_lists_expand_to_their_product_with_labels_filled_in(write_spec):
    spec = HEAD + DIGITS + '[[networks]]\nlabel = "{neuron}, {ticks}"\nneuron = ["relu", "lif"]\nticks = [1, 2, 3]\n'
    networks = load_study(write_spec(spec)).networks
    assert [n.label for n in networks] == ["relu, 1", "relu, 2", "relu, 3", "lif, 1", "lif, 2", "lif, 3"]
    assert [(n.neuron, n.ticks) for n in networks][-1] == ("lif", 3)


def test_trials_are_networks_times_tasks_times_seeds(tiny):
    study = load_study(tiny)
    assert len(study.networks) == 5
    assert len(study.trials) == 5 * (1 + 2)
    assert len({t.hash for t in study.trials}) == len(study.trials)


def test_rewirings_of_one_null_share_a_label_and_differ_in_their_hash(tiny):
    nulls = [n for n in load_study(tiny).networks if n.control == "degree"]
    assert [n.label for n in nulls] == ["degree null", "degree null"]
    assert [n.control_seed for n in nulls] == [0, 1]


def test_the_worm_among_controls_stands_once_however_many_rewirings(write_spec):
    spec = (
        HEAD + DIGITS + '[[networks]]\nlabel = "{control}"\ncontrol = ["none", "degree"]\ncontrol_seeds = [0, 1, 2]\n'
    )
    assert [n.control for n in load_study(write_spec(spec)).networks] == ["none", "degree", "degree", "degree"]


def test_a_baseline_is_defined_by_the_network_that_it_is_like(tiny):
    study = load_study(tiny)
    linear = study.networks[-1]
    assert linear.like == study.networks[0]
    other = replace(linear, like=replace(linear.like, source="cook2019"))
    assert linear.definition() != other.definition()


def test_a_preset_replaces_values_of_its_tasks_and_names_its_own_folder(write_spec):
    path = write_spec(
        HEAD + WORM + DIGITS + "options = { bptt = { batch = 8, clip = 2.0 } }\n"
        "[presets.quick.tasks.digits]\nbudget = 7\noptions = { bptt = { batch = 4 } }\n"
    )
    plain, quick = load_study(path), load_study(path, "quick")
    assert (plain.tasks[0].budget, quick.tasks[0].budget) == (100, 7)
    assert quick.tasks[0].options == {"bptt": {"batch": 4, "clip": 2.0}}
    assert (plain.folder_name, quick.folder_name) == ("s", "s_quick")


def test_a_number_of_rewirings_is_as_many_control_seeds(write_spec):
    text = HEAD + DIGITS + '[[networks]]\nlabel = "{control}"\ncontrol = ["none", "degree"]\n'
    counted = load_study(write_spec(text + "rewirings = 3\n"))
    listed = load_study(write_spec(text + "control_seeds = [0, 1, 2]\n"))
    assert [(n.control, n.control_seed) for n in counted.networks[1:]] == [("degree", seed) for seed in range(3)]
    assert [t.hash for t in counted.trials] == [t.hash for t in listed.trials]


def test_every_axis_of_a_network_may_be_a_list(write_spec):
    axes = 'weights = ["shared", "rank"]\ngap_junctions = [true, false]\nticks = [3, 5]\n'
    axes += 'polarity = ["transmitter", "haspel2012"]\n'
    label = 'label = "{weights} {gap_junctions} {ticks} {polarity}"\nsource = "haspel2012"\n'
    networks = load_study(write_spec(HEAD + DIGITS + "[[networks]]\n" + label + axes)).networks
    assert len(networks) == len({n.label for n in networks}) == 16


def test_a_task_may_list_names_methods_and_budgets(write_spec):
    tasks = '[[tasks]]\nlabel = "{name}, {method}, {budget}"\nname = ["swimmer6", "halfcheetah"]\n'
    tasks += 'method = ["es", "ga"]\nbudget = [10, 20]\n'
    read = load_study(write_spec(HEAD + WORM + tasks)).tasks
    assert len(read) == 8
    assert read[-1].label == "halfcheetah, ga, 20"
    assert (read[-1].name, read[-1].method, read[-1].budget) == ("halfcheetah", "ga", 20)


@pytest.mark.parametrize("name", ["swimmer12", "worm", "hopper", "swimmer_v5", "gymnasium:InvertedPendulum-v5"])
def test_any_task_that_can_be_made_can_be_studied(write_spec, name):
    assert load_study(write_spec(HEAD + WORM + SWIM.replace("swimmer6", name))).tasks[0].name == name


def test_a_preset_replaces_values_of_its_networks_and_all_seeds_and_rewirings(write_spec):
    path = write_spec(
        HEAD + WORM + DIGITS + SWIM + '[[networks]]\nlabel = "{control} null"\nsource = "haspel2012"\n'
        'control = ["degree", "statistics"]\ncontrol_seeds = [0, 1, 2, 3]\n'
        '[presets.smoke]\nrewirings = 2\nseeds = [7]\n[presets.smoke.networks."{control} null"]\ncontrol = "degree"\n'
    )
    plain, smoke = load_study(path), load_study(path, "smoke")
    assert (len(plain.networks), len(smoke.networks)) == (9, 3)
    assert [n.control_seed for n in smoke.networks] == [0, 0, 1]
    assert [t.seeds for t in smoke.tasks] == [(7,), (7,)]
    assert {t.hash for t in smoke.trials if t.network.control == "none"}.isdisjoint(t.hash for t in plain.trials)


def test_a_study_of_thousands_of_networks_is_read_in_one_pass(write_spec):
    text = HEAD + DIGITS + '[[networks]]\nlabel = "{control}, {ticks}"\nsource = "haspel2012"\nrewirings = 500\n'
    text += 'control = ["degree", "statistics"]\nticks = [1, 2, 3, 4, 5]\n'
    assert len(load_study(write_spec(text)).networks) == 5_000


# -- hashes ------------------------------------------------------------------------------------------------------

BASE = Trial(NetworkSpec("a", source="haspel2012"), TaskSpec("t", "swimmer6", "es", 10, (0,)), 0)
OTHER_VALUES = {
    "source": "cook2019_male", "circuit": "vnc75", "muscles": False, "polarity": "haspel2012", "control": "degree",
    "neuron": "lif", "unknown_sign": "drop", "gap_junctions": True, "ticks": 9, "dt_ms": 0.5, "encoder": "linear",
    "decoder": "linear", "hidden": 3, "share": "edge", "weights": "rank", "spectral_radius": 0.9, "delay": 2,
    "preset": "s22", "interface": "direct",
}  # fmt: skip


@pytest.mark.parametrize("key", OTHER_VALUES)
def test_every_property_of_a_network_changes_the_hash(key):
    assert replace(BASE, network=replace(BASE.network, **{key: OTHER_VALUES[key]})).hash != BASE.hash


def test_every_property_that_is_no_label_is_in_the_list_of_that_test():
    apart = {"label", "control_seed", "scope", "baseline", "like", "graph", "file"}
    assert {f.name for f in fields(NetworkSpec)} - apart == set(OTHER_VALUES)


@pytest.mark.parametrize("change", [
    {"name": "halfcheetah"}, {"method": "ga"}, {"budget": 11}, {"task": {"episode_steps": 3}},
    {"options": {"es": {"sigma": 0.2}}},
])  # fmt: skip
def test_task_trainer_and_their_options_change_the_hash(change):
    assert replace(BASE, task=replace(BASE.task, **change)).hash != BASE.hash


def test_the_seed_and_a_controls_own_seed_change_the_hash():
    assert replace(BASE, seed=1).hash != BASE.hash
    control = replace(BASE.network, control="degree")
    assert replace(BASE, network=control).hash != replace(BASE, network=replace(control, control_seed=1)).hash
    assert replace(BASE, network=control).hash != replace(BASE, network=replace(control, scope="all")).hash


def test_labels_other_seeds_and_the_order_of_options_leave_the_hash_as_it_is():
    task = replace(BASE.task, options={"es": {"sigma": 0.2, "decay": 1.0}})
    turned = replace(BASE.task, label="z", seeds=(0, 1), options={"es": {"decay": 1.0, "sigma": 0.2}})
    renamed = replace(BASE.network, label="b", control_seed=5)
    assert Trial(BASE.network, task, 0).hash == Trial(renamed, turned, 0).hash


def test_a_network_whose_coders_are_learned_has_the_hash_that_it_had_before_there_was_a_choice():
    assert "interface" not in BASE.network.definition()
    assert {"encoder", "decoder", "hidden"}.isdisjoint(replace(BASE.network, interface="direct").definition())


def test_the_definition_gives_the_trial_back(tiny):
    for trial in load_study(tiny).trials:
        assert Trial.from_definition(trial.definition()).hash == trial.hash


def test_shared_weights_are_for_evolution_strategies_first():
    assert shared_for(BASE.network, "es+ga").share == "sign"
    assert shared_for(BASE.network, "bptt").share == shared_for(BASE.network, "ga").share == "edge"
    assert shared_for(replace(BASE.network, share="edge"), "es").share == "edge"


# -- what is wrong -----------------------------------------------------------------------------------------------

WRONG = [
    (HEAD + WORM + "rewirings = 3\n" + DIGITS, "rewirings = 3", "needs a `control`"),
    (HEAD + WORM + 'control = "degree"\nrewirings = 0\n' + DIGITS, "rewirings = 0", "from 1 to"),
    (HEAD + WORM + 'control = "degree"\nrewirings = 2\ncontrol_seeds = [1]\n' + DIGITS, "rewirings = 2", "remove one"),
    (HEAD + WORM + 'control = "degree"\ncontrol_seeds = -1\n' + DIGITS, "control_seeds = -1", "a seed is"),
    (HEAD + WORM + SWIM.replace("swimmer6", "swimmer99"), "swimmer99", "25"),
    (HEAD + WORM + SWIM.replace("swimmer6", "gymnasium:Nothing-v0"), "tasks[1]", "Nothing"),
    (HEAD + WORM + DIGITS.replace("100", "[]"), "budget = []", "the list is empty"),
    (HEAD + WORM + DIGITS + "[presets.q]\nsedes = [1]\n", "preset q", "did you mean 'seeds'"),
    (HEAD + WORM + DIGITS + "[presets.q]\nseeds = 1\n", "preset q", "list of whole numbers"),
    (HEAD + WORM + DIGITS + "[presets.q.networks.wrm]\nticks = 1\n", "preset q", "did you mean 'worm'"),
    (HEAD + WORM + DIGITS + '[presets."a/b"]\n', 'presets = "a/b"', "names the results folder"),
    (HEAD + DIGITS, "networks", "at least one [[networks]] entry"),
    (HEAD + WORM, "tasks", "at least one [[tasks]] entry"),
    (WORM + DIGITS, "name", "is missing"),
    ("titel = 1\n" + HEAD + WORM + DIGITS, "titel", "did you mean 'title'"),
    ('name = "../up"\n' + WORM + DIGITS, '"../up"', "names the results folder"),
    (HEAD + WORM + 'neuron = "lfi"\n' + DIGITS, 'neuron = "lfi"', "did you mean 'lif'"),
    (HEAD + WORM + 'nueron = "lif"\n' + DIGITS, "nueron", "did you mean 'neuron'"),
    (HEAD + WORM + "ticks = 2.5\n" + DIGITS, "ticks = 2.5", "whole number"),
    (HEAD + WORM + "ticks = 0\n" + DIGITS, "ticks = 0", "must be from 1 to"),
    (HEAD + WORM + "ticks = []\n" + DIGITS, "ticks = []", "the list is empty"),
    (HEAD + WORM + "dt_ms = -1\n" + DIGITS, "dt_ms = -1", "above 0"),
    (HEAD + WORM + 'gap_junctions = "yes"\n' + DIGITS, 'gap_junctions = "yes"', "true or false"),
    (HEAD + WORM + "control = true\n" + DIGITS, "control = true", "must be text"),
    (HEAD + WORM + 'control = "degrees"\n' + DIGITS, 'control = "degrees"', "did you mean 'degree'"),
    (HEAD + WORM + 'interface = "direkt"\n' + DIGITS, 'interface = "direkt"', "did you mean 'direct'"),
    (HEAD + WORM + 'interface = "direct"\nhidden = 3\n' + DIGITS, "hidden = 3", "has no encoder"),
    (HEAD + WORM + 'like = "worm"\n' + DIGITS, 'like = "worm"', "only a baseline"),
    (HEAD + WORM + WORM + DIGITS, "worm", "is the same network as"),
    (HEAD + WORM + 'neuron = ["relu", "lif"]\n' + DIGITS, "worm", "put what differs into the label"),
    (HEAD + WORM.replace("worm", "{nron}") + DIGITS, "{nron}", "did you mean 'neuron'"),
    (HEAD + WORM.replace('"worm"', '""') + DIGITS, "label", "is empty"),
    (HEAD + WORM + '[[networks]]\nlabel = "b"\nbaseline = "linear"\n' + DIGITS, "like", "is missing"),
    (HEAD + WORM + '[[networks]]\nlabel = "b"\nbaseline = "liner"\nlike = "worm"\n' + DIGITS, "liner", "'linear'"),
    (HEAD + WORM + '[[networks]]\nlabel = "b"\nbaseline = "linear"\nlike = "wurm"\n' + DIGITS, "wurm", "'worm'"),
    (HEAD + WORM + '[[networks]]\nlabel = "b"\nbaseline = "linear"\nlike = "worm"\nticks = 3\n' + DIGITS,
     "ticks = 3", "a baseline takes this from"),
    (HEAD + WORM + DIGITS.replace("digits", "digit"), 'name = "digit"', "did you mean 'digits'"),
    (HEAD + WORM + DIGITS.replace("bptt", "btpp"), 'method = "btpp"', "'bptt'"),
    (HEAD + WORM + SWIM.replace("es+ga", "bptt"), "task", "has no gradient"),
    (HEAD + WORM + DIGITS.replace("100", "0"), "budget = 0", "at least 1"),
    (HEAD + WORM + DIGITS.replace("100", "true"), "budget = true", "whole number"),
    (HEAD + WORM + DIGITS + "seeds = 3\n", "seeds = 3", "list of whole numbers"),
    (HEAD + WORM + DIGITS + "seeds = [0, 0]\n", "seeds", "listed twice"),
    (HEAD + WORM + DIGITS + "seeds = [-1]\n", "seeds", "-1 is not"),
    (HEAD + WORM + DIGITS + DIGITS, "'digits'", "its own `label`"),
    (HEAD + WORM + DIGITS + DIGITS + 'label = "again"\n', "worm on digits", "are the same trial"),
    (HEAD + WORM + 'share = "edge"\n' + WORM.replace("worm", "w") + DIGITS, "w on digits", "are the same trial"),
    (HEAD + WORM + SWIM + "task = { episode_step = 5 }\n", "task", "'episode_steps'"),
    (HEAD + WORM + SWIM + "task = { episode_steps = -5 }\n", "task", "episode_steps"),
    (HEAD + WORM + SWIM + "options = { es = { populaton = 5 } }\n", "options", "'population'"),
    (HEAD + WORM + SWIM + "options = { es = { sigma = inf } }\n", "options", "inf and nan"),
    (HEAD + WORM + SWIM + "options = 3\n", "options = 3", "[tasks.options]"),
    (HEAD + WORM + DIGITS + "[presets.q.tasks.digit]\nbudget = 3\n", "digit", "did you mean 'digits'"),
    (HEAD + WORM + DIGITS + "[presets.q.tasks.digits]\nbudget = 0\n", "preset q", "at least 1"),
    ("networks = 3\n" + HEAD + DIGITS, "networks = 3", "[[networks]]"),
    (HEAD + "x = = 1", "line 2", "not valid TOML"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "where", "remedy"), WRONG, ids=[f"{w} {r}"[:60] for _, w, r in WRONG])
def test_a_wrong_specification_is_one_line_with_file_place_and_remedy(write_spec, text, where, remedy):
    path = write_spec(text)
    with pytest.raises(SpecError) as error:
        load_study(path)
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    assert where in message
    assert remedy in message


def test_a_file_that_is_not_there_or_no_text_is_one_line(tmp_path):
    binary = tmp_path / "b.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "none.toml", tmp_path, binary):
        with pytest.raises(SpecError, match="cannot be read") as error:
            load_study(path)
        assert "\n" not in str(error.value)


def test_an_unknown_preset_is_refused_with_the_known_ones(write_spec):
    path = write_spec(HEAD + WORM + DIGITS + "[presets.laptop.tasks.digits]\nbudget = 3\n")
    with pytest.raises(SpecError, match="did you mean 'laptop'"):
        load_study(path, "labtop")


def test_the_studies_that_ship_can_be_read(monkeypatch):
    made = known._kind  # the images of two tasks are not on every machine
    monkeypatch.setattr(known, "_kind", lambda name, how: "classification" if "mnist" in name else made(name, how))
    specs = sorted((Path(__file__).parents[2] / "benchmarks" / "studies").glob("*.toml"))
    assert specs
    for path in specs:
        assert load_study(path).trials
