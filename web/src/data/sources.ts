import { api, need } from "./api/client";
import type { components } from "./api/schema";

export type Sources = components["schemas"]["Sources"];
export type SourceReport = components["schemas"]["SourceReport"];
export type SourceState = SourceReport["state"];
export type SourceGap = SourceReport["gaps"][number];
export type GapState = SourceGap["state"];

/** A gap with the name of its source. */
export interface NamedGap extends SourceGap {
  source: string;
}

export const SOURCES_KEY = ["sources"] as const;

export const readSources = (): Promise<Sources> => need(api.GET("/api/v1/sources"));

/** The gaps of all sources. */
export const gapsOf = ({ sources }: Sources): NamedGap[] =>
  sources.flatMap(({ name, gaps }) => gaps.map((gap) => ({ ...gap, source: name })));
