import { expect, it } from "vitest";
import { renderStories } from "@/test/renderStories";
import { ledger } from "@/test/samples";
import { missing } from "./Ledger";
import * as stories from "./Ledger.stories";

it("finds what the sum lacks", () => {
  expect(missing(ledger)).toBe(0);
  expect(missing({ ...ledger, journaled: 5_130 })).toBe(3);
});

renderStories(stories);
