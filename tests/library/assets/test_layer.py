"""The layer: keyed by its lock, built once, deterministic, within Lambda's limit, helpful when it cannot be built."""

from __future__ import annotations

import re
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cdk_sagemaker_mlops import bundle
from cdk_sagemaker_mlops.functions import cache, installer, layer, wheels
from cdk_sagemaker_mlops.functions.installer import InstallError
from cdk_sagemaker_mlops.functions.layer import Architecture, bundle_layer, layer_hash
from cdk_sagemaker_mlops.functions.wheels import WheelsError, strip

ROOT = Path(__file__).resolve().parents[3]
ARM = Architecture.ARM_64


def write_package(tree: Path) -> None:
    for name, text in {
        "pkg/__init__.py": "X = 1\n",
        "pkg/__pycache__/x.pyc": "compiled",
        "pkg/tests/test_x.py": "",
        "pkg/lib.so": "binary",
        "pkg-1.dist-info/WHEEL": "Tag: cp313\n",
        "pkg-1.dist-info/RECORD": f"made by {tree}\n",
        "bin/tool": f"#!{tree}\n",
    }.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)


class FakeInstaller:
    """Stands for pip: writes a small package, counts its calls."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __call__(self, lock: Path, target: Path, *, machine: str, python_version: str) -> None:
        self.calls.append(machine)
        write_package(target)


@pytest.fixture
def fake_pip(monkeypatch: pytest.MonkeyPatch) -> FakeInstaller:
    fake = FakeInstaller()
    monkeypatch.setattr(wheels, "install", fake)
    return fake


def test_a_built_layer_is_never_built_again(fake_pip: FakeInstaller, layer_cache: Path) -> None:
    first = bundle_layer(ARM)
    assert first.parent == layer_cache
    assert bundle_layer(ARM) == first
    assert fake_pip.calls == ["aarch64"]
    assert bundle_layer(Architecture.X86_64) != first
    assert fake_pip.calls == ["aarch64", "x86_64"]
    assert {path.suffix for path in layer_cache.iterdir()} == {".zip", ".lock"}


def test_concurrent_synths_build_once(fake_pip: FakeInstaller) -> None:
    with ThreadPoolExecutor(8) as pool:
        built = set(pool.map(lambda _: bundle_layer(ARM), range(8)))
    assert len(built) == 1
    assert len(fake_pip.calls) == 1


def test_the_archive_is_deterministic_and_stripped(
    fake_pip: FakeInstaller, layer_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = bundle_layer(ARM).read_bytes()
    monkeypatch.setenv(cache.CACHE_VARIABLE, str(tmp_path / "second"))
    second = bundle_layer(ARM)
    assert second.read_bytes() == first
    with zipfile.ZipFile(second) as archive:
        assert archive.namelist() == ["python/pkg-1.dist-info/WHEEL", "python/pkg/__init__.py", "python/pkg/lib.so"]


def test_the_identity_follows_lock_and_processor_but_not_line_endings(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_bytes(b"numpy==2.4.6\n")
    unix = layer_hash(ARM, lock)
    assert layer_hash(Architecture.X86_64, lock) != unix
    lock.write_bytes(b"numpy==2.4.6\r\n")
    assert layer_hash(ARM, lock) == unix
    lock.write_bytes(b"numpy==2.4.7\n")
    assert layer_hash(ARM, lock) != unix


def test_without_cache_and_index_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch, layer_cache: Path) -> None:
    def fail(*args: object, **options: object) -> None:
        raise InstallError("ERROR: No matching distribution found for numpy==2.4.6")

    monkeypatch.setattr(wheels, "install", fail)
    with pytest.raises(WheelsError) as raised:
        bundle_layer(ARM)
    message = str(raised.value)
    assert "No matching distribution found for numpy==2.4.6" in message
    assert "python -m cdk_sagemaker_mlops.bundle --architecture arm64" in message
    assert "CDK_SAGEMAKER_MLOPS_CACHE" in message
    assert list(layer_cache.glob("*.zip")) == []


def test_an_unwritable_cache_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(cache.CACHE_VARIABLE, str(tmp_path / "file" / "cache"))
    with pytest.raises(WheelsError, match=r"the cache folder .* cannot be created .*CDK_SAGEMAKER_MLOPS_CACHE"):
        bundle_layer(ARM)


def test_too_large_wheels_are_refused(fake_pip: FakeInstaller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer, "_MAX_UNPACKED_BYTES", 10)
    with pytest.raises(WheelsError, match=r"unpack to .* MiB for arm64; Lambda allows"):
        bundle_layer(ARM)


def test_stripping_keeps_what_says_the_platform(tmp_path: Path) -> None:
    write_package(tmp_path)
    strip(tmp_path)
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert left == ["pkg-1.dist-info/WHEEL", "pkg/__init__.py", "pkg/lib.so"]


def test_the_lock_pins_what_the_tests_run_with() -> None:
    pin = re.compile(r"^([\w-]+)==([\w.]+)", re.MULTILINE)
    locked = dict(pin.findall((Path(layer.__file__).parent / "layer-requirements.txt").read_text()))
    tested = dict(pin.findall((ROOT / "requirements-dev.txt").read_text()))
    assert set(locked) == {"numpy", "polars", "polars-runtime-32"}
    assert locked == {name: tested[name] for name in locked}


def test_pip_is_told_to_check_hashes_and_to_build_nothing(tmp_path: Path) -> None:
    command = installer._command(tmp_path / "lock.txt", tmp_path / "out", machine="aarch64", python_version="3.13")
    assert {"--require-hashes", "--only-binary=:all:", "--no-deps", "--no-compile"} <= set(command)
    assert "manylinux_2_28_aarch64" in command
    assert command[command.index("--python-version") + 1] == "3.13"


def test_uv_takes_the_place_of_a_missing_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installer.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(installer.shutil, "which", lambda name: "/bin/uv")
    command = installer._command(tmp_path / "lock.txt", tmp_path / "out", machine="x86_64", python_version="3.13")
    assert command[:3] == ["/bin/uv", "pip", "install"]
    assert {"--require-hashes", "--no-build", "x86_64-manylinux_2_28"} <= set(command)
    monkeypatch.setattr(installer.shutil, "which", lambda name: None)
    with pytest.raises(InstallError, match="neither pip nor uv is installed"):
        installer._command(tmp_path / "lock.txt", tmp_path / "out", machine="x86_64", python_version="3.13")


def test_a_wrong_hash_stops_the_installation(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text("no-such-distribution-of-ours==1.0 --hash=sha256:" + "0" * 64 + "\n")
    with pytest.raises(InstallError, match="no-such-distribution-of-ours"):
        installer.install(lock, tmp_path / "out", machine="aarch64", python_version="3.13")


def test_the_cache_is_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(cache.CACHE_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.cache_directory() == tmp_path / "cdk-sagemaker-mlops"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache.cache_directory() == tmp_path / "home/.cache/cdk-sagemaker-mlops"


def test_the_command_prints_paths(fake_pip: FakeInstaller, capsys: pytest.CaptureFixture[str]) -> None:
    assert bundle.main(["--architecture", "all", "--jobs", "all"]) == 0
    printed = capsys.readouterr().out.split()
    assert len(printed) == 4
    assert all(Path(path).is_file() for path in printed)


def test_the_command_fails_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*args: object, **options: object) -> None:
        raise InstallError("no index")

    monkeypatch.setattr(wheels, "install", fail)
    assert bundle.main([]) == 1
    assert capsys.readouterr().err.startswith("error: the Lambda layer for arm64 is not in the cache")
