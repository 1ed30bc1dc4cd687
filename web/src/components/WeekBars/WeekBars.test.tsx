import { renderStories } from "@/test/renderStories";
import * as stories from "./WeekBars.stories";

renderStories(stories);
