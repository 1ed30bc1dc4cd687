import { describe, expect, it } from "vitest";
import { command, quoted } from "./commands";

const place = {
  origin: "http://127.0.0.1:4820",
  keyword: "us airways",
  language: "en" as const,
  now: new Date("2026-11-25T13:46:00Z"),
};

describe("commands of the first run", () => {
  it("carry host, port and keyword, quoted for the shell", () => {
    expect(command("cli", place)).toContain(
      "publish - --keyword 'us airways' --retime now --server http://127.0.0.1:4820",
    );
    expect(command("nats", place)).toContain("nats req 'tweets.us%20airways' '{");
    expect(quoted("it's")).toBe(`'it'\\''s'`);
  });

  it("post a line of JSON with the keyword", () => {
    const line = /--data-binary '(.*)' \\/.exec(command("http", place))?.[1];
    expect(JSON.parse(line ?? "")).toMatchObject({
      type: "tweet.posted",
      at: "2026-11-25T13:46:00Z",
      keyword: "us airways",
      author: { handle: "me" },
    });
  });
});
