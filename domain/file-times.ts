/** Filesystems keep times to 1 ns, 100 ns, 1 µs, 1 ms or 1 s. @param expected nanoseconds, before a filesystem cut it */
export function isSameTime(found: bigint, expected: bigint): boolean {
  return [1n, 100n, 1_000n, 1_000_000n, 1_000_000_000n].some((unit) => found === expected - (((expected % unit) + unit) % unit))
}
