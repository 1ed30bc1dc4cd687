import createClient from "openapi-fetch";
import type { Problem } from "../types";
import type { paths } from "./schema";

export const api = createClient<paths>({ baseUrl: globalThis.location?.origin ?? "" });

/** An answer that is not the one asked for: a problem document, or no answer at all. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly problem: Problem | undefined,
    readonly retryAfter: number | undefined,
  ) {
    super(problem?.detail ?? problem?.title ?? `HTTP ${status}`);
  }
}

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** Unwraps an answer of the client, so that callers see either the data or an `ApiError`. */
export async function need<T>(answer: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await answer;
  if (data !== undefined && response.ok) return data;
  const problem = typeof error === "object" && error !== null ? (error as Problem) : undefined;
  const after = Number(response.headers.get("retry-after"));
  throw new ApiError(response.status, problem, after > 0 ? after : undefined);
}
