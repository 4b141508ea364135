"""Hugging Face data sets, by name: fetched as Parquet files only where asked for, and read from the cache since."""

from __future__ import annotations

import re
from pathlib import Path

from celegans_nn.errors import TaskError, one_line

NAME = re.compile(r"(?P<repository>[\w][\w.-]*/[\w][\w.-]*)(?::(?P<configuration>[\w.-]+))?")
PARQUET_BRANCH = "refs/convert/parquet"
"""The branch on which the Hub keeps every data set as Parquet, in CONFIGURATION/SPLIT/NNNN.parquet."""
TEXT_COLUMN = "text"


def is_hub_name(name: str) -> bool:
    """Whether `name` reads OWNER/NAME or OWNER/NAME:CONFIGURATION.

    >>> is_hub_name("roneneldan/TinyStories"), is_hub_name("sotu"), is_hub_name("../folder")
    (True, False, False)
    """
    return NAME.fullmatch(name) is not None


def read_hub(name: str, folder: Path, download: bool = False) -> list[tuple[str, str]]:
    """(name, text) of each document in the training split's first Parquet file, of which large data sets have many.

    TaskError where it is not in `folder` and `download` is false, cannot be fetched, or has no column "text".
    """
    path = hub_file(name, "train", folder, download)
    table = read_table(path)
    if TEXT_COLUMN not in table.column_names:
        raise TaskError(
            f"{name}: no column {TEXT_COLUMN!r} among {', '.join(table.column_names)}; give another data set"
        )
    texts = table.column(TEXT_COLUMN).to_pylist()
    return [(f"{name}#{k}", text) for k, text in enumerate(texts) if isinstance(text, str)]


def hub_file(name: str, split: str, folder: Path, download: bool = False) -> Path:
    """The first Parquet file of a split, as it stands in `folder`; fetched into it where that is asked for."""
    match = NAME.fullmatch(name)
    assert match is not None
    home = folder / match["repository"].replace("/", "--")
    wanted = f"{match['configuration'] or '*'}/{split}/*.parquet"
    found = sorted(home.glob(wanted))
    if found:
        return found[0]
    if not download:
        raise TaskError(
            f"{name!r} is neither a folder nor in {home}; a Hugging Face data set is fetched only where you ask for "
            "it: --download (download=True)"
        )
    return _fetch(name, match["repository"], match["configuration"], split, home)


def read_table(path: Path):  # type: ignore[no-untyped-def]  # pyarrow ships no types
    import pyarrow
    import pyarrow.parquet

    try:
        return pyarrow.parquet.read_table(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise TaskError(f"{path}: cannot be read ({one_line(error, 80)}); remove it and fetch it again") from None


def _fetch(name: str, repository: str, configuration: str | None, split: str, home: Path) -> Path:
    import huggingface_hub

    try:
        files = sorted(huggingface_hub.list_repo_files(repository, repo_type="dataset", revision=PARQUET_BRANCH))
        wanted = re.compile(rf"{re.escape(configuration) if configuration else '[^/]+'}/{split}/[^/]+\.parquet")
        chosen = next((file for file in files if wanted.fullmatch(file)), None)
        if chosen is None:
            there = sorted({file.rsplit("/", 1)[0] for file in files if file.endswith(".parquet")})
            raise TaskError(f"{name}: the Hub has no {split} there; it has {one_line(', '.join(there), 120)}")
        return Path(
            huggingface_hub.hf_hub_download(
                repository, chosen, repo_type="dataset", revision=PARQUET_BRANCH, local_dir=home
            )
        )
    except TaskError:
        raise
    except Exception as error:  # the Hub's client raises its own, its HTTP library's, and OSError
        raise TaskError(
            f"{name} could not be fetched ({type(error).__name__}: {one_line(error, 120)}); look at the name and the "
            "network, or give a folder of .txt files"
        ) from None
