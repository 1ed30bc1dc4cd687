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
