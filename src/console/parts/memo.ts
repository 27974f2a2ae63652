/** Components that are drawn again only when they are given something else. */
import { Component, type ComponentChild, type ComponentType } from 'preact';

/** @param render compares its props by identity: the board keeps a call the same object until something of it changes */
export function memo<Props extends object>(render: (props: Props) => ComponentChild): ComponentType<Props> {
  return class extends Component<Props> {
    override shouldComponentUpdate(next: Props): boolean {
      const [before, after] = [this.props as Readonly<Record<string, unknown>>, next as Record<string, unknown>];
      const names = new Set([...Object.keys(before), ...Object.keys(after)]);
      return [...names].some((name) => before[name] !== after[name]);
    }

    override render(): ComponentChild {
      return render(this.props as Props);
    }
  };
}
