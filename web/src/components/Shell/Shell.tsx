import type { ReactNode } from "react";
import { useT } from "@/i18n/I18n";
import { Dialog } from "../Dialog/Dialog";
import "./Shell.css";

/** The frame of all pages: the sidebar beside them, or in a drawer where there is no room. */
export function Shell({
  sidebar,
  drawer,
  drawerOpen,
  collapsed,
  onDrawerClose,
  children,
}: {
  sidebar: ReactNode;
  drawer: ReactNode;
  drawerOpen: boolean;
  collapsed: boolean;
  onDrawerClose: () => void;
  children: ReactNode;
}) {
  const t = useT();
  return (
    <>
      <a className="skip" href="#main">
        {t("nav.skip")}
      </a>
      <div className={collapsed ? "app collapsed" : "app"}>
        {collapsed ? null : sidebar}
        <div className="main">{children}</div>
      </div>
      <Dialog kind="drawer" label={t("nav.menu")} open={drawerOpen} onClose={onDrawerClose}>
        {drawer}
      </Dialog>
    </>
  );
}
