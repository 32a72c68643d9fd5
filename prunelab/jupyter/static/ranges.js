// Ranges on parallel axes, each [low, high] in [0, 1] of an axis: drawn with the pointer or by keys, seen as bars. It
// stands before the script that uses it, in one module.
class Ranges {
  constructor() {
    this.clear();
  }

  clear() {
    this.of = new Map();
    this.axis = -1; // the one that keys are about
    this.drawing = null; // {axis, from}: a range that the pointer draws
  }

  // whether a line with these values lies in all of them
  hold(values) {
    return [...this.of].every(([axis, [low, high]]) => values[axis] >= low - 1e-6 && values[axis] <= high + 1e-6);
  }

  begin(axis, value) {
    this.axis = axis;
    this.drawing = { axis, from: value, drawn: false };
  }

  // gives whether there is a range now
  stretch(value) {
    const { axis, from } = this.drawing;
    if (Math.abs(value - from) < 0.02 && !this.drawing.drawn) return false;
    this.drawing.drawn = true;
    this.of.set(axis, [Math.max(0, Math.min(from, value)), Math.min(1, Math.max(from, value))]);
    return true;
  }

  // a press that draws nothing takes the axis's range away
  end() {
    const { axis, drawn } = this.drawing;
    if (!drawn) this.of.delete(axis);
    this.drawing = null;
    return drawn;
  }

  // arrows go from axis to axis, and raise the low end or lower the high one; gives whether the key means something
  press(key, n) {
    const aside = { ArrowRight: 1, ArrowLeft: -1 }[key];
    const [low, high] = this.of.get(this.axis) ?? [0, 1];
    if (aside) this.axis = Math.min(n - 1, Math.max(0, this.axis + aside));
    else if (this.axis >= 0 && key === "ArrowUp") this.of.set(this.axis, [Math.min(low + 0.1, high), high]);
    else if (this.axis >= 0 && key === "ArrowDown") this.of.set(this.axis, [low, Math.max(high - 0.1, low)]);
    else if (key === "Escape" && (this.of.size || this.axis >= 0)) this.clear();
    else return false;
    return true;
  }
}

