import type { Meta, StoryObj } from "@storybook/react-vite";
import { Button } from "./Button";

const meta = { title: "Controls/Button", component: Button } satisfies Meta<typeof Button>;
export default meta;
type Story = StoryObj<typeof meta>;

export const Default: Story = { args: { children: "키워드 추가" } };
export const Primary: Story = { args: { children: "키워드 추가", kind: "primary", icon: "plus" } };
export const Ghost: Story = { args: { children: "건너뛰기", kind: "ghost" } };
export const Danger: Story = { args: { children: "키워드 지우기", kind: "danger", icon: "trash" } };
export const Small: Story = { args: { children: "적용", size: "s" } };
export const Large: Story = { args: { children: "Add keyword", size: "l", kind: "primary" } };
export const Disabled: Story = { args: { children: "적용", disabled: true } };
export const Busy: Story = { args: { children: "적용", disabled: true, "aria-busy": true } };
export const LongContent: Story = { args: { children: "아주 긴 이름의 단추는 한 줄로 서요" } };
