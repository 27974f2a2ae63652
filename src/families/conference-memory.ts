/**
 * Which account a conference was last seen in. A conference's command names its conference and no account, and two accounts
 * may each have a conference of the same name: so a command is somebody's only while nobody else has such a conference.
 */

/** Conferences that are remembered; the one not seen for longest gives way. */
const maxConferences = 10_000;
/** For how long a conference counts as somebody's after its last event. */
const ageMs = 3_600_000;

interface Sighting {
  account: string;
  seenAt: number;
  /** When another account's conference of this name was last seen. */
  otherSeenAt: number;
}

export class ConferenceMemory {
  /** By the conference's id; the one seen last stands last. */
  readonly #sightings = new Map<string, Sighting>();

  /** @param now ms, of a clock that is never set */
  constructor(private readonly now: () => number) {}

  /** An event of the conference came, and it was this account's. */
  see(conference: string, account: string): void {
    const now = this.now();
    const known = this.#sightings.get(conference);
    let otherSeenAt = known?.otherSeenAt ?? Number.NEGATIVE_INFINITY;
    if (known !== undefined && known.account !== account) otherSeenAt = Math.max(otherSeenAt, known.seenAt);
    this.#sightings.delete(conference);
    this.#sightings.set(conference, { account, seenAt: now, otherSeenAt });
    if (this.#sightings.size <= maxConferences) return;
    const [oldest] = this.#sightings.keys();
    if (oldest !== undefined) this.#sightings.delete(oldest);
  }

  /** The account whose conference this is; undefined where it was not seen lately, or in more than one account. */
  accountOf(conference: string): string | undefined {
    const known = this.#sightings.get(conference);
    const horizon = this.now() - ageMs;
    return known === undefined || known.seenAt <= horizon || known.otherSeenAt > horizon ? undefined : known.account;
  }
}
