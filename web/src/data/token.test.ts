import { expect, it } from "vitest";
import { keywordOfPath, keywordPath } from "./token";

it("keywordOfPath reads what keywordPath writes", () => {
  for (const keyword of ["모루폰", "us airways", "a/b", "100%", "🦝"])
    expect(keywordOfPath(keywordPath(keyword))).toBe(keyword);
});

it("keywordOfPath takes other spellings, and no other paths", () => {
  expect(keywordOfPath("/k/US%20Airways")).toBe("us airways");
  expect(keywordOfPath("/k/%E0%A4%A")).toBeUndefined();
  for (const path of ["/", "/ops", "/k/", "/k/a/b"]) expect(keywordOfPath(path)).toBeUndefined();
});
