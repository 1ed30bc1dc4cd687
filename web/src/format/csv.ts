/** UTF-8 with a byte order mark, so that spreadsheets read Korean. Cells that look like formulas are quoted as text. */
export function csv(
  header: readonly string[],
  rows: readonly (readonly (string | number | null)[])[],
): string {
  const cell = (value: string | number | null) => {
    if (value === null) return "";
    if (typeof value === "number") return String(value);
    const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
    return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return `\ufeff${[header, ...rows].map((row) => row.map(cell).join(",")).join("\r\n")}\r\n`;
}

/** The name of a saved file: what it is of, which panel, and when. */
export function fileName(keyword: string | undefined, panel: string, at: number, type: string): string {
  const date = new Date(at);
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}${two(date.getMonth() + 1)}${two(date.getDate())}`;
  const name = keyword ? `${keyword.replaceAll(/[^\p{L}\p{N}_-]+/gu, "-")}_` : "";
  return `tidings_${name}${panel}_${day}-${two(date.getHours())}${two(date.getMinutes())}.${type}`;
}

export function download(name: string, content: Blob): void {
  const url = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
