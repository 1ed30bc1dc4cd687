import { renderStories } from "@/test/renderStories";
import * as stories from "./Field.stories";

renderStories(stories);
