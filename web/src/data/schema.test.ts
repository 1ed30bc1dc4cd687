// @vitest-environment node
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { generated } from "../../scripts/generate-types.mjs";

it("types match the server's descriptions", async () => {
  for (const [file, text] of Object.entries(await generated())) {
    expect(
      readFileSync(new URL(`../../${file}`, import.meta.url), "utf8") === text,
      `${file}: run npm run types`,
    ).toBe(true);
  }
}, 30_000);
