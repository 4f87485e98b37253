"""What pyproject.toml cannot say: a wheel carries the folder `configs` inside the package, where `tracker.recipes` finds it."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

CONFIGS = Path("configs")


class BuildWithRecipes(build_py):
    """The package, and a copy of configs/**/*.yaml as tracker/configs; an editable installation reads them where they are."""

    def run(self) -> None:
        super().run()
        for source, target in () if self.editable_mode else self._recipes():
            self.mkpath(str(Path(target).parent))
            self.copy_file(source, target)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """Every file that is built."""
        return [*super().get_outputs(include_bytecode), *(target for _, target in self._recipes())]

    def get_source_files(self) -> list[str]:
        """Every file that it is built from: what a source distribution holds."""
        return [*super().get_source_files(), *(source for source, _ in self._recipes())]

    def _recipes(self) -> list[tuple[str, str]]:
        """From where to where."""
        return [(str(path), str(Path(self.build_lib, "tracker", path))) for path in sorted(CONFIGS.rglob("*.yaml"))]


setup(cmdclass={"build_py": BuildWithRecipes})
