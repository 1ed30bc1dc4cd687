import "react";

declare module "react" {
  interface CSSProperties {
    /** The colour of the keyword that an element shows. */
    "--c"?: string;
  }
}
