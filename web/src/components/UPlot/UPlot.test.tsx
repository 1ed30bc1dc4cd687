import { renderStories } from "@/test/renderStories";
import * as stories from "./UPlot.stories";

renderStories(stories);
