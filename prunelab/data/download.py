"""Files by URL: streamed into a cache, whole and checked, or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import re
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prunelab.errors import DataError, OptionError, check_positive, reason_of, shown

CACHE = "PRUNELAB_CACHE"  # the environment variable that moves the cache
_PIECE = 1 << 16
# fewer bytes a second than this, over a whole timeout, is no download but a server that holds the line
_SLOWEST = 1024
_LENGTHS = {32: "md5", 40: "sha1", 64: "sha256"}


@dataclass(frozen=True)
class Checksum:
    """A file's digest, by one of the usual algorithms."""

    algorithm: str
    digest: str

    @classmethod
    def parse(cls, text: str) -> Checksum:
        """Of "sha256:4f2c...", or of the digits alone, whose number tells the algorithm.

        Raises:
            OptionError: no such digest.
        """
        named, _, digits = str(text).lower().rpartition(":")
        algorithm = named or _LENGTHS.get(len(digits), "")
        if not re.fullmatch("[0-9a-f]+", digits) or _LENGTHS.get(len(digits)) != algorithm:
            raise OptionError(f"checksum is {shown(text)}; give the 64 digits of a sha256, or 'md5:' and its 32")
        return cls(algorithm, digits)

    def of(self, path: Path) -> str:
        """The digest of a file by the same algorithm."""
        total = hashlib.new(self.algorithm, usedforsecurity=False)
        with open(path, "rb") as file:
            while piece := file.read(1 << 22):
                total.update(piece)
        return total.hexdigest()


def download(url: str, *, checksum: str | None = None, cache: str | os.PathLike[str] | None = None,
             timeout: float = 30) -> Path:
    """The file at ``url``, from the cache where it is there (and has the checksum, where one is given).

    Args:
        checksum: as `Checksum.parse` takes it.
        cache: a folder; without it the environment's PRUNELAB_CACHE, or ``~/.cache/prunelab``.
        timeout: seconds without an answer, or at less than a kilobyte a second, after which it is given up.

    Raises:
        DataError: no answer, an answer that is no file, a file that is cut short or has another checksum; nothing is
            kept then.
    """
    expected = None if checksum is None else Checksum.parse(checksum)
    check_positive(timeout, "timeout")
    target = _place(url, cache)
    if target.is_file() and (expected is None or expected.of(target) == expected.digest):
        return target
    with _new_file(target) as temporary:
        _fetch(url, temporary, timeout)
        found = None if expected is None else expected.of(temporary)
        if expected is not None and found != expected.digest:
            raise DataError(f"{url} has the {expected.algorithm} {found}, not {expected.digest}: it is another file "
                            "than was meant, and was thrown away; ask its publisher, or mend checksum=")
        os.replace(temporary, target)
    return target


def is_url(source: str) -> bool:
    """Whether something is read over the network."""
    return re.match(r"[a-z][a-z0-9+.-]*://", source, re.IGNORECASE) is not None


def _place(url: str, cache: str | os.PathLike[str] | None) -> Path:
    """Where a URL's file is kept: under its own name, in a folder named after the URL."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise OptionError(f"'{url}' is no address that is read; give http:// or https://")
    base = Path(cache or os.environ.get(CACHE) or Path.home() / ".cache" / "prunelab").expanduser()
    name = re.sub(r"[^\w.-]", "_", Path(urllib.parse.unquote(parts.path)).name) or "file"
    folder = base / hashlib.sha256(url.encode()).hexdigest()[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"the cache '{base}' cannot be written: {error.strerror}; give cache=, a folder that can"
                        ) from error
    return folder / name


@contextlib.contextmanager
def _new_file(target: Path) -> Any:
    """A file beside the target, gone at the end if it has not taken its place."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=".part")
    os.close(handle)
    try:
        yield Path(name)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


class _Careful(urllib.request.HTTPRedirectHandler):
    """Follows a redirect, but not from a connection that is secured to one that is not, or to a file."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        before, after = (urllib.parse.urlsplit(u).scheme for u in (req.full_url, newurl))
        if after not in ("http", "https") or (before, after) == ("https", "http"):
            raise DataError(f"{req.full_url} leads to {newurl}, which is not secured as it is; give the address itself "
                            "if you trust it")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _fetch(url: str, target: Path, timeout: float) -> None:
    """All bytes that the server says there are, into a file."""
    request = urllib.request.Request(url, headers={"User-Agent": "prunelab"})
    try:
        with urllib.request.build_opener(_Careful).open(request, timeout=timeout) as answer, open(target, "wb") as file:
            length = answer.headers.get("Content-Length")
            read = _copy(url, answer, file, timeout)
    except DataError:
        raise
    except urllib.error.HTTPError as error:
        advice = "look at the address" if error.code in (404, 410) else "try again later, or download it yourself"
        raise DataError(f"{url} answers {error.code} {error.reason}; {advice}") from error
    except (TimeoutError, urllib.error.URLError) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, TimeoutError):
            raise _too_slow(url, timeout) from error
        told = reason_of(reason) if isinstance(reason, Exception) else reason
        raise DataError(f"{url} does not answer: {told}; look at the address and at your network") from error
    except (OSError, http.client.HTTPException) as error:
        raise DataError(f"{url} was cut off: {reason_of(error)}; try again") from error
    if length is not None and length.isdigit() and read != int(length):
        raise DataError(f"{url} was cut off after {read:,} of {int(length):,} bytes; try again")


def _copy(url: str, answer: Any, file: Any, timeout: float) -> int:
    read, start, before = 0, time.monotonic(), 0
    # read1: what has come, and not all of a piece, so that a server that drips is seen to
    while piece := answer.read1(_PIECE):
        file.write(piece)
        read += len(piece)
        now = time.monotonic()
        if now - start > timeout:
            if read - before < _SLOWEST * timeout:
                raise _too_slow(url, timeout)
            start, before = now, read
    return read


def _too_slow(url: str, timeout: float) -> DataError:
    return DataError(f"{url} is too slow: less than a kilobyte a second for {timeout:g} s; try again later, give a "
                     "longer timeout=, or download it yourself")
