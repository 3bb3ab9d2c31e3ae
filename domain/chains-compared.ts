/** How what one store says relates to what another says: who is behind, and whether they have grown apart. */
export type ChainRelation = 'same' | 'behind' | 'ahead' | 'apart'

/** @param one, other texts of the records of a chain, in order */
export function compareChains(one: readonly string[], other: readonly string[]): ChainRelation {
  const shared = Math.min(one.length, other.length)
  for (let index = 0; index < shared; index += 1) if (one[index] !== other[index]) return 'apart'
  if (one.length === other.length) return 'same'
  return one.length < other.length ? 'behind' : 'ahead'
}
