"""Writes utf8.json: what Python makes of bytes that are not UTF-8 with errors="replace". Run: python utf8.py"""

import json
import pathlib
import random
import sys

random.seed(1)
pieces = [b"a", "é".encode(), "日".encode(), "😀".encode(), b"\x80", b"\xbf", b"\xc0", b"\xc1", b"\xc3", b"\xe0", b"\xe0\x80", b"\xe0\xa0",
          b"\xe2\x82", b"\xed\xa0\x80", b"\xed\x9f", b"\xf0", b"\xf0\x80", b"\xf0\x90\x80", b"\xf4\x90\x80\x80", b"\xf4\x8f\xbf", b"\xf5", b"\xff"]
cases = [p for p in pieces] + [b"".join(random.choices(pieces, k=random.randint(2, 6))) for _ in range(300)]
out = {"version": sys.version.split()[0], "cases": [[c.hex(), c.decode("utf-8", errors="replace")] for c in cases]}
pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(out, ensure_ascii=True, separators=(",", ":")) + "\n")
