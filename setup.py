"""The one build step that pyproject.toml cannot say: the wheel carries the mappings and schemas inside the package."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree, ignore_patterns

from setuptools import setup
from setuptools.command.build_py import build_py

SHIPPED = ("mappings", "schemas")


class BuildWithShippedFolders(build_py):  # type: ignore[misc]  # setuptools has no types
    """Copies the shipped folders into ``isthmus``; an editable install reads them where they are."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for name in SHIPPED:
            target = Path(self.build_lib, "isthmus", name)
            copytree(Path(__file__).parent / name, target, dirs_exist_ok=True, ignore=ignore_patterns("__pycache__"))


setup(cmdclass={"build_py": BuildWithShippedFolders})
