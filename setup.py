"""All settings stand in pyproject.toml but this mapping: the folder data/ goes into the wheel as celegans_nn/data."""

from setuptools import find_namespace_packages, setup

setup(
    packages=[*find_namespace_packages(include=["celegans_nn*"]), "celegans_nn.data"],
    package_dir={"celegans_nn.data": "data"},
    package_data={
        "celegans_nn": ["py.typed", "studies/templates/*"],
        "celegans_nn.data": ["*.csv", "*.md", "SHA256SUMS"],
    },
)
