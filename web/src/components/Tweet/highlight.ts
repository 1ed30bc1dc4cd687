/** Splits a text at the occurrences of a word, compared without case. */
export function highlight(text: string, word: string): { text: string; hit: boolean }[] {
  if (!word) return [{ text, hit: false }];
  const lower = text.toLowerCase();
  const needle = word.toLowerCase();
  // Lower case can be longer than the text; then positions do not fit, and nothing is marked.
  if (lower.length !== text.length) return [{ text, hit: false }];
  const parts: { text: string; hit: boolean }[] = [];
  let end = 0;
  for (let at = lower.indexOf(needle); at >= 0; at = lower.indexOf(needle, end)) {
    if (at > end) parts.push({ text: text.slice(end, at), hit: false });
    end = at + needle.length;
    parts.push({ text: text.slice(at, end), hit: true });
  }
  if (end < text.length) parts.push({ text: text.slice(end), hit: false });
  return parts;
}
