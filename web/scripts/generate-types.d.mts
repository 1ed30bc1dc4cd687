/** The text of each generated file, by its path below `web/`. */
export function generated(): Promise<Record<string, string>>;
