/** Texts with places in them, `order.{STATE}.{ID}`: routing keys, bindings and names of events are described so. Pure. */

/** A word of a routing key or a binding that stands for a value, or for itself. */
export type TemplateWord = { readonly place: string } | { readonly literal: string };

const placeForm = /^\{([A-Z][A-Z0-9_]{0,31})\}$/;
const literalForm = /^[^{}*#.\s]+$/;
const placesIn = /\{([A-Z][A-Z0-9_]{0,31})\}/g;

/** @returns the words; undefined where one is neither a literal nor a place, or a place stands twice */
export function templateWords(template: string): TemplateWord[] | undefined {
  const words: TemplateWord[] = [];
  const places = new Set<string>();
  for (const word of template.split('.')) {
    const place = placeForm.exec(word)?.[1];
    if (place === undefined) {
      if (!literalForm.test(word)) return undefined;
      words.push({ literal: word });
      continue;
    }
    if (places.has(place)) return undefined;
    places.add(place);
    words.push({ place });
  }
  return words;
}

/** The names of the places in a text. */
export function placesOf(template: string): string[] {
  return [...template.matchAll(placesIn)].map((match) => match[1] as string);
}

/** @param value what stands for a place */
export function fill(template: string, value: (place: string) => string): string {
  return template.replaceAll(placesIn, (_all, place: string) => value(place));
}

/** @throws Error where the template is none: those of others are checked before */
export function wordsIn(template: string): TemplateWord[] {
  const words = templateWords(template);
  if (words === undefined) throw new Error(`${template} is no template`);
  return words;
}
