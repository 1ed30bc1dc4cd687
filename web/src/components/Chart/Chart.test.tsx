import { renderStories } from "@/test/renderStories";
import * as stories from "./Chart.stories";

renderStories(stories);
