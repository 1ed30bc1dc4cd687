import { fireEvent, render, screen } from "@testing-library/react";
import { expect, it } from "vitest";
import { renderStories } from "@/test/renderStories";
import { StoryFrame } from "@/test/StoryFrame";
import { type Column, Table } from "./Table";
import * as stories from "./Table.stories";

renderStories(stories);

interface Row {
  name: string;
  count: number;
}
const keyOf = ({ name }: Row) => name;

it("draws a row again only when it says something else", () => {
  const drawn: string[] = [];
  const columns: Column<Row>[] = [
    {
      id: "name",
      head: "name",
      cell: ({ name }) => {
        drawn.push(name);
        return name;
      },
    },
  ];
  const table = (rows: Row[]) => (
    <StoryFrame>
      <Table className="" columns={columns} rows={rows} keyOf={keyOf} />
    </StoryFrame>
  );
  const rows = (count: number) => [
    { name: "a", count: 1 },
    { name: "b", count },
  ];
  const { rerender } = render(table(rows(1)));
  drawn.length = 0;
  rerender(table(rows(2)));
  expect(drawn).toEqual(["b"]);
});

it("cuts a long table, and shows the rest when it is asked to", () => {
  const columns: Column<Row>[] = [{ id: "name", head: "name", cell: ({ name }) => name }];
  const rows = Array.from({ length: 300 }, (_, n) => ({ name: `row ${n}`, count: n }));
  const { container } = render(
    <StoryFrame language="en">
      <Table className="" columns={columns} rows={rows} keyOf={keyOf} />
    </StoryFrame>,
  );
  expect(container.querySelectorAll("tbody tr")).toHaveLength(250);
  fireEvent.click(screen.getByText("Show all 300"));
  expect(container.querySelectorAll("tbody tr")).toHaveLength(300);
});
