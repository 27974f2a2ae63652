/** What the demo plays on: an embedded broker and the simulated PBX, loaded where there is a demo alone. */
import { randomInt } from 'node:crypto';
import type { Bus, ControlChannel } from './bus.ts';
import { controlBindings } from './cluster/messages.ts';
import { demoAccounts } from './demo/demo.ts';
import type { Part } from './parts.ts';
import type { Pbx } from './simulator/pbx.ts';

/** A bus inside this process, and the nodes' conversation on it. */
export interface EmbeddedBroker {
  readonly bus: Bus;
  readonly control: ControlChannel;
}

/** What the demo alone needs; a server with a broker never loads it. */
export async function loadStage(): Promise<{ readonly broker: EmbeddedBroker; readonly simulator: Part }> {
  const [{ EmbeddedBus }, { EmbeddedControl }, { startPbx }] = await Promise.all([
    import('./embedded-bus/embedded-bus.ts'),
    import('./embedded-bus/embedded-control.ts'),
    import('./simulator/pbx.ts'),
  ]);
  const bus = new EmbeddedBus();
  let pbx: Pbx | undefined;
  return {
    broker: { bus, control: new EmbeddedControl(bus, controlBindings) },
    simulator: {
      name: 'simulator',
      start() {
        pbx = startPbx({
          accounts: demoAccounts,
          seed: randomInt(2 ** 31),
          publish: (message) => void bus.publish(message),
        });
      },
      stop: () => pbx?.stop(),
    },
  };
}
