/** The part of qlobber that is measured; the package brings no types. */
declare module 'qlobber' {
  class Qlobber<Value> {
    add(topic: string, value: Value): this;
    match(topic: string): Value[];
  }
  const qlobber: { readonly Qlobber: typeof Qlobber };
  export default qlobber;
}
