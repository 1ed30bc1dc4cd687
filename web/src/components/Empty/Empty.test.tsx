import { renderStories } from "@/test/renderStories";
import * as stories from "./Empty.stories";

renderStories(stories);
