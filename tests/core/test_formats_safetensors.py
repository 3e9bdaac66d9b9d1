import json
import struct

import numpy as np
import pytest

from faceanim.errors import FormatError, OutputError
from faceanim.formats import safetensors


def raw(path, header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


def test_round_trip(tmp_path):
    arrays = {
        "empty": np.zeros((0, 5), np.float32),
        "scalar": np.array(3.5),
        "half": np.arange(7, dtype=np.float16),
        "odd": np.arange(3, dtype=np.uint8),
        "flags": np.array([[True, False]]),
        "big end": np.arange(5, dtype=">i4"),
        "strided": np.arange(24, dtype=np.float32).reshape(4, 6)[::2, ::3],
        "fortran": np.asfortranarray(np.arange(6, dtype=np.int64).reshape(2, 3)),
        "ünï/códe": np.array([-1], np.int8),
    }
    safetensors.write(tmp_path / "a.safetensors", arrays, {"über": "ja"})
    read, metadata = safetensors.read(tmp_path / "a.safetensors")
    assert metadata == {"über": "ja"} and set(read) == set(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array)
        assert read[name].shape == array.shape and read[name].dtype == array.dtype.newbyteorder("=")
        assert read[name].flags.writeable and read[name].flags.aligned
    entries, _ = safetensors.read_header(tmp_path / "a.safetensors")
    assert entries["fortran"].shape == (2, 3) and entries["fortran"].dtype == "I64"
    assert not list(tmp_path.glob(".*")), "no temporary file stays"


def test_bfloat16_comes_as_float32(tmp_path):
    path = raw(
        tmp_path / "b.safetensors",
        {"x": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}},
        struct.pack("<HH", 0x3F80, 0xC000),
    )
    np.testing.assert_array_equal(safetensors.read(path)[0]["x"], np.float32([1.0, -2.0]))


def entry(shape=(2,), offsets=(0, 8), dtype="F32"):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


@pytest.mark.parametrize(
    ("header", "data", "why"),
    [
        ({"x": entry()}, bytes(7), "truncated"),
        ({"x": entry()}, bytes(9), "behind its last"),
        ({"x": entry((3,))}, bytes(8), "does not fill"),
        ({"x": entry((2**62, 2**62), (0, 0))}, b"", "does not fill"),
        ({"x": entry((2**40,), (0, 2**42))}, b"", "truncated"),
        ({"x": entry(offsets=(4, 12))}, bytes(12), "begins at byte"),
        ({"x": entry(), "y": entry()}, bytes(8), "begins at byte"),
        ({"x": entry((-2, -1), (0, 8))}, bytes(8), "whole number"),
        ({"x": entry((True, 2), (0, 8))}, bytes(8), "whole number"),
        ({"x": entry((2.0,), (0, 8))}, bytes(8), "whole number"),
        ({"x": entry(offsets=(8, 0))}, bytes(8), "does not fill"),
        ({"x": entry(dtype="F31")}, bytes(8), "unknown type"),
        ({"x": entry(dtype=["F32"])}, bytes(8), "unknown type"),
        ({"x": {"dtype": "F32"}}, bytes(8), "no dtype"),
        ({"x": 7}, b"", "no dtype"),
        ({"__metadata__": {"a": 1}}, b"", "not text"),
        (b"[1]     ", b"", "is not a"),
        (b'{"x": 1, "x": 2}', b"", "is not a"),
        (b"{" * 60000, b"", "is not a"),
        (b'{"x": \xff}', b"", "is not a"),
    ],
)
def test_damaged_files_are_told(tmp_path, header, data, why):
    path = raw(tmp_path / "a.safetensors", header, data)
    with pytest.raises(FormatError, match=why) as error:
        safetensors.read(path)
    assert error.value.hint and path.name in error.value.message


@pytest.mark.parametrize("length", [0, 1, 10**8 + 1, 2**63, 2**64 - 1])
def test_absurd_header_lengths(tmp_path, length):
    with pytest.raises(FormatError):
        safetensors.read(raw(tmp_path / "a.safetensors", {}, length=length))


def test_every_cut_is_told(tmp_path):
    path = tmp_path / "a.safetensors"
    safetensors.write(path, {"x": np.arange(10.0), "y": np.zeros(3, np.uint8)}, {"a": "b"})
    whole = path.read_bytes()
    for size in range(1, len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(FormatError, match="truncated|is not a"):
            safetensors.read(path)


def test_what_has_no_name_is_refused(tmp_path):
    for array in (np.zeros(2, complex), np.array(["a"]), np.array([None])):
        with pytest.raises(FormatError, match="cannot hold"):
            safetensors.write(tmp_path / "a.safetensors", {"x": array})
    with pytest.raises(OutputError, match="folder does not exist"):
        safetensors.write(tmp_path / "none" / "a.safetensors", {})


def test_the_reference_implementation_agrees(tmp_path):
    reference = pytest.importorskip("safetensors.numpy")
    arrays = {"x": np.arange(6, dtype=np.float32).reshape(2, 3), "y": np.arange(3, dtype=np.uint8)}
    safetensors.write(tmp_path / "a.safetensors", arrays, {"k": "v"})
    for name, array in reference.load_file(tmp_path / "a.safetensors").items():
        np.testing.assert_array_equal(array, arrays[name])
    reference.save_file(arrays, tmp_path / "b.safetensors", {"k": "v"})
    read, metadata = safetensors.read(tmp_path / "b.safetensors")
    assert metadata == {"k": "v"}
    np.testing.assert_array_equal(read["x"], arrays["x"])
