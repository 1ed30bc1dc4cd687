import { renderStories } from "@/test/renderStories";
import * as stories from "./Donut.stories";

renderStories(stories);
