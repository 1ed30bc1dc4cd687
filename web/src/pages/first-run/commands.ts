import "@/i18n/first";
import { tokenOf } from "@/data/token";
import { type Language, translate } from "@/i18n/translate";

export type Way = "cli" | "http" | "nats";

/** A word as the shell takes it, whatever is in it. */
export const quoted = (word: string) =>
  /^[\w./:-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;

interface Place {
  /** Where the page was loaded from; publishers reach the server there too. */
  origin: string;
  keyword: string;
  language: Language;
  now: Date;
}

const TEXTS: Record<Language, string> = { ko: "첫 트윗이에요", en: "my first tweet" };

/** Commands that work as they are pasted: with the real host, the real keyword and the time of now. */
export function command(way: Way, { origin, keyword, language, now }: Place): string {
  const at = `${now.toISOString().slice(0, 19)}Z`;
  const tweet = JSON.stringify({
    type: "tweet.posted",
    id: `first:${now.getTime()}`,
    at,
    author: { handle: "me" },
    text: `${keyword}: ${TEXTS[language]}`,
    lang: language,
  });
  const named = quoted(keyword);
  if (way === "cli") {
    return [
      translate(language, "first.cli.sample"),
      `tidings sample --posts 2000 | tidings publish - --keyword ${named} --retime now --server ${origin}`,
      "",
      `# ${translate(language, "first.c1").replace(/^# /, "")}`,
      `tidings publish tweets.ndjson --keyword ${named} --retime now --server ${origin}`,
    ].join("\n");
  }
  if (way === "http") {
    const line = tweet.replace(/}$/, `,"keyword":${JSON.stringify(keyword)}}`);
    return [
      `# ${translate(language, "first.c2").replace(/^# /, "")}`,
      `curl -H 'content-type: application/x-ndjson' --data-binary ${quoted(line)} \\`,
      `  ${origin}/api/v1/tweets`,
    ].join("\n");
  }
  return [
    `# ${translate(language, "first.c2").replace(/^# /, "")}`,
    `nats req ${quoted(`tweets.${tokenOf(keyword)}`)} ${quoted(tweet)}`,
  ].join("\n");
}
