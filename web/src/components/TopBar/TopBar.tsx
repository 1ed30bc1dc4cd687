import { type ReactNode, useEffect, useState } from "react";
import { useT } from "@/i18n/I18n";
import { IconButton } from "../Button/Button";
import "./TopBar.css";

/** The bar of a page: its name, the window, what can be done with it, and the moment it shows. */
export function TopBar({
  title,
  controls,
  actions,
  asOf,
  phoneAction,
  onMenu,
}: {
  title: ReactNode;
  /** Window and filter; on phones they stand in a bar of their own. */
  controls?: ReactNode;
  actions?: ReactNode;
  asOf?: ReactNode;
  phoneAction?: ReactNode;
  onMenu: () => void;
}) {
  const t = useT();
  const [scrolled, setScrolled] = useState(false);
  useEffect(() => {
    const check = () => setScrolled(globalThis.scrollY > 4);
    check();
    addEventListener("scroll", check, { passive: true });
    return () => removeEventListener("scroll", check);
  }, []);
  return (
    <>
      <header className={scrolled ? "top line" : "top"}>
        <IconButton className="menu-b" size="m" icon="menu" label={t("nav.menu")} onClick={onMenu} />
        <div className="top-t ell">{title}</div>
        <span className="grow" />
        <span className="hide-s row">{controls}</span>
        <span className="hide-s row">{actions}</span>
        {asOf}
        <span className="only-s">{phoneAction}</span>
      </header>
      {controls ? (
        <section className="subbar" aria-label={t("win.label")}>
          {controls}
        </section>
      ) : null}
    </>
  );
}
