import { renderStories } from "@/test/renderStories";
import * as stories from "./Banner.stories";

renderStories(stories);
