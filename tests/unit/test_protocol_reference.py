"""docs/protocol.md names every key that a protocol may have."""

from pathlib import Path

from equipoise.protocol.reader import _all_keys


def test_every_key_has_its_place() -> None:
    text = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
    missing = [key for key in sorted(_all_keys()) if f"`{key}`" not in text and f"{key} =" not in text
               and f"[{key}" not in text and f"`{key}." not in text]  # fmt: skip
    assert missing == []
