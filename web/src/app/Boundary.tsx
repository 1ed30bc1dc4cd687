import { Component, type ReactNode } from "react";
import { Broken } from "./Broken";

/** Catches what goes wrong while drawing, so that the rest of the page stays. */
export class Boundary extends Component<
  { children: ReactNode; place: string },
  { error: Error | undefined; place: string }
> {
  override state = { error: undefined as Error | undefined, place: this.props.place };

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  static getDerivedStateFromProps(
    props: { place: string },
    state: { error: Error | undefined; place: string },
  ) {
    return props.place === state.place ? null : { error: undefined, place: props.place };
  }

  override render() {
    return this.state.error ? <Broken detail={this.state.error.message} /> : this.props.children;
  }
}
