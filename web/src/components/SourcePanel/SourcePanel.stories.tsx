import type { Meta, StoryObj } from "@storybook/react-vite";
import type { SourceState as State } from "@/data/sources";
import { LONG_KEYWORD, until } from "@/test/samples";
import { fullReport, gap, report } from "@/test/sourceSamples";
import { showsFailure, showsLoading, withStale } from "@/test/states";
import { SourcePanel } from "./SourcePanel";
import { SourceState } from "./SourceState";

const meta = { title: "Operations/SourcePanel", component: SourcePanel } satisfies Meta<typeof SourcePanel>;
export default meta;
type Story = StoryObj<typeof meta>;

export const Typical: Story = { args: { report: report({ gaps: [gap(1)] }), rate: 42.5 } };
/** Everything that a source can have: costs, rules, refused keywords, gaps, a back-fill. */
export const Full: Story = { args: { report: fullReport, rate: 0 } };
export const Empty: Story = {
  args: {
    report: report({
      state: "idle",
      detail: "no keyword is tracked",
      received: 0,
      journaled: 0,
      unmatched: 0,
      duplicate: 0,
      rejected: 0,
      waiting: 0,
      control: 0,
      connected_at: null,
      last_post_at: null,
      last_byte_at: null,
      reconnects: 0,
      keywords: { tracked: 0, pending: [], refused: [], narrow: [] },
    }),
  },
};
export const NotBalanced: Story = { args: { report: report({ received: 482_193 }), rate: 3 } };
export const Gone: Story = { args: { report: report({ state: "gone" }), rate: 3 } };
export const Stopped: Story = {
  args: {
    report: report({
      name: "files",
      kind: "file",
      state: "stopped",
      detail: "3 records were rejected",
      backfill: { from: until, to: until, done: true, posts: 12_404, requests: 0, eta_seconds: null },
    }),
  },
};
export const Burst: Story = {
  args: {
    report: report({
      received: 1_284_000_000,
      journaled: 1_283_469_414,
      waiting: 60_000,
      gaps: Array.from({ length: 40 }, (_, index) => gap(index + 1)),
    }),
    rate: 2_104.4,
  },
};
export const LongContent: Story = {
  args: {
    report: report({
      ...fullReport,
      name: "a_source_with_the_longest_name_32",
      detail: LONG_KEYWORD.repeat(6),
      keywords: {
        tracked: 1_000,
        pending: Array.from({ length: 60 }, (_, index) => `${LONG_KEYWORD}${index}`),
        refused: [{ keyword: LONG_KEYWORD, reason: "x".repeat(400) }],
        narrow: Array.from({ length: 8 }, (_, index) => `雲海${index}`),
      },
    }),
  },
};
export const Loading: Story = { args: Typical.args, render: showsLoading(320) };
export const Stale: Story = { args: Typical.args, decorators: [withStale] };
export const ErrorState: Story = { args: Typical.args, render: showsFailure };

const STATES: readonly State[] = [
  "starting",
  "idle",
  "connecting",
  "live",
  "backing_off",
  "backfilling",
  "capped",
  "refused",
  "stopped",
  "gone",
];
export const States: Story = {
  args: Typical.args,
  render: () => (
    <ul style={{ display: "grid", gap: 8 }}>
      {STATES.flatMap((state) =>
        [null, until].map((at) => (
          <li key={state + at}>
            <SourceState state={state} retry_at={at} />
          </li>
        )),
      )}
    </ul>
  ),
};
