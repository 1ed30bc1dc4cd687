// Takes a picture of every page of a running dashboard in both themes and languages at four widths.
// Usage: node scripts/shots.mjs BASE_URL OUT_FOLDER [page-name-part] [widths] [themes] [languages]
import { pagesOf, takePictures } from "./pictures.mjs";

const [base = "http://127.0.0.1:4820", out = "shots", only = "", widths, themes, languages] =
  process.argv.slice(2);
const pages = Object.entries(await pagesOf(base)).filter(([name]) => name.includes(only));
const problems = await takePictures(Object.fromEntries(pages), out, {
  format: "png",
  ...(widths ? { widths: widths.split(",").map(Number) } : {}),
  ...(themes ? { themes: themes.split(",") } : {}),
  ...(languages ? { languages: languages.split(",") } : {}),
});
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
