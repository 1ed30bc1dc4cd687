import type { Overview } from "@/data/types";
export default function FirstRun({ overview }: { overview: Overview }) {
  return <p>{overview.total}</p>;
}
