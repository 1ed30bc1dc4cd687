import { renderStories } from "@/test/renderStories";
import * as stories from "./Shell.stories";

renderStories(stories);
