/** Whether text sorts on the host of a restore as it did where the backup was made. */

export interface CollationLibraries {
  /** `2.36`; `unknown` where the C library is another. */
  readonly glibc: string
  /** Major version of the ICU library: `72`. Absent where the server has none, and in backups of before it was noted. */
  readonly icuLibrary?: string
}

/**
 * One sentence, or none where nothing differs. A database that only sorts by `C` is not touched; which sort by what is in the
 * data, and nobody has looked there before it is restored.
 */
export function collationWarnings(
  component: string,
  host: string,
  made: CollationLibraries & { readonly icu?: string },
  here: CollationLibraries,
): readonly string[] {
  const differ = [
    ...(made.glibc === here.glibc ? [] : [`glibc ${made.glibc}, and host ${host} has ${here.glibc}`]),
    ...(made.icuLibrary === undefined || made.icuLibrary === here.icuLibrary
      ? []
      : [`ICU ${made.icuLibrary}, and host ${host} has ${here.icuLibrary ?? 'a PostgreSQL without it'}`]),
  ]
  if (differ.length === 0) return []
  const why = `${component}: its backup was made with ${differ.join('; with ')}: text may sort in another order, and indexes on text may miss rows`
  const mend =
    'which of its databases that concerns cannot be known before they are restored: reindex them (reindexdb --all), then ALTER DATABASE … REFRESH COLLATION VERSION'
  return [`${why}; ${mend}`]
}
