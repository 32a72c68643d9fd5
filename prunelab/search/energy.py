"""Energy as the machine reports it: the counters of the processor's packages, where they can be read."""

from __future__ import annotations

from pathlib import Path

from prunelab.errors import OptionError

# Linux: Intel's and AMD's running average power limit, a folder a package
POWERCAP = Path("/sys/class/powercap")


class EnergyMeter:
    """Joules that all packages of the processor used, other programs' among them.

    Raises:
        OptionError: a machine without such counters, or one that lets only its administrator read them.
    """

    def __init__(self, folder: Path | None = None) -> None:
        folder = POWERCAP if folder is None else folder
        self._counters = sorted(folder.glob("*-rapl:*/energy_uj")) if folder.is_dir() else []
        self._counters = [c for c in self._counters if c.parent.name.count(":") == 1]  # packages, not their parts
        if not self._counters:
            raise OptionError(f"energy cannot be measured: this machine has no counters in {folder}; give latency_ms "
                              "or macs as the objective")
        try:
            self._most = [int((c.parent / "max_energy_range_uj").read_text()) for c in self._counters]
            self.joules()
        except (OSError, ValueError) as error:
            raise OptionError(f"energy cannot be measured: {self._counters[0]} cannot be read ({error}); let its "
                              "administrator make it readable (chmod a+r), or give latency_ms instead") from error

    def joules(self) -> tuple[float, ...]:
        """The counters now; each starts anew at its end."""
        return tuple(int(c.read_text()) / 1e6 for c in self._counters)

    def between(self, before: tuple[float, ...], after: tuple[float, ...]) -> float:
        """Joules from one reading to a later one."""
        return sum((b - a) % (most / 1e6) for a, b, most in zip(before, after, self._most, strict=True))
