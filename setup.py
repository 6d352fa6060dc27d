"""What setup.cfg cannot say: migrations/ stands beside the package in a checkout, and inside it in a wheel."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["clerk_sync*"]), "clerk_sync.migrations", "clerk_sync.migrations.versions"],
    package_dir={"clerk_sync.migrations": "migrations"},
)
