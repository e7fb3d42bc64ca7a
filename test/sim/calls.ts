/** Ports without time: what a call does, apart from how long it takes and what goes wrong with it. */

/** The same functions, done at once. */
export type Sync<T> = { readonly [K in keyof T]: T[K] extends (...args: infer A) => Promise<infer R> ? (...args: A) => R : T[K] };
