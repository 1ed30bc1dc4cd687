import { renderStories } from "@/test/renderStories";
import * as stories from "./KeyValue.stories";

renderStories(stories);
