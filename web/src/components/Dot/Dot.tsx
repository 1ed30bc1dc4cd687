import { createContext, useContext } from "react";
import type { Slot } from "@/data/colours";
import { slotColour } from "@/data/colours";
import "./Dot.css";

const NONE: ReadonlyMap<string, Slot> = new Map();
const ColourContext = createContext<ReadonlyMap<string, Slot>>(NONE);

/** The colours of all keywords, so that a keyword has the same one everywhere. */
export const KeywordColours = ColourContext.Provider;
export const useSlots = () => useContext(ColourContext);

const FALLBACK: Slot = { index: 0, again: false };
export const useSlot = (keyword: string) => useContext(ColourContext).get(keyword) ?? FALLBACK;
export const useColour = (keyword: string) => slotColour(useSlot(keyword));

/** The dot of a keyword; a ring when an earlier keyword has its colour. */
export function Dot({ keyword, large = false }: { keyword: string; large?: boolean }) {
  const slot = useSlot(keyword);
  return <ColourDot colour={slotColour(slot)} again={slot.again} large={large} />;
}

export function ColourDot({
  colour,
  again = false,
  large = false,
}: {
  colour: string;
  again?: boolean;
  large?: boolean;
}) {
  const className = `dot${again ? " again" : ""}${large ? " xl" : ""}`;
  return <i className={className} style={{ "--c": colour }} aria-hidden="true" />;
}
