import type { Meta, StoryObj } from "@storybook/react-vite";
import { until } from "@/test/samples";
import { gap, namedGaps } from "@/test/sourceSamples";
import { withStale } from "@/test/states";
import { Tooltip } from "../Chart/Tooltip";
import { gapMarks } from "./GapMarks";

const end = Date.parse(until);
const start = end - 12 * 36e5;

/** A chart's plot, a tooltip, and what stands below, as a chart places them. */
function Placed({ gaps, tip }: { gaps: Parameters<typeof gapMarks>[0]; tip?: readonly [number, number] }) {
  const marks = gapMarks(gaps);
  return (
    <section className="card" style={{ padding: 16 }}>
      <div className="chart" style={{ height: 200 }}>
        <svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
          <path d="M0 80L20 40L40 60L60 20L80 50L100 30" fill="none" stroke="var(--k1)" />
        </svg>
        {marks.layer(start, end, "0")}
        {tip ? (
          <Tooltip x={40} y={20} width={800}>
            <div className="m">11.25 22:00</div>
            {marks.words(...tip)}
          </Tooltip>
        ) : null}
      </div>
      {marks.list(start, end)}
    </section>
  );
}

const meta = { title: "Charts/GapMarks", component: Placed } satisfies Meta<typeof Placed>;
export default meta;
type Story = StoryObj<typeof meta>;

export const Typical: Story = { args: { gaps: namedGaps } };
export const Empty: Story = { args: { gaps: [] } };
export const Filled: Story = { args: { gaps: namedGaps.slice(0, 1) } };
export const Lost: Story = { args: { gaps: namedGaps.slice(1, 2) } };
export const Open: Story = { args: { gaps: namedGaps.slice(3) } };
export const Tip: Story = { args: { gaps: namedGaps, tip: [start, end] } };
export const Stale: Story = { args: { gaps: namedGaps }, decorators: [withStale] };
/** A connection that ends every few minutes. */
export const Burst: Story = {
  args: {
    gaps: Array.from({ length: 200 }, (_, index) => ({
      ...gap(index + 1, {
        from: new Date(start + index * 2e5).toISOString(),
        to: new Date(start + index * 2e5 + 6e4).toISOString(),
        state: index % 9 === 4 ? "lost" : "filled",
      }),
      source: "x",
    })),
    tip: [start, end],
  },
};
export const LongContent: Story = {
  args: { gaps: namedGaps.map((each) => ({ ...each, source: "a_source_with_the_longest_name_32" })) },
};
