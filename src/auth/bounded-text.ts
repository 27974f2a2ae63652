/** Bodies of HTTP answers, read as far as a limit allows. */

/**
 * @param maxBytes what is longer is not read to its end
 * @returns the body; undefined where it is longer
 * @throws TypeError when the connection breaks
 */
export async function boundedText(response: Response, maxBytes: number): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    // Leaving the loop cancels the rest.
    if (bytes > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
