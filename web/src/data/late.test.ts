import { describe, expect, it } from "vitest";
import { loadAgain } from "./late";

describe("code that is loaded late", () => {
  it("is loaded again after growing pauses", async () => {
    const pauses: number[] = [];
    let tries = 0;
    const load = async () => {
      tries += 1;
      if (tries < 4) throw new Error("no connection");
      return "code";
    };
    expect(await loadAgain(load, async (ms) => void pauses.push(ms))).toBe("code");
    expect(pauses).toEqual([500, 1_000, 2_000]);
  });

  it("fails with the last error when it never comes", async () => {
    let tries = 0;
    const load = async () => {
      tries += 1;
      throw new Error(`try ${tries}`);
    };
    await expect(loadAgain(load, async () => undefined)).rejects.toThrow("try 8");
  });
});
