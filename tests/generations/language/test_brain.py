"""Brain predictivity: near 1 where there is something to predict, near 0 where there is not."""

import numpy as np
import pandas as pd
import pytest
import torch

from celegans_nn.errors import GenerationsError
from celegans_nn.generations.language.brain import brain_scores, read_responses, ridge_predictivity, sentence_embeddings

WORDS = ["aba", "bon", "dak", "eli", "gom", "kan", "lur", "mos", "nib"]


@pytest.fixture(scope="module")
def sentences():
    rng = np.random.default_rng(0)
    return [" ".join(rng.choice(WORDS, rng.integers(1, 5))) for _ in range(150)]


def test_responses_that_are_linear_in_a_layer_are_predicted_and_noise_is_not(model, tokenizer, sentences):
    layers = sentence_embeddings(model, tokenizer, sentences)
    rng = np.random.default_rng(1)
    linear = layers[2] @ rng.normal(size=16)
    assert ridge_predictivity(layers, linear)[2] > 0.99
    wide = rng.normal(size=(1, 600, 16))
    assert abs(ridge_predictivity(wide, rng.normal(size=600))[0]) < 0.12
    assert ridge_predictivity(wide, wide[0] @ rng.normal(size=16) + rng.normal(size=600))[0] > 0.9


def test_no_fold_sees_its_own_responses():
    """Sixty features, eighty noisy responses: a fit to all of them would look very good."""
    rng = np.random.default_rng(2)
    features = rng.normal(size=(1, 80, 60))
    scores = [ridge_predictivity(features, rng.normal(size=80), seed=seed)[0] for seed in range(8)]
    assert abs(np.mean(scores)) < 0.15


def test_the_seed_alone_deals_the_folds(sentences):
    rng = np.random.default_rng(3)
    layers, responses = rng.normal(size=(2, 50, 4)), rng.normal(size=50)
    np.testing.assert_array_equal(ridge_predictivity(layers, responses), ridge_predictivity(layers, responses))
    assert (ridge_predictivity(layers, responses, seed=1) != ridge_predictivity(layers, responses)).any()


def test_responses_without_variance_count_as_not_predicted():
    assert ridge_predictivity(np.random.default_rng(0).normal(size=(1, 20, 3)), np.ones(20)).tolist() == [0.0]


def test_embeddings_are_the_last_tokens_alone_and_beside_longer_sentences(model, tokenizer, sentences):
    layers = sentence_embeddings(model, tokenizer, sentences)
    assert layers.shape == (3, 150, 16)
    for number in (0, 17, 101):
        ids = torch.tensor([[0, *tokenizer.encode(sentences[number]).ids]])[:, -16:]
        with torch.no_grad():
            output = model(input_ids=ids, output_hidden_states=True)
        np.testing.assert_allclose(layers[:, number], [h[0, -1] for h in output.hidden_states], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(
            layers[-1, number] @ model.lm_head.weight.detach().numpy().T, output.logits[0, -1], rtol=1e-4, atol=1e-4
        )


@pytest.mark.parametrize(("responses", "folds"), [(10, 5), (50, 1), (49, 5)])
def test_too_few_or_unpaired_responses_are_refused(responses, folds):
    sentences = 10 if responses == 10 else 50
    with pytest.raises(GenerationsError, match=f"{responses} responses to {sentences} sentences in {folds} folds"):
        ridge_predictivity(np.zeros((1, sentences, 2)), np.zeros(responses), folds)


def test_tuckutes_table_is_averaged_over_participants_in_the_language_network(tmp_path):
    rows = [
        (848, 1, "lang_LH_netw", "It turns.", 0.5),
        (853, 1, "lang_LH_netw", "It turns.", 1.5),
        (848, 1, "lang_LH_IFG", "It turns.", 9.0),
        (848, 2, "lang_LH_netw", "Worms, too.", -1.0),
        (853, 2, "lang_LH_netw", "Worms, too.", None),
    ]
    columns = ["target_UID", "item_id", "roi", "sentence", "response_target"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "brain-lang-data.csv", index=False)
    for place in (tmp_path, tmp_path / "brain-lang-data.csv"):
        table = read_responses(place)
        assert table.to_dict("list") == {"sentence": ["It turns.", "Worms, too."], "response": [1.0, -1.0]}
    assert read_responses(tmp_path, "lang_LH_IFG")["response"].tolist() == [9.0]
    with pytest.raises(GenerationsError, match="no region 'lang_LH': did you mean 'lang_LH_IFG' or 'lang_LH_netw'"):
        read_responses(tmp_path, "lang_LH")


def test_a_table_without_sentences_or_responses_is_refused(tmp_path):
    with pytest.raises(GenerationsError, match=r"no \.csv file there"):
        read_responses(tmp_path)
    (tmp_path / "a.csv").write_text("text,response\nx,1\n")
    with pytest.raises(GenerationsError, match="no columns sentence and response; it has"):
        read_responses(tmp_path)
    (tmp_path / "a.csv").write_text("sentence,response\nx,?\n")
    with pytest.raises(GenerationsError, match="no sentence with a response there"):
        read_responses(tmp_path)


def test_scores_name_every_layer_and_the_last_stands_for_the_model(model, tokenizer, sentences):
    unique = list(dict.fromkeys(sentences))
    table = pd.DataFrame({"sentence": unique, "response": [len(sentence) for sentence in unique]})
    scores = brain_scores(model, tokenizer, table)
    assert list(scores) == ["brain_r_layer_0", "brain_r_layer_1", "brain_r_layer_2", "brain_r", "sentences"]
    assert scores["brain_r"] == scores["brain_r_layer_2"]
    assert scores["sentences"] == len(unique)
