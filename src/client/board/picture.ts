/** All that the board shows, and what of it has changed. Pure: whoever calls says what time it is (Unix time, ms). */
import { Lamps, lampView, Telephones } from './lamps.ts';
import type { Listing, Told } from './listing.ts';
import { type Data, entries } from './reading.ts';
import { Rooms, roomView } from './rooms.ts';
import { Calls } from './rules.ts';
import type { Call, Kind, Registration } from './types.ts';
import { callView } from './views.ts';

/** One kind of things as they are shown, by their id or key. Those that have changed are made anew when somebody looks. */
class Shown<View> {
  readonly #views = new Map<string, View>();
  /** Not made anew yet. */
  readonly #due = new Set<string>();
  #told = new Set<string>();
  #list: readonly View[] | undefined;
  readonly #make: (key: string) => View | undefined;

  /** @param make undefined: it is gone, or nobody wants to see it */
  constructor(make: (key: string) => View | undefined) {
    this.#make = make;
  }

  readonly touch = (key: string): void => {
    this.#due.add(key);
  };

  get(key: string): View | undefined {
    this.#refresh();
    return this.#views.get(key);
  }

  /** The same array until something changes. */
  get list(): readonly View[] {
    this.#refresh();
    this.#list ??= [...this.#views.values()];
    return this.#list;
  }

  /** Which have changed, come or gone since the last time. */
  changed(): ReadonlySet<string> {
    this.#refresh();
    const told = this.#told;
    this.#told = new Set();
    return told;
  }

  #refresh(): void {
    for (const key of this.#due) {
      const view = this.#make(key);
      const isKnown = view === undefined ? this.#views.delete(key) : this.#views.set(key, view).has(key);
      if (isKnown) this.#told.add(key);
    }
    if (this.#due.size > 0) this.#list = undefined;
    this.#due.clear();
  }
}

export class Picture {
  readonly calls: Shown<Call>;
  readonly conferences = new Shown((key) => {
    const room = this.#rooms.rooms.get(key);
    return room && roomView(room);
  });
  readonly registrations = new Shown<Registration>((key) => this.#telephones.registrations.get(key));
  readonly lamps = new Shown((key) => {
    const lamp = this.#lamps.lamps.get(key);
    return lamp && lampView(lamp);
  });
  readonly #calls = new Calls((id, leg) => {
    this.calls.touch(id);
    if (leg !== undefined && this.hasLamps) this.#lamps.follow(leg);
  });
  readonly #rooms = new Rooms((key, legId) => {
    this.conferences.touch(key);
    const leg = this.#calls.legs.get(legId ?? '');
    if (leg !== undefined) this.calls.touch(leg.call.id);
  });
  readonly #telephones = new Telephones(this.registrations.touch);
  readonly #lamps = new Lamps(this.lamps.touch, (id) => this.#calls.hasEnded(id));

  /**
   * @param where which calls are shown
   * @param hasLamps whether lamps are: calls light none otherwise
   */
  constructor(
    where: (call: Call) => boolean,
    private readonly hasLamps = true,
  ) {
    this.calls = new Shown((id) => {
      const call = this.#calls.calls.get(id);
      const view = call && callView(call, (legId) => this.#rooms.of(legId));
      return view !== undefined && where(view) ? view : undefined;
    });
  }

  take(event: Told & { readonly family: string }, now: number): void {
    if (event.family === 'conference') this.#rooms.take(event, now);
    else if (event.family === 'presence') this.#lamps.take(event, now);
    else if (event.family !== 'call') this.#telephones.take(event, now);
    else {
      this.#calls.take(event, now);
      const id = String(event.data.call_id);
      if (this.#calls.hasEnded(id)) this.#rooms.leave(id, now);
    }
  }

  /**
   * A list of the server's.
   * @returns whether it is the whole truth; otherwise it is asked for again
   */
  list(kind: Exclude<Kind, 'lamps'>, result: unknown, listing: Listing): boolean {
    const list = entries(result);
    if (kind === 'conferences') return this.#rooms.list(list, listing);
    if (kind === 'registrations') return this.#telephones.list(list, listing);
    const isWhole = this.#calls.list(list, listing);
    if (listing.isComplete) this.#lamps.compare(listing, (id) => this.#calls.legs.has(id));
    return isWhole;
  }

  /** Who is in the rooms of a name. @returns as `list` */
  listMembers(name: string, room: Data, listing: Listing): boolean {
    return this.#rooms.listMembers(name, entries(room.participants), listing);
  }

  /** Lets go of what is over. @returns whether there is something to let go of later */
  sweep(now: number): boolean {
    // All of them, whatever the first one says.
    return [this.#calls, this.#rooms, this.#telephones, this.#lamps].map((rules) => rules.sweep(now)).includes(true);
  }
}
