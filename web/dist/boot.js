// Sets the theme and the language before the first paint. It is a file of its own because the
// content security policy allows no inline script.
(() => {
  const read = (key) => {
    try {
      return localStorage.getItem(key);
    } catch {
      return null;
    }
  };
  const root = document.documentElement;
  const theme = read("tidings.theme");
  const dark = theme === "dark" || (theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  root.dataset.theme = dark ? "dark" : "light";
  const lang = read("tidings.lang");
  root.lang = lang === "ko" || lang === "en" ? lang : navigator.language.startsWith("ko") ? "ko" : "en";
})();
