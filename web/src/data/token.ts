/** The token of a keyword in normal form, as subjects and paths hold it: every byte but `a-z 0-9 _ -` is encoded. */
export function tokenOf(keyword: string): string {
  let token = "";
  for (const byte of new TextEncoder().encode(keyword)) {
    const letter = String.fromCharCode(byte);
    token += /[a-z0-9_-]/.test(letter) ? letter : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return token;
}

export const keywordPath = (keyword: string) => `/k/${tokenOf(keyword)}`;

/** The normal form of a name that an address holds in another spelling; the server decides, this agrees with it. */
export const normalForm = (name: string) => name.normalize("NFKC").trim().toLowerCase();

/** The keyword whose page a path names. */
export function keywordOfPath(path: string): string | undefined {
  const token = /^\/k\/([^/]+)\/?$/.exec(path)?.[1];
  if (token === undefined) return undefined;
  try {
    return normalForm(decodeURIComponent(token));
  } catch {
    return undefined;
  }
}
