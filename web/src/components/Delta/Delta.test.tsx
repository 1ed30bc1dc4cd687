import { renderStories } from "@/test/renderStories";
import * as stories from "./Delta.stories";

renderStories(stories);
