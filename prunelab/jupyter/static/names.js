// Names that are too long for their place. It stands before the scripts that use it, in one module with each.
function middle(name, length) {
  if (name.length <= length) return name;
  const end = Math.ceil((length - 1) * 0.6);
  return `${name.slice(0, length - 1 - end)}…${name.slice(-end)}`;
}

// The longest form of a layer's name that fits. What tells layers apart is the numbers between their words, and their
// ends: so the longest words lose their middles, then leading words go that have no number, then words lose more.
function short(name, fits) {
  const shrunk = (words, lead, least) => {
    const lengths = words.map((word) => word.length);
    const made = () => lead + words.map((word, k) => middle(word, lengths[k])).join(".");
    while (!fits(made())) {
      const longest = lengths.indexOf(Math.max(...lengths));
      if (lengths[longest] <= least) break;
      lengths[longest]--;
    }
    return made();
  };
  const all = name.split(".");
  let words = all;
  let made = shrunk(words, "", 4);
  while (!fits(made) && words.length > 1 && !/\d/.test(words[0])) {
    words = words.slice(1);
    made = shrunk(words, "…", 4);
  }
  return fits(made) ? made : shrunk(words, words === all ? "" : "…", 3);
}

