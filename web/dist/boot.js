// Runs before the first paint: sets the theme and the language, and asks for what the page needs first, while the
// browser is still loading the code. It is a file of its own because the content security policy allows no inline script.
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

  // The build writes the files of each page and language into the attributes of the script's element.
  const { dataset } = document.currentScript;
  const page = { "/": "overview", "/compare": "compare", "/ops": "ops" }[location.pathname];
  const parts = [
    dataset[page ?? (location.pathname.startsWith("/k/") ? "keyword" : "none")],
    dataset[root.lang],
  ];
  for (const href of parts.filter(Boolean).join(" ").split(" ").filter(Boolean)) {
    const link = document.createElement("link");
    link.rel = "modulepreload";
    link.href = href;
    document.head.append(link);
  }
  // The application takes this socket over.
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  globalThis.tidingsSocket = new WebSocket(`${scheme}://${location.host}/api/v1/live`, "tidings.v1");
})();
