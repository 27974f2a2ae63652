/** What the demo plays on: an embedded broker and the simulated PBX, loaded where there is a demo alone. */
import { randomInt } from 'node:crypto';
import type { Bus, ControlChannel } from './bus.ts';
import { controlBindings } from './cluster/messages.ts';
import { demoAccounts } from './demo/demo.ts';
import type { Part } from './parts.ts';
import type { MediaNodes } from './simulator/media-nodes.ts';
import type { Pbx, PbxMessage } from './simulator/pbx.ts';

/** A bus inside this process, and the nodes' conversation on it. */
export interface EmbeddedBroker {
  readonly bus: Bus;
  readonly control: ControlChannel;
}

const mediaQueue = 'media-nodes';

/**
 * What the demo alone needs; a server with a broker never loads it.
 * @param seed of what the PBX plays
 */
export async function loadStage(
  seed = randomInt(2 ** 31),
): Promise<{ readonly broker: EmbeddedBroker; readonly simulator: Part }> {
  const [{ EmbeddedBus }, { EmbeddedControl }, { startPbx }, { mediaPatterns, startMediaNodes }] = await Promise.all([
    import('./embedded-bus/embedded-bus.ts'),
    import('./embedded-bus/embedded-control.ts'),
    import('./simulator/pbx.ts'),
    import('./simulator/media-nodes.ts'),
  ]);
  const bus = new EmbeddedBus();
  let pbx: Pbx | undefined;
  let mediaNodes: MediaNodes | undefined;
  return {
    broker: { bus, control: new EmbeddedControl(bus, controlBindings) },
    simulator: {
      name: 'simulator',
      start() {
        const publish = (message: PbxMessage): void => void bus.publish(message);
        pbx = startPbx({ accounts: demoAccounts, seed, publish });
        const nodes = startMediaNodes(pbx, publish);
        mediaNodes = nodes;
        for (const pattern of mediaPatterns) {
          bus.listen(mediaQueue, pattern, ({ body }) => nodes.hear(JSON.parse(body.toString())));
        }
      },
      stop() {
        mediaNodes?.stop();
        pbx?.stop();
      },
    },
  };
}
