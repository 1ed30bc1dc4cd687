import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Line } from "@/data/types";

const repository = join(import.meta.dirname, "../../..");

/** The body of an answer, as a snapshot of the server's tests holds it. */
export function snapshot<T>(name: string): T {
  const text = readFileSync(
    join(repository, "tests/http/snapshots", `integration__http__${name}.snap`),
    "utf8",
  );
  return JSON.parse(text.slice(text.indexOf("\n---\n") + 5)) as T;
}

/** The example lines of the protocol's documentation, which the server's tests check against its description. */
export function documentedLines(): Line[] {
  const text = readFileSync(join(repository, "docs/live.md"), "utf8");
  return [...text.matchAll(/^\{"type":"(?:subscribed|snapshot|update|error)".*\}$/gm)].map(
    ([line]) => JSON.parse(line) as Line,
  );
}
