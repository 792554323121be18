"""Features told from data, checked with files that polars and pandas wrote."""

from __future__ import annotations

import datetime
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pandas
import polars
import pytest

from cdk_sagemaker_mlops.feature_store import Feature

FRAME = polars.DataFrame(
    {
        "id": ["a", "b"],
        "small": polars.Series([1, 2], dtype=polars.Int8),
        "large": polars.Series([1, 2], dtype=polars.UInt32),
        "whole": [1, 2],
        "yes": [True, False],
        "single": polars.Series([1.5, 2.5], dtype=polars.Float32),
        "double": [1.5, None],
        "money": [Decimal("1.10"), Decimal("2.20")],
        "day": [datetime.date(2024, 1, 1), None],
        "at": [datetime.datetime(2024, 1, 1), None],
        "kind": polars.Series(["x", "y"], dtype=polars.Categorical),
    }
)
EXPECTED = {
    "id": "String",
    "small": "Integral",
    "large": "Integral",
    "whole": "Integral",
    "yes": "Integral",
    "single": "Fractional",
    "double": "Fractional",
    "money": "Fractional",
    "day": "String",
    "at": "String",
    "kind": "String",
}


def types(features: list[Feature]) -> dict[str, str]:
    return {feature.name: feature.type.value for feature in features}


@pytest.mark.parametrize("compression", ["zstd", "uncompressed"])
def test_parquet(tmp_path: Path, compression: str) -> None:
    FRAME.write_parquet(tmp_path / "data.parquet", compression=compression)

    assert types(Feature.from_parquet(tmp_path / "data.parquet")) == EXPECTED


def test_parquet_with_many_columns_and_rows(tmp_path: Path) -> None:
    wide = polars.DataFrame({f"f{number}": [float(number)] * 1000 for number in range(300)})
    wide.write_parquet(tmp_path / "wide.parquet", row_group_size=100)

    assert types(Feature.from_parquet(tmp_path / "wide.parquet")) == {
        f"f{number}": "Fractional" for number in range(300)
    }


def test_parquet_columns_that_no_feature_can_hold(tmp_path: Path) -> None:
    nested = polars.DataFrame({"id": [1], "tags": [["a"]], "place": [{"x": 1, "deep": {"y": [2]}}], "last": [1.0]})
    nested.write_parquet(tmp_path / "nested.parquet")

    with pytest.raises(ValueError, match=r"nested.parquet has columns .*: tags \(LIST\), place \(STRUCTURE\); leave"):
        Feature.from_parquet(tmp_path / "nested.parquet")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "0 bytes, too few"),
        (b"a,b\n1,2\nand more text", "does not end as a Parquet file"),
        (b"PAR1" + b"x" * 20 + b"PARE", "encrypted footer"),
        (b"PAR1" + b"\xff" * 8 + b"\xff\xff\x00\x00PAR1", "says that its footer has 65535 bytes"),
        (b"PAR1" + b"\x19" * 8 + b"\x08\x00\x00\x00PAR1", "footer that cannot be read"),
        (b"PAR1" + b"\x00" + b"\x01\x00\x00\x00PAR1", "footer that cannot be read"),
    ],
)
def test_broken_parquet(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "broken.parquet").write_bytes(content)

    with pytest.raises(ValueError, match=message):
        Feature.from_parquet(tmp_path / "broken.parquet")


def test_a_parquet_file_that_is_cut_anywhere_is_refused(tmp_path: Path) -> None:
    FRAME.write_parquet(tmp_path / "whole.parquet")
    whole = (tmp_path / "whole.parquet").read_bytes()
    file = tmp_path / "cut.parquet"

    for length in range(0, len(whole), 97):
        file.write_bytes(whole[:length] + whole[-8:])
        with pytest.raises(ValueError, match=r"cut\.parquet"):
            Feature.from_parquet(file)


def test_csv(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text(
        "id,count,share,mixed,zip,empty,huge,at\n"
        "a,1,0.5,1,01234,,9223372036854775808,2024-01-01\n"
        'b,-2,1,2.5,20095,,1,"2024-01-02, noon"\n'
        "c,,,x,1,,2,\n"
    )

    assert types(Feature.from_csv(tmp_path / "data.csv")) == {
        "id": "String",
        "count": "Integral",
        "share": "Fractional",
        "mixed": "String",
        "zip": "String",
        "empty": "String",
        "huge": "String",
        "at": "String",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "no header"), ("a,b\n", "no rows below its header"), ("a,b\n1,2\n1,2,3\n", "2 columns .* not in row 3")],
)
def test_csv_without_types(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "data.csv").write_text(text)

    with pytest.raises(ValueError, match=message):
        Feature.from_csv(tmp_path / "data.csv")


def test_frames_of_polars_and_pandas_agree_with_parquet(tmp_path: Path) -> None:
    FRAME.write_parquet(tmp_path / "data.parquet")
    pandas_frame = pandas.DataFrame(
        {
            "id": ["a"],
            "whole": [1],
            "maybe": pandas.array([1, None], dtype="Int64")[:1],
            "yes": [True],
            "share": [0.5],
            "at": pandas.to_datetime(["2024-01-01"]),
            "kind": pandas.Categorical(["x"]),
        }
    )

    assert types(Feature.from_frame(FRAME)) == types(Feature.from_parquet(tmp_path / "data.parquet"))
    assert types(Feature.from_frame(pandas_frame)) == {
        "id": "String",
        "whole": "Integral",
        "maybe": "Integral",
        "yes": "Integral",
        "share": "Fractional",
        "at": "String",
        "kind": "String",
    }


def test_frame_columns_that_no_feature_can_hold() -> None:
    frame = polars.DataFrame({"id": [1], "tags": [["a"]]})

    with pytest.raises(ValueError, match=r"the frame has columns .*: tags \(List\(String\)\)"):
        Feature.from_frame(frame)


def test_a_schema_is_read_without_pandas_or_polars(tmp_path: Path) -> None:
    FRAME.write_parquet(tmp_path / "data.parquet")
    program = (
        "import sys; from cdk_sagemaker_mlops.feature_store import Feature; "
        f"Feature.from_parquet({str(tmp_path / 'data.parquet')!r}); "
        "print([name for name in ('pandas', 'polars', 'pyarrow', 'numpy', 'boto3') if name in sys.modules])"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root / "constructs", capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"
