import { render, screen } from "@testing-library/react";
import { expect, it } from "vitest";
import type { SourceReport } from "@/data/sources";
import { translate } from "@/i18n/translate";
import { renderStories } from "@/test/renderStories";
import { StoryFrame } from "@/test/StoryFrame";
import { fullReport, report } from "@/test/sourceSamples";
import { duration } from "./SourceBackfill";
import { SourcePanel } from "./SourcePanel";
import * as stories from "./SourcePanel.stories";

renderStories(stories);

const shown = (each: SourceReport, rate?: number) => {
  render(
    <StoryFrame language="en">
      <SourcePanel report={each} rate={rate} />
    </StoryFrame>,
  );
  return screen.getByRole("article").textContent ?? "";
};
/** The value of a row of figures. */
const value = (name: string) => screen.getByText(name).closest("dt")?.nextElementSibling?.textContent;

it("shows the sum of what was received, and that it balances", () => {
  const text = shown(report(), 42.46);
  expect(
    ["Journaled", "No keyword matched", "Sent before", "Unreadable, set aside", "Being sent"].map(value),
  ).toEqual(["12,404", "469,210", "561", "3", "12"]);
  expect(value("Received")).toBe("482,190 ✓");
  expect(text).toContain("The sum balances");
  expect(value("Records per second")).toBe("42.5");
});

it.each([
  ["too few", { received: 482_193 }],
  ["too many", { waiting: 15 }],
])("says so when the parts are %s", (_, changes) => {
  expect(shown(report(changes))).toContain("The sum is off by 3");
  expect(value("Received")).toContain("≠");
});

it("tells until when it waits, and why", () => {
  const text = shown(fullReport);
  expect(text).toContain("Backing off until 22:48:00");
  expect(text).toContain("TooManyConnections");
});

it("shows rules, limits and costs of a source that has them", () => {
  shown(fullReport);
  expect(value("Rules")).toBe("6");
  expect(value("Requests left")).toBe("7 of 450 · resets 23:02:00");
  expect(value("Charged posts")).toBe("12,404");
  expect(value("Cost this month")).toBe("$18.50");
  expect(value("Cost in all")).toBe("$62.02");
});

it("leaves them out for a source that has none", () => {
  const text = shown(report());
  expect(text).not.toMatch(/Rules|Requests left|Cost/);
});

it("names keywords that wait, are refused with their reason, or are found in part", () => {
  const text = shown(fullReport);
  expect(value("Tracked keywords")).toBe("24");
  expect(text).toContain("Waiting for room 2");
  expect(text).toContain("wrenna quill Ambiguous use of or as a keyword");
  expect(text).toContain("雲海");
});

it("tells how far a back-fill is", () => {
  expect(shown(fullReport)).toMatch(/Running · about 1 h 31 min left.*84,120 posts · 842 requests/);
});

it("has no rate of a source that reports no more", () => {
  const text = shown(report({ state: "gone" }), 3);
  expect(text).toContain("No report");
  expect(value("Records per second")).toBe("–");
});

it.each([
  [0.4, "1초"],
  [59, "59초"],
  [60, "1분"],
  [3_570, "1시간 0분"],
  [11_100, "3시간 5분"],
])("says %d seconds as %s", (seconds, text) => {
  expect(duration(seconds, (key, values) => translate("ko", key, values))).toBe(text);
});
