import { renderStories } from "@/test/renderStories";
import * as stories from "./CodeBlock.stories";

renderStories(stories);
